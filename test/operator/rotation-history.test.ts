import { expect } from "chai";
import { getBytes, hexlify } from "ethers";

import { nobleBls } from "../../src/crypto/bls.js";
import { allAddresses, contractsAt, type NamedAddresses } from "../../src/ledger/contracts.js";
import type { MeshLedger } from "../../src/operator/ledger.js";
import { beaconChainOf, drawInputsOf, readRotationHistory } from "../../src/operator/rotation-history.js";
import { formatBeaconChain, parseBeaconChain, verifyBeaconChain } from "../../src/protocol/beacon-chain.js";
import { explainDraw } from "../../src/protocol/draw-explanation.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { WEIGHT } from "../../src/statements/sortition.js";
import { contractsOf, hold } from "../contracts/measurement-fixture.js";
import { PARAMETERS, connection, opened, registrationOf, secretOf, type Mesh, type Signer } from "../contracts/mesh.js";

const { ethers, networkHelpers } = connection;
const EPOCH = 2n;
const CANDIDATES = 6;

/** The mesh as commands open it, on the test's own chain. */
async function ledgerOf(mesh: Mesh): Promise<MeshLedger> {
  const names = ["anchor", "registry", "ceremony", "groupKeys", "fleets", "revocations", "rotation"] as const;
  const entries = await Promise.all(names.map(async (name) => [name, await mesh[name].getAddress()] as const));
  const addresses = allAddresses(Object.fromEntries(entries) as NamedAddresses);
  const endpoint = {
    label: "the test's chain",
    provider: ethers.provider,
    send: (method: string, params: unknown[]) => ethers.provider.send(method, params),
  };
  return {
    mesh: { chainId: mesh.chainId, meshId: getBytes(mesh.meshId), deployedBlock: 0 },
    endpoint,
    addresses,
    contracts: contractsAt(addresses, ethers.provider),
  } as unknown as MeshLedger;
}

/** What the four members saw of the candidates and of one another. */
const VIEW = { qualities: [15, 12, 9, 6, 3, 0, 0, 0], participation: [15, 10, 5, 0] };

/** Six candidates with stakes of 1 to 6 times the minimum, measured, one of which left; a turn with its beacon. */
async function turned(): Promise<Mesh> {
  const mesh = await opened();
  for (let i = 0; i < CANDIDATES; i++) {
    const member = mesh.members[i] as Signer;
    const registration = await registrationOf(mesh, member.address, secretOf(700n + BigInt(i)), 900n + BigInt(i));
    await mesh.registry.connect(member).register(registration, { value: PARAMETERS.minimumStake * BigInt(i + 1) });
  }
  const measured = await contractsOf(mesh);
  await hold(measured, new Map([1, 2, 3, 4].map((seat) => [seat, VIEW])));
  await measured.reputation.credit(EPOCH - 1n, measured.committee);
  const ranks = Array.from({ length: CANDIDATES }, (_, rank) => rank);
  await mesh.rotation.refresh(ranks);
  await mesh.registry.connect(mesh.members[5] as Signer).exit();
  await mesh.rotation.refresh([5]);
  await networkHelpers.time.increase(PARAMETERS.epochSeconds);
  await mesh.rotation.freeze();
  await networkHelpers.mine(PARAMETERS.finalityBlocks + 1);
  const { blockNumber, prevrandao } = await mesh.rotation.turn();
  const fields = { epoch: EPOCH, previous: getBytes(mesh.meshId), blockNumber, prevrandao: getBytes(prevrandao) };
  await mesh.rotation.postBeacon(EPOCH, await mesh.swarmSign(mesh.rotation, "Beacon", fields));
  return mesh;
}

describe("the history of a mesh's turns", () => {
  let mesh: Mesh;
  let ledger: MeshLedger;

  before(async () => {
    mesh = await turned();
    ledger = await ledgerOf(mesh);
  });

  it("has a chain of beacons that verifies, also from a file", async () => {
    const chain = beaconChainOf(ledger, await readRotationHistory(ledger));
    expect(chain.links).to.have.lengthOf(1);
    expect(hexlify(chain.links[0]?.value ?? new Uint8Array())).to.equal(await mesh.rotation.lastBeacon());
    verifyBeaconChain(chain, nobleBls);
    verifyBeaconChain(parseBeaconChain(formatBeaconChain(chain)), nobleBls);
  });

  it("replays the draw that the contract makes, from weights that follow from what it says of each candidate", async () => {
    const inputs = drawInputsOf(await readRotationHistory(ledger), EPOCH);
    const explained = explainDraw(inputs);
    const drawn = await mesh.rotation.drawn(0, CANDIDATES);
    expect(explained.flatMap(({ account, step }) => (step === undefined ? [] : [account]))).to.deep.equal([...drawn]);
    for (const { rank, weighedBy, weight, barred, words } of explained) {
      expect(weight).to.equal(Number(await mesh.rotation.weightOf(rank)));
      if (barred !== undefined) {
        expect(weight).to.equal(0);
        expect(words).to.include("could not be drawn");
        continue;
      }
      const stake = PARAMETERS.minimumStake * BigInt(rank + 1);
      const quality = Math.ceil((VIEW.qualities[rank] ?? 0) / 2);
      const reputation = [12, 9, 6, 4, WEIGHT.neutral][rank];
      expect(weighedBy).to.deep.equal({ stake, minimumStake: PARAMETERS.minimumStake, quality, reputation });
      expect(words).to.include(`quality ${quality} of 15`).and.to.include(`reputation ${reputation} of 15`);
    }
    expect(explained.filter(({ barred }) => barred === "it was exiting")).to.have.lengthOf(1);
    expect(explained.filter(({ barred }) => barred?.startsWith("it was admitted"))).to.have.lengthOf(0);
  });

  it("says which draws there are, when asked for another", async () => {
    const history = await readRotationHistory(ledger);
    for (const epoch of [1n, 3n]) {
      expect(() => drawInputsOf(history, epoch)).to.throw(SwarmkeepError, `epoch ${epoch}`);
    }
  });
});

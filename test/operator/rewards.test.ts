import { expect } from "chai";
import { HDNodeWallet, Mnemonic, getBytes } from "ethers";
import { network } from "hardhat";

import { type MeshLedger, openMeshLedger, withSender } from "../../src/operator/ledger.js";
import { claimRewards, payIntoPool } from "../../src/operator/rewards.js";
import { readRotationHistory } from "../../src/operator/rotation-history.js";
import { describeHistory, validatorHistory } from "../../src/operator/validator-history.js";
import type { TransactionSender } from "../../src/ledger/sender.js";
import type { MeshFile } from "../../src/runtime/mesh-file.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { contractsOf, hold } from "../contracts/measurement-fixture.js";
import {
  PARAMETERS,
  deployMesh,
  genesisOf,
  officeOf,
  openMesh,
  registrationOf,
  secretOf,
  submit,
  type Mesh,
  type Signer,
} from "../contracts/mesh.js";
import { serve, type Served } from "../ledger/support/serve.js";

const ETHER = 10n ** 18n;
/** Of the accounts that Hardhat's chain begins with. */
const mnemonic = Mnemonic.fromPhrase("test test test test test test test test test test test junk");
const walletOf = (index: number): HDNodeWallet => HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`);
const REGISTRAR = walletOf(8);

async function refusal(work: Promise<unknown>): Promise<SwarmkeepError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SwarmkeepError)) throw new Error(`it was not refused: ${String(error)}`);
  return error;
}

describe("rewards", () => {
  let mesh: Mesh;
  let served: Served;
  let ledger: MeshLedger;

  async function opened(of: Mesh): Promise<MeshLedger> {
    const { chainId, meshId } = of;
    const anchor = await of.anchor.getAddress();
    const file = { rpc: [served.url], chainId, meshId: getBytes(meshId), anchor, deployedBlock: 0 };
    return openMeshLedger(file as unknown as MeshFile);
  }
  const by = <T>(index: number, work: (sender: TransactionSender) => Promise<T>): Promise<T> =>
    withSender(ledger.endpoint, walletOf(index), work);

  before(async () => {
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    ledger = await opened(mesh);
    const own = mesh.members[0] as Signer;
    const registration = await registrationOf(mesh, own.address, secretOf(100n), 1n);
    await mesh.registry.connect(own).register(registration, { value: PARAMETERS.minimumStake });
  });

  after(async () => {
    ledger.close();
    await served.close();
  });

  it("are paid in by a registrar for its grant, earned by who served, claimed, and told in a validator's history", async () => {
    expect(REGISTRAR.address).to.equal(mesh.registrar.address);
    const paid = await by(8, (sender) => payIntoPool(ledger, sender, { amount: ETHER, grantId: undefined }));
    expect(paid).to.include({ grantId: 1n, amount: ETHER, unallotted: ETHER });
    const stranger = by(9, (sender) => payIntoPool(ledger, sender, { amount: ETHER, grantId: undefined }));
    expect(await refusal(stranger)).to.include({ code: "no-grant", kind: "usage" });

    const measured = await contractsOf(mesh);
    const view = { qualities: [15, 9], participation: [15, 15, 6, 0] };
    await hold(measured, new Map([1, 2, 3].map((seat) => [seat, view])));
    await measured.reputation.credit(1n, measured.committee);
    await measured.pool.allot(1n, measured.committee);
    const share = ETHER / 100n / 4n;
    const claimed = await by(0, (sender) => claimRewards(ledger, sender));
    expect(claimed.amount).to.equal(share);
    expect(await refusal(by(0, (sender) => claimRewards(ledger, sender)))).to.include({ code: "nothing-owed" });

    const history = await readRotationHistory(ledger);
    const first = validatorHistory(history, measured.committee[0] as string);
    expect(first).to.deep.include({
      state: "active",
      quality: 8,
      reputation: 12,
      weight: 0,
      served: [{ epoch: 1n, seat: 1, participated: 15, score: 12, reported: true, earned: share }],
      rounds: [{ epoch: 1n, quality: 8 }],
      earned: share,
      owed: 0n,
    });
    expect(describeHistory(first))
      .to.include("did 15 of 15 of what it owed, reputation 12 since")
      .and.to.include("0.0025 ETH");
    const fourth = validatorHistory(history, (measured.committee[3] as string).toLowerCase());
    expect(fourth.served).to.deep.equal([
      { epoch: 1n, seat: 4, participated: 0, score: 4, reported: false, earned: 0n },
    ]);
    expect(describeHistory(fourth)).to.include("gave no report");
    const nobody = mesh.stranger.address;
    expect(() => validatorHistory(history, nobody)).to.throw(SwarmkeepError, nobody);
  });

  it("are nothing to pay for where the mesh was founded without", async () => {
    const other = await deployMesh(mesh.on, 2n);
    await submit(other, await genesisOf(other, { rewardBps: 0 }));
    await other.ceremony.install(officeOf(other));
    const without = await opened(other);
    const paying = by(8, (sender) => payIntoPool(without, sender, { amount: 1n, grantId: undefined }));
    expect(await refusal(paying)).to.include({ code: "rewards-off", kind: "refused" });
    without.close();
  });
});

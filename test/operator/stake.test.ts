import { expect } from "chai";
import { HDNodeWallet, Mnemonic, getBytes } from "ethers";
import { network } from "hardhat";

import { type MeshLedger, openMeshLedger, withSender } from "../../src/operator/ledger.js";
import { addStake, leaveJail, startExit, withdrawStake } from "../../src/operator/stake.js";
import type { TransactionSender } from "../../src/ledger/sender.js";
import type { MeshFile } from "../../src/runtime/mesh-file.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import {
  PARAMETERS,
  officeOf,
  openMesh,
  passProbation,
  registrationOf,
  secretOf,
  type Mesh,
  type Signer,
} from "../contracts/mesh.js";
import { serve, type Served } from "../ledger/support/serve.js";

const { minimumStake, unbondingSeconds } = PARAMETERS;
/** Of the accounts that Hardhat's chain begins with. */
const mnemonic = Mnemonic.fromPhrase("test test test test test test test test test test test junk");
const walletOf = (index: number): HDNodeWallet => HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`);

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SwarmkeepError)) throw new Error(`it was not refused: ${String(error)}`);
  return error.code;
}

describe("the stake of a validator", () => {
  let mesh: Mesh;
  let served: Served;
  let ledger: MeshLedger;
  /** A member that has registered and sits in no committee. */
  const OWN = 5;

  const by = <T>(index: number, work: (sender: TransactionSender) => Promise<T>): Promise<T> =>
    withSender(ledger.endpoint, walletOf(index), work);

  before(async () => {
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    const { chainId, meshId } = mesh;
    const anchor = await mesh.anchor.getAddress();
    const file = { rpc: [served.url], chainId, meshId: getBytes(meshId), anchor, deployedBlock: 0 };
    ledger = await openMeshLedger(file as unknown as MeshFile);
    const own = mesh.members[OWN] as Signer;
    expect(own.address).to.equal(walletOf(OWN).address);
    const registration = await registrationOf(mesh, own.address, secretOf(100n), 1n);
    await mesh.registry.connect(own).register(registration, { value: minimumStake });
  });

  after(async () => {
    ledger.close();
    await served.close();
  });

  it("is added to, leaves with its owner after the time of unbonding, and not before", async () => {
    const { stake } = await by(OWN, (sender) => addStake(ledger, sender, 5n));
    expect(stake).to.equal(BigInt(minimumStake) + 5n);
    expect(await codeOf(by(OWN, (sender) => withdrawStake(ledger, sender)))).to.equal("wrong-state");
    expect(await codeOf(by(OWN, (sender) => leaveJail(ledger, sender)))).to.equal("not-jailed");

    const { withdrawable } = await by(OWN, (sender) => startExit(ledger, sender));
    expect(await codeOf(by(OWN, (sender) => withdrawStake(ledger, sender)))).to.equal("still-bonded");
    expect(await codeOf(by(OWN, (sender) => addStake(ledger, sender, 5n)))).to.equal("wrong-state");
    await mesh.on.networkHelpers.time.increaseTo(withdrawable);
    expect(await by(OWN, (sender) => withdrawStake(ledger, sender))).to.include({ amount: stake });
    expect(await codeOf(by(OWN, (sender) => withdrawStake(ledger, sender)))).to.equal("wrong-state");
    expect(Number(unbondingSeconds)).to.be.greaterThan(0);
  });

  it("of who has a seat begins to unbond with the first withdrawal after that, and is paid by the second", async () => {
    const SEATED = 0;
    const seated = mesh.members[SEATED] as Signer;
    const registration = await registrationOf(mesh, seated.address, secretOf(101n), 2n);
    await mesh.registry.connect(seated).register(registration, { value: minimumStake });
    const { withdrawable: none } = await by(SEATED, (sender) => startExit(ledger, sender));
    expect(none).to.equal(0);
    await mesh.on.networkHelpers.time.increase(unbondingSeconds);
    const early = await by(SEATED, (sender) => withdrawStake(ledger, sender)).catch((error: unknown) => error);
    expect((early as Error).message).to.include("InOffice");
    const committee = mesh.members.slice(1, 5).map(({ address }) => address);
    await mesh.ceremony.install({ ...officeOf(mesh, 2n), committee });
    await passProbation(mesh);
    const begun = await by(SEATED, (sender) => withdrawStake(ledger, sender));
    const now = await mesh.on.networkHelpers.time.latest();
    expect(begun).to.include({ withdrawable: now + unbondingSeconds });
    expect(await codeOf(by(SEATED, (sender) => withdrawStake(ledger, sender)))).to.equal("still-bonded");
    await mesh.on.networkHelpers.time.increase(unbondingSeconds);
    const paid = await by(SEATED, (sender) => withdrawStake(ledger, sender));
    expect(paid).to.include({ amount: BigInt(minimumStake) });
  });

  it("is nothing that a stranger has", async () => {
    for (const work of [startExit, withdrawStake, leaveJail]) {
      expect(await codeOf(by(9, (sender) => work(ledger, sender)))).to.equal("wrong-state");
    }
  });
});

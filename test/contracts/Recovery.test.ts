/** Recovery by the root CA on the contracts: who may ask for new keys, who may stop it, and that a stolen root key alone gets none. */
import { expect } from "chai";
import { AbiCoder, concat, getBytes, id, keccak256, toUtf8Bytes } from "ethers";

import { recoveryDigest } from "../../src/operator/recovery.js";
import { domainSeparator } from "../../src/statements/eip712.js";
import { Generations__factory, Recovery__factory } from "../../typechain-types/index.js";
import { Phase, STAKE, present, register, type CeremonyMesh, type Member } from "./ceremony-fixture.js";
import {
  deployInOffice,
  handOver,
  newKeysToAcknowledge,
  refreshAll,
  reshareToDealing,
  seatsUpTo,
  sitDownToNewKeys,
  startResharing,
  swarmSign,
  takeTurn,
} from "./rotation-fixture.js";

const WINDOW = 86_400n;
const Stage = { None: 0n, Requested: 1n, Cancelled: 2n, Begun: 3n } as const;

async function contractsOf({ ceremony, anchor }: CeremonyMesh) {
  const generations = Generations__factory.connect(await ceremony.generations(), anchor.runner);
  return { generations, recovery: Recovery__factory.connect(await generations.recovery(), anchor.runner) };
}

interface Asked {
  readonly number?: bigint;
  readonly generation?: bigint;
  readonly isCompromised?: boolean;
  readonly members?: readonly { readonly account: string; readonly operator: string }[];
}

/** Ascending by account, with the operators of the genesis. */
function named(mesh: CeremonyMesh, members: readonly Member[]) {
  return members
    .map((member) => ({ account: member.wallet.address, operator: id(`operator ${mesh.members.indexOf(member)}`) }))
    .toSorted((a, b) => (a.account.toLowerCase() < b.account.toLowerCase() ? -1 : 1));
}

/** A request of the last four candidates, and the root CA's signature. */
async function signed(mesh: CeremonyMesh, asked: Asked = {}) {
  const { recovery } = await contractsOf(mesh);
  const members = named(mesh, mesh.members.slice(-4));
  const request = { number: 1n, generation: 1n, isCompromised: false, members, ...asked };
  const verifyingContract = getBytes(recovery.target as string);
  const separator = domainSeparator({ chainId: 31337n, verifyingContract, meshId: mesh.meshId });
  const signature = mesh.rootSign(recoveryDigest(request, separator));
  return [
    { ...request, members: request.members.map((member) => ({ ...member })) },
    signature.slice(0, 32),
    signature.slice(32),
  ] as const;
}

async function passWindow({ chain }: CeremonyMesh): Promise<void> {
  await chain.networkHelpers.time.increase(WINDOW + 1n);
}

/** The named members make keys and take office. */
async function takeOfficeByRecovery(mesh: CeremonyMesh): Promise<void> {
  const { generations } = await contractsOf(mesh);
  await sitDownToNewKeys(mesh);
  const derived = await newKeysToAcknowledge(mesh);
  const { generation, epoch } = await mesh.groupKeys.office();
  const digest = mesh.activationDigest(derived, mesh.meshId, epoch + 1n, generation + 1n);
  const signature = mesh.sign(derived, seatsUpTo(mesh.quorum.t), digest);
  await expect(mesh.ceremony.activate(mesh.id, 1, derived.outcome, signature)).to.be.revertedWithCustomError(
    mesh.ceremony,
    "WrongCaller",
  );
  await expect(
    generations.activateRekey(mesh.id, 1, derived.outcome, signature, signature),
  ).to.be.revertedWithCustomError(generations, "NotARekey");
  await generations.activateRecovery(mesh.id, 1, derived.outcome, signature);
  mesh.incumbents = { seated: mesh.seated, derived, quorum: mesh.quorum };
}

/** The operator of a member whose own one is taken. */
function operatorOfRecovery(account: string): string {
  return concat([toUtf8Bytes("swarmkeep of"), account]);
}

describe("a recovery by the root CA", () => {
  it("is not held up by who has the keys and gives its members' operators away", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery } = await contractsOf(mesh);
    const { registry } = mesh;
    const { ethers } = mesh.chain;
    const expiry = 5_000_000_000n;
    const admit = async (operator: string) => {
      const account = ethers.Wallet.createRandom().address;
      const values = { account: getBytes(account), operator: getBytes(operator), expiry };
      return registry.admit(account, operator, expiry, swarmSign(mesh, registry, "Admission", values));
    };
    const members = Array.from({ length: 4 }, (_, i) => ({
      account: ethers.Wallet.createRandom().address,
      operator: id(`stranger ${i}`),
    })).toSorted((a, b) => (a.account.toLowerCase() < b.account.toLowerCase() ? -1 : 1));
    // One that nobody can have is no way around either.
    const [first, second, third, fourth] = members.map(({ account }) => account) as [string, string, string, string];
    members[2] = { account: third, operator: operatorOfRecovery(fourth) };
    await recovery.requestRecovery(...(await signed(mesh, { members })));

    for (const { account, operator } of members.slice(0, 2)) {
      await admit(operator);
      await admit(keccak256(AbiCoder.defaultAbiCoder().encode(["address", "bytes32"], [account, operator])));
      await expect(admit(operatorOfRecovery(account))).to.be.revertedWithCustomError(registry, "InvalidMember");
    }
    await passWindow(mesh);
    await recovery.beginRecovery(1);
    for (const account of [first, second, third]) {
      const { state, operator } = await registry.validator(account);
      expect([state, operator]).to.deep.equal([1n, operatorOfRecovery(account).toLowerCase()]);
      expect(await registry.candidateOf(operator)).to.equal(account);
    }
    expect((await registry.validator(fourth)).operator).to.equal(members[3]?.operator);
  });

  it("gives nobody a voice who sat in the larger committee before it", async () => {
    const mesh = await deployInOffice(7, 11);
    const former = mesh.seated;
    const { recovery } = await contractsOf(mesh);
    await recovery.requestRecovery(...(await signed(mesh)));
    await passWindow(mesh);
    await recovery.beginRecovery(1);
    await recovery.startRecovery(1);
    await sitDownToNewKeys(mesh);
    const refused = async (call: Promise<unknown>): Promise<void> => {
      await expect(call).to.be.revertedWithCustomError(mesh.ceremony, "NotSeated");
    };
    for (const seat of [5, 6, 7]) await refused(mesh.accept(seat, present(former[seat - 1], "former member")));
    await mesh.seatAll();
    for (const seat of [5, 6, 7]) {
      await refused(mesh.as(present(former[seat - 1], "former member")).deal(mesh.id, 1, seat, "0x", []));
    }
    await mesh.dealAll();
    await mesh.advance();
    const good = await mesh.goodDealings();
    for (const seat of [5, 6, 7]) {
      const as = mesh.as(present(former[seat - 1], "former member"));
      await refused(as.acknowledge(mesh.id, 1, seat, good, new Uint8Array(32).fill(1)));
    }
  });

  it("of lost keys waits for its window, and then puts those into office that the root CA named, under new keys", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery, generations } = await contractsOf(mesh);
    const before = await mesh.groupKeys.office();
    await expect(recovery.requestRecovery(...(await signed(mesh)))).to.emit(recovery, "RecoveryRequested");
    const { until } = await recovery.standing();
    await expect(recovery.beginRecovery(1)).to.be.revertedWithCustomError(recovery, "WindowLasts");
    await expect(recovery.startRecovery(1))
      .to.be.revertedWithCustomError(recovery, "WrongStage")
      .withArgs(Stage.Requested, Stage.Begun);
    // A handover that goes on and on, of a committee that has lost its shares.
    await reshareToDealing(mesh);
    if (BigInt(await mesh.chain.networkHelpers.time.latest()) <= until) await passWindow(mesh);
    await expect(recovery.beginRecovery(1)).to.emit(recovery, "RecoveryBegun").withArgs(1n);
    await expect(recovery.startRecovery(1))
      .to.emit(mesh.ceremony, "AttemptFailed")
      .to.emit(generations, "RecoveryStarted")
      .withArgs(3n, 2n);
    await expect(recovery.startRecovery(1)).to.be.revertedWithCustomError(mesh.ceremony, "CeremonyRunning");

    await takeOfficeByRecovery(mesh);
    const office = await mesh.groupKeys.office();
    expect([office.generation, office.epoch]).to.deep.equal([2n, 2n]);
    expect(office.edKey).not.to.equal(before.edKey);
    expect([...office.committee]).to.have.members(mesh.members.slice(-4).map(({ wallet }) => wallet.address));
    expect(await recovery.isUnderWay()).to.equal(false);
    await expect(recovery.startRecovery(1)).to.be.revertedWithCustomError(recovery, "WrongGeneration");
    await handOver(mesh);
    expect((await mesh.groupKeys.office()).edKey).to.equal(office.edKey);
  });

  it("is asked for by the root CA alone, about the current keys, once a number, of members in one order", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery } = await contractsOf(mesh);
    const [request, r, s] = await signed(mesh);
    const refused = (change: Asked) => {
      const members = (change.members ?? request.members).map((member) => ({ ...member }));
      return recovery.requestRecovery({ ...request, ...change, members }, r, s);
    };
    const others = named(mesh, mesh.members.slice(0, 4));
    for (const change of [{ isCompromised: true }, { members: others }]) {
      await expect(refused(change)).to.be.revertedWithCustomError(recovery, "InvalidRootSignature");
    }
    await expect(recovery.requestRecovery(request, s, r)).to.be.revertedWithCustomError(
      recovery,
      "InvalidRootSignature",
    );
    await expect(refused({ generation: 2n }))
      .to.be.revertedWithCustomError(recovery, "WrongGeneration")
      .withArgs(2n, 1n);
    for (const number of [0n, 2n]) {
      await expect(refused({ number })).to.be.revertedWithCustomError(recovery, "WrongRequest").withArgs(number, 1n);
    }
    await expect(refused({ members: request.members.slice(1) }))
      .to.be.revertedWithCustomError(recovery, "InvalidMembers")
      .withArgs(3n);
    const [first, second, ...rest] = request.members;
    for (const members of [
      [present(second, "member"), present(first, "member"), ...rest],
      [present(first, "member"), present(first, "member"), ...rest],
    ]) {
      await expect(refused({ members })).to.be.revertedWithCustomError(recovery, "UnorderedMember");
    }
    await recovery.requestRecovery(request, r, s);
    await expect(recovery.requestRecovery(request, r, s)).to.be.revertedWithCustomError(recovery, "WrongRequest");
  });

  it("is cancelled by the swarm within the window, so that a stolen root key takes nothing; later it is too late", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery } = await contractsOf(mesh);
    const cancellation = (number: bigint, seats?: readonly number[]) =>
      swarmSign(mesh, recovery, "RecoveryCancellation", { number }, seats);
    await expect(recovery.cancelRecovery(1, cancellation(1n))).to.be.revertedWithCustomError(recovery, "WrongRequest");
    await recovery.requestRecovery(...(await signed(mesh)));
    const tooFew = cancellation(1n, [1, 2]);
    await expect(recovery.cancelRecovery(1, tooFew)).to.be.revertedWithCustomError(recovery, "InvalidSwarmSignature");
    await expect(recovery.cancelRecovery(1, cancellation(1n)))
      .to.emit(recovery, "RecoveryCancelled")
      .withArgs(1n);
    await passWindow(mesh);
    await expect(recovery.beginRecovery(1))
      .to.be.revertedWithCustomError(recovery, "WrongStage")
      .withArgs(Stage.Cancelled, Stage.Requested);

    // The next request takes another cancellation, and in time.
    await recovery.requestRecovery(...(await signed(mesh, { number: 2n })));
    await expect(recovery.cancelRecovery(2, cancellation(1n))).to.be.revertedWithCustomError(
      recovery,
      "InvalidSwarmSignature",
    );
    await passWindow(mesh);
    await expect(recovery.cancelRecovery(2, cancellation(2n))).to.be.revertedWithCustomError(recovery, "WindowOver");
  });

  it("of keys in wrong hands takes more than a third of the committee's word, and no signature under them stops it", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery, generations } = await contractsOf(mesh);
    await recovery.requestRecovery(...(await signed(mesh, { isCompromised: true })));
    const cancellation = swarmSign(mesh, recovery, "RecoveryCancellation", { number: 1n });
    await expect(recovery.cancelRecovery(1, cancellation)).to.be.revertedWithCustomError(recovery, "NotCancellable");
    await passWindow(mesh);
    const declare = (member: Member) => recovery.connect(member.wallet).declareCompromise(1);
    const [one, two] = mesh.seated;
    await declare(present(one, "member"));
    await expect(declare(present(one, "member"))).to.be.revertedWithCustomError(recovery, "AlreadyDeclared");
    const outsider = present(mesh.members.at(-1), "outsider");
    await expect(declare(outsider))
      .to.be.revertedWithCustomError(recovery, "NotInOffice")
      .withArgs(outsider.wallet.address);
    await expect(recovery.beginRecovery(1))
      .to.be.revertedWithCustomError(recovery, "TooFewDeclarations")
      .withArgs(1n, 2n);
    await declare(present(two, "member"));
    await recovery.beginRecovery(1);
    // Whoever has the keys starts no re-key any more, and a handover is given up.
    const rekey = { generation: 2n, expiry: 5_000_000_000n };
    await expect(
      generations.startRekey(rekey.generation, rekey.expiry, swarmSign(mesh, generations, "Rekey", rekey)),
    ).to.be.revertedWithCustomError(generations, "RecoveryUnderWay");
    await refreshAll(mesh);
    await takeTurn(mesh);
    await startResharing(mesh);
    await recovery.startRecovery(1);
    await takeOfficeByRecovery(mesh);
    expect(await mesh.groupKeys.generation()).to.equal(2n);
  });

  it("of lost keys takes no declarations", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery } = await contractsOf(mesh);
    await recovery.requestRecovery(...(await signed(mesh)));
    await expect(recovery.connect(mesh.memberAt(1).wallet).declareCompromise(1)).to.be.revertedWithCustomError(
      recovery,
      "NotCompromised",
    );
  });

  it("admits members that nobody knew, waits until they are registered, and tries again where an attempt fails", async () => {
    const mesh = await deployInOffice(4, 8);
    const { recovery, generations } = await contractsOf(mesh);
    await expect(mesh.registry.acceptRecovery([])).to.be.revertedWithCustomError(mesh.registry, "WrongCaller");
    await expect(generations.startRecovery([])).to.be.revertedWithCustomError(generations, "WrongCaller");
    const { ethers, networkHelpers } = mesh.chain;
    const strangers: Member[] = [];
    for (let i = 0; i < 4; i++) {
      const wallet = ethers.Wallet.createRandom().connect(ethers.provider) as unknown as Member["wallet"];
      await networkHelpers.setBalance(wallet.address, 10n * STAKE);
      strangers.push({ wallet, secret: 0n });
    }
    // An operator that has a candidate already, and nobody's.
    const members = named(mesh, strangers).map(({ account }, i) => ({
      account,
      operator: i === 0 ? id("operator 0") : id(`stranger ${i}`),
    }));
    await recovery.requestRecovery(...(await signed(mesh, { members })));
    await passWindow(mesh);
    await recovery.beginRecovery(1);
    await expect(recovery.startRecovery(1)).to.be.revertedWithCustomError(recovery, "TooFewEligible").withArgs(0n, 3n);
    mesh.members.push(...strangers);
    for (const stranger of strangers.slice(0, 3)) await register(mesh, stranger);
    await recovery.startRecovery(1);
    await sitDownToNewKeys(mesh);
    await mesh.advanceLate();
    await mesh.advanceLate().catch(() => undefined);
    expect((await mesh.status()).phase).to.equal(Phase.Abandoned);
    await recovery.startRecovery(1);
    await sitDownToNewKeys(mesh);
    // Another request meanwhile, which has had no window: it invites nobody to a ceremony that runs.
    await recovery.requestRecovery(
      ...(await signed(mesh, { number: 2n, members: named(mesh, mesh.members.slice(0, 4)) })),
    );
    expect([...(await generations.members())]).to.deep.equal(members.map(({ account }) => account));
    await mesh.acceptAll();
    await mesh.advanceLate();
    expect((await mesh.status()).phase).to.equal(Phase.Deal);
  });
});

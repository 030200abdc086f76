/** Handovers of the group keys on the contracts: real shares, real dealings, and the office that follows. */
import { expect } from "chai";
import { getBytes } from "ethers";

import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { drawMembers } from "../../src/protocol/sortition.js";
import { Defect, Phase, STAKE, openingStruct, present, type CeremonyMesh, type Member } from "./ceremony-fixture.js";
import {
  deployInOffice,
  handOver,
  passEpoch,
  passProbation,
  postHead,
  refreshAll,
  reshareToAcknowledge,
  reshareToDealing,
  startResharing,
  swarmSign,
  takeOffice,
  takeTurn,
} from "./rotation-fixture.js";

const FAR = 5_000_000_000n;
const ONES = new Uint8Array(32).fill(0xff);

/** Stakes that all differ, on the ledger and in the tree. */
async function weighDistinctly(mesh: CeremonyMesh): Promise<void> {
  for (const [i, { wallet }] of mesh.members.entries()) {
    if (i > 0) await mesh.registry.connect(wallet).addStake({ value: (STAKE * BigInt(i)) / 2n });
  }
  await refreshAll(mesh);
}

/** Members in the order of the turn's permutation, replayed off the ledger. */
async function permutationOf({ rotation, members }: CeremonyMesh): Promise<Member[]> {
  const weights = await Promise.all(members.map(async (_, rank) => Number(await rotation.weightOf(rank))));
  const order = drawMembers(weights, getBytes(await rotation.lastBeacon()), 0, members.length);
  return order.map((rank) => present(members[rank], `candidate ${rank}`));
}

const addresses = (members: readonly (Member | undefined)[]) => members.map((member) => member?.wallet.address);

describe("a resharing", () => {
  it("hands both keys to the drawn, who sign under them, and makes shares of two epochs useless together", async () => {
    const mesh = await deployInOffice(4, 9);
    const { blsKey, edKey } = await mesh.groupKeys.office();
    const before = present(mesh.incumbents, "committee").derived;
    await weighDistinctly(mesh);
    await takeTurn(mesh);
    const drawn = (await permutationOf(mesh)).slice(0, 4);
    const derived = await reshareToAcknowledge(mesh);
    expect(new Set(addresses(mesh.seated))).to.deep.equal(new Set(addresses(drawn)));
    await takeOffice(mesh, derived);

    const office = await mesh.groupKeys.office();
    expect([office.generation, office.epoch, office.ceremony]).to.deep.equal([1n, 2n, 2n]);
    expect([office.blsKey, office.edKey]).to.deep.equal([blsKey, edKey]);
    expect(office.committee).to.deep.equal(addresses(mesh.seated));
    await postHead(mesh);

    // Two shares of this epoch and one of the epoch before, of seats that differ: t of them, and no signature.
    const mixed = new Map([
      [1, present(derived.shares.get(1), "share")],
      [2, present(derived.shares.get(2), "share")],
      [3, present(before.shares.get(3), "share")],
    ]);
    mesh.incumbents = { ...present(mesh.incumbents, "committee"), derived: { ...derived, shares: mixed } };
    await expect(postHead(mesh)).to.be.revertedWithCustomError(mesh.revocations, "InvalidSwarmSignature");
  });

  it("binds who is invited, also if it leaves before it accepts, until the seat is another's", async () => {
    const mesh = await deployInOffice(4, 12);
    await refreshAll(mesh);
    const signature = swarmSign(mesh, mesh.rotation, "Resize", { seats: 7n, expiry: FAR });
    await mesh.rotation.resize(7, FAR, signature);
    await takeTurn(mesh);
    await startResharing(mesh);
    const incumbents = await mesh.groupKeys.committee();
    const invited = async () => [...(await mesh.ceremony.receiversOf(mesh.id))];
    const newcomer = present(
      (await invited()).find((account) => !incumbents.includes(account)),
      "newcomer",
    );
    const { wallet } = present(
      mesh.members.find((member) => member.wallet.address === newcomer),
      "newcomer",
    );
    const registry = mesh.registry.connect(wallet);
    await expect(registry.exit()).to.emit(registry, "ExitStarted").withArgs(newcomer, 0n);
    await expect(registry.withdraw()).to.be.revertedWithCustomError(registry, "InOffice").withArgs(newcomer);
    await mesh.advanceLate();
    expect(await invited()).not.to.include(newcomer);
    expect(await mesh.groupKeys.isBound(newcomer)).to.equal(false);
    await expect(registry.withdraw()).to.emit(registry, "ExitStarted");
  });

  it("changes the committee's size from 4 to 7 to 4 under the same keys", async () => {
    const mesh = await deployInOffice(4, 8);
    const key = await mesh.groupKeys.edKey();
    await weighDistinctly(mesh);
    for (const seats of [7, 4]) {
      const signature = swarmSign(mesh, mesh.rotation, "Resize", { seats: BigInt(seats), expiry: FAR });
      await mesh.rotation.resize(seats, FAR, signature);
      await handOver(mesh);
      await passProbation(mesh);
      expect(await mesh.groupKeys.committee()).to.have.length(seats);
      expect(await mesh.groupKeys.edKey()).to.equal(key);
    }
    expect(await mesh.groupKeys.epoch()).to.equal(3n);
  });

  it("of four after seven leaves nobody a seat of the seven: they accept nothing and acknowledge nothing", async () => {
    const mesh = await deployInOffice(7, 12);
    await weighDistinctly(mesh);
    const signature = swarmSign(mesh, mesh.rotation, "Resize", { seats: 4n, expiry: FAR });
    await mesh.rotation.resize(4, FAR, signature);
    await takeTurn(mesh);
    const former = mesh.seated;
    await startResharing(mesh);
    const refusedAt = async (call: Promise<unknown>, seat: number): Promise<void> => {
      const { address } = present(former[seat - 1], "former member").wallet;
      await expect(call).to.be.revertedWithCustomError(mesh.ceremony, "NotSeated").withArgs(address, seat);
    };
    for (const seat of [5, 6, 7]) await refusedAt(mesh.accept(seat, present(former[seat - 1], "member")), seat);
    await mesh.seatAll();
    await mesh.dealAll();
    await mesh.advance();
    for (const seat of [5, 6, 7]) {
      const as = mesh.as(present(former[seat - 1], "former member"));
      await refusedAt(as.acknowledge(mesh.id, 1, seat, await mesh.goodDealings(), new Uint8Array(32)), seat);
    }
    const derived = await mesh.acknowledgeAll();
    await mesh.advance();
    await takeOffice(mesh, derived);
    expect(await mesh.groupKeys.committee()).to.deep.equal(addresses(mesh.seated));
  });

  it("goes on with t of the old and n - f of the new; who did not deal pays, and another takes an absent one's seat", async () => {
    const mesh = await deployInOffice(4, 7);
    await weighDistinctly(mesh);
    await takeTurn(mesh);
    const order = await permutationOf(mesh);
    await startResharing(mesh);
    expect(addresses(await mesh.invited())).to.deep.equal(addresses(order.slice(0, 4)));
    // The second does not answer: the fifth of the same permutation is asked, the others keep their places.
    await mesh.acceptAll([present(order[1], "member")]);
    await mesh.advanceLate();
    expect(addresses(await mesh.invited())).to.deep.equal(addresses([0, 4, 2, 3].map((k) => order[k])));
    // The fifth does not either, and the sixth comes; then one of the old is silent, and one of the new after its seat.
    await mesh.advanceLate();
    expect(addresses(await mesh.invited())).to.deep.equal(addresses([0, 5, 2, 3].map((k) => order[k])));
    await mesh.seatAll();
    const silent = present(mesh.dealers[0], "dealer");
    const stake = await mesh.stakeOf(silent);
    await mesh.dealAll([1]);
    await mesh.advanceLate();
    expect(await mesh.stakeOf(silent)).to.equal(stake - stake / 20n);
    const derived = await mesh.acknowledgeAll([4]);
    await mesh.advanceLate();
    const digest = mesh.activationDigest(derived, mesh.meshId, 2n);
    await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, [1, 2, 3], digest));
    expect(await mesh.groupKeys.epoch()).to.equal(2n);
  });

  it("with the whole new committee silent leaves the old one in office, and asks everybody before it waits", async () => {
    const mesh = await deployInOffice(4, 6);
    await refreshAll(mesh);
    await takeTurn(mesh);
    const order = await permutationOf(mesh);
    await startResharing(mesh);
    await mesh.advanceLate();
    expect(addresses(await mesh.invited()).slice(0, 2)).to.deep.equal(addresses(order.slice(4, 6)));
    for (let i = 0; i < 3; i++) await mesh.advanceLate();
    expect((await mesh.status()).phase).to.equal(Phase.Accept);
    expect(await mesh.groupKeys.epoch()).to.equal(1n);
    await postHead(mesh);
  });

  it("is refused before its beacon, twice in a turn, while another runs, and once office was taken", async () => {
    const mesh = await deployInOffice(4, 5);
    const { ceremony, rotation } = mesh;
    await refreshAll(mesh);
    await expect(ceremony.startResharing()).to.be.revertedWithCustomError(rotation, "WrongTurn").withArgs(2n, 0n);
    await passEpoch(mesh);
    await rotation.freeze();
    await expect(ceremony.startResharing()).to.be.revertedWithCustomError(rotation, "BeaconMissing").withArgs(2n);
    const fresh = await deployInOffice(4, 5);
    await refreshAll(fresh);
    await takeTurn(fresh);
    const derived = await reshareToAcknowledge(fresh);
    await expect(fresh.ceremony.startResharing())
      .to.be.revertedWithCustomError(fresh.ceremony, "CeremonyRunning")
      .withArgs(2n);
    await expect(fresh.ceremony.startKeyGeneration())
      .to.be.revertedWithCustomError(fresh.ceremony, "KeysExist")
      .withArgs(1n);
    await takeOffice(fresh, derived);
    await expect(fresh.ceremony.startResharing())
      .to.be.revertedWithCustomError(fresh.rotation, "WrongTurn")
      .withArgs(3n, 0n);
  });

  it("refuses what is early, late, repeated or of another ceremony, and names the phase that it is in", async () => {
    const mesh = await deployInOffice(4, 5);
    const { ceremony } = mesh;
    const [first] = present(mesh.incumbents, "committee").seated;
    const old = mesh.as(present(first, "member"));
    await refreshAll(mesh);
    await takeTurn(mesh);
    const bytes = mesh.makeDealing(1);
    await startResharing(mesh);
    const refused = async (call: Promise<unknown>, name: string, ...args: unknown[]) =>
      expect(call)
        .to.be.revertedWithCustomError(ceremony, name)
        .withArgs(...args);

    // Early.
    await refused(old.deal(2n, 1, 1, bytes, []), "WrongPhase", Phase.Accept, Phase.Deal);
    await refused(old.acknowledge(2n, 1, 1, 0, mesh.meshId), "WrongPhase", Phase.Accept, Phase.Acknowledge);
    // Asked for before the call: a promise that fails while another is awaited fails unheard.
    const { deadline } = await mesh.status();
    await refused(ceremony.advance(2n), "PhaseLasts", deadline);
    // Of another attempt, of the ceremony before, of one that nobody began.
    await refused(old.deal(2n, 2, 1, bytes, []), "WrongAttempt", 2n, 2n, 1n);
    await refused(old.deal(1n, 1, 1, bytes, []), "WrongCeremony", 1n, 2n);
    await refused(old.deal(3n, 1, 1, bytes, []), "WrongCeremony", 3n, 2n);
    await refused(ceremony.advance(1n), "WrongCeremony", 1n, 2n);
    // Repeated.
    await mesh.acceptAll();
    const [invited] = await mesh.invited();
    const key = openingPoint();
    await refused(mesh.as(present(invited, "member")).accept(2n, 1, 1, key), "AlreadyDone", 1n);
    await mesh.advance();
    await mesh.takeSeats();
    await mesh.deal(1);
    await refused(mesh.deal(1), "AlreadyDone", 1n);
    // Late.
    await mesh.passDeadline();
    const over = (await mesh.status()).deadline;
    await refused(mesh.deal(2), "PhaseOver", over);

    function openingPoint() {
      return { xHi: 0n, xLo: 0n, yHi: 0n, yLo: 0n };
    }
  });

  it("takes a dealing of the dealer's own share alone", async () => {
    const mesh = await deployInOffice(4, 5);
    await reshareToDealing(mesh);
    const root = await mesh.groupKeys.verificationRoot();
    const incumbents = present(mesh.incumbents, "committee");
    const dealer = mesh.as(present(mesh.dealers[0], "dealer"));
    // Constants of another seat, and none at all: shares that nobody holds would change the keys.
    const { shares } = incumbents.derived;
    const another = new Map([...shares, [1, present(shares.get(2), "share")] as const]);
    mesh.incumbents = { ...incumbents, derived: { ...incumbents.derived, shares: another } };
    const foreign = mesh.makeDealing(1);
    mesh.incumbents = incumbents;
    for (const opening of [mesh.openingOf(1), mesh.openingOf(2)]) {
      await expect(dealer.deal(2n, 1, 1, foreign, opening))
        .to.be.revertedWithCustomError(mesh.ceremony, "NotTheDealersShare")
        .withArgs(1n, root);
    }
    await expect(dealer.deal(2n, 1, 1, foreign, [])).to.be.revertedWithCustomError(mesh.ceremony, "InvalidPathLength");
    // Its own share, with a proof that does not hold, or one of another length.
    const own = mesh.makeDealing(1);
    const high = mesh.altered(1, ({ proof }) => ({ proof: { ...proof, responses: [bytesToNumberBE(ONES)] } }));
    const flipped = own.slice();
    flipped[127] = present(flipped[127], "byte") ^ 1;
    for (const bytes of [high, flipped, new Uint8Array(own.length)]) {
      await expect(dealer.deal(2n, 1, 1, bytes, mesh.openingOf(1))).to.be.revertedWithCustomError(
        mesh.ceremony,
        "InvalidDealingProof",
      );
    }
    for (const bytes of [own.slice(1), new Uint8Array(own.length + 80)]) {
      await expect(dealer.deal(2n, 1, 1, bytes, mesh.openingOf(1)))
        .to.be.revertedWithCustomError(mesh.ceremony, "InvalidLength")
        .withArgs(bytes.length, own.length);
    }
    // A receiver of the new committee that is not of the old one has nothing to deal.
    const outsider = present(
      mesh.members.find((member) => !incumbents.seated.includes(member)),
      "outsider",
    );
    await expect(mesh.as(outsider).deal(2n, 1, 1, foreign, []))
      .to.be.revertedWithCustomError(mesh.ceremony, "NotSeated")
      .withArgs(outsider.wallet.address, 1n);
  });

  for (const kind of ["g1", "ed25519"] as const) {
    it(`slashes an old member for a bad ${kind} share to a new one, and goes on without it`, async () => {
      const mesh = await deployInOffice(4, 6);
      await reshareToDealing(mesh);
      await mesh.deal(2, mesh.spoilShare(2, 3, kind));
      await mesh.dealAll();
      await mesh.advance();
      const cheat = present(mesh.dealers[1], "dealer");
      const opening = openingStruct(mesh.open(2, 3, kind));
      await expect(mesh.as(mesh.memberAt(3)).complain(mesh.id, 1, 2, 3, Defect[kind], opening))
        .to.emit(mesh.ceremony, "ComplaintUpheld")
        .withArgs(2n, 1n, 2n, 3n, BigInt(Defect[kind]));
      expect(await mesh.stakeOf(cheat)).to.equal(STAKE - STAKE / 5n);
      const derived = await mesh.acknowledgeAll();
      await mesh.advance();
      expect((await mesh.status()).counted).to.equal(0b11010n);
      await takeOffice(mesh, derived);
      expect(await mesh.groupKeys.epoch()).to.equal(2n);
    });
  }

  it("that fails is tried again with the same permutation, those that it failed by last, and keeps the old in office", async () => {
    const mesh = await deployInOffice(4, 8);
    await refreshAll(mesh);
    await takeTurn(mesh);
    const order = await permutationOf(mesh);
    await startResharing(mesh);
    await mesh.seatAll();
    await mesh.dealAll();
    await mesh.advance();
    // Two of the new never acknowledge: too few, and the attempt fails by them.
    const [one, two, ...silent] = mesh.seated;
    await mesh.acknowledgeAll([3, 4]);
    await mesh.advanceLate();
    await mesh.advanceLate();
    expect((await mesh.status()).attempt).to.equal(2n);
    const others = order.filter((member) => member === one || member === two || !silent.includes(member)).slice(0, 4);
    expect(addresses(await mesh.invited())).to.deep.equal(addresses(others));
    expect(await mesh.groupKeys.epoch()).to.equal(1n);
  });

  it("whose committee makes no heads gives office back to the one before, whose shares work on", async () => {
    const mesh = await deployInOffice(4, 8);
    const { groupKeys } = mesh;
    await refreshAll(mesh);
    await postHead(mesh);
    const before = present(mesh.incumbents, "committee");
    await handOver(mesh);
    await mesh.chain.networkHelpers.time.increaseTo((await groupKeys.probation()).until + 1n);
    await groupKeys.revertOffice();
    mesh.incumbents = before;
    expect(await groupKeys.verificationRoot()).to.equal(before.derived.outcome.verificationRoot);
    await postHead(mesh);
    // And hands over again, from its own shares, in the next turn.
    await handOver(mesh);
    expect(await groupKeys.epoch()).to.equal(4n);
    await passProbation(mesh);
    expect(await groupKeys.inProbation()).to.equal(false);
  });
});

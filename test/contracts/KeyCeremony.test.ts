import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { commit, ed, g1, randomScalar } from "../../src/crypto/group.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { EIGHT_TORSION } from "../crypto/ceremony-fixture.js";
import {
  Defect,
  deployMesh,
  g1Struct,
  Offence,
  openingStruct,
  Phase,
  PHASE,
  present,
  register,
  SLASH_BPS,
  STAKE,
  type CeremonyMesh,
  type Member,
} from "./ceremony-fixture.js";

const SLASHED = STAKE - (STAKE * SLASH_BPS) / 10_000n;
const QUARTER = STAKE - (STAKE * SLASH_BPS) / 40_000n;

function seatsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Whether the dealer at `seat` alone lost the price of an offence, nobody else anything. */
async function expectOnlySlashed(mesh: CeremonyMesh, culprit: Member, left = SLASHED): Promise<void> {
  for (const member of mesh.members) {
    expect(await mesh.stakeOf(member)).to.equal(member === culprit ? left : STAKE);
  }
}

/** The compressed encoding of the smallest x that has a point, which is outside the subgroup, or that has none. */
function smallestX(onCurve: boolean): Uint8Array {
  const { Fp } = bls12_381.fields;
  const hasPoint = (x: bigint) => Fp.pow(Fp.create(x ** 3n + 4n), (Fp.ORDER - 1n) / 2n) === 1n;
  let x = 1n;
  while (hasPoint(x) !== onCurve) x++;
  const bytes = new Uint8Array(48);
  bytes[0] = 0x80;
  bytes[47] = Number(x);
  return bytes;
}

describe("KeyCeremony", () => {
  describe("with honest members", () => {
    for (const n of [4, 7]) {
      it(`puts ${n} into office in one attempt, without waiting for a deadline`, async () => {
        const mesh = await deployMesh(n);
        const derived = await mesh.runToAcknowledge();
        const { t, a } = quorumOf(n);
        await mesh.acknowledge(seatsUpTo(a), derived.outcomeHash);
        await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, seatsUpTo(t)));

        expect((await mesh.status()).phase).to.equal(Phase.Active);
        expect(await mesh.groupKeys.generation()).to.equal(1n);
        expect(await mesh.groupKeys.epoch()).to.equal(1n);
        expect(await mesh.groupKeys.edKey()).to.equal(derived.outcome.edKey);
        expect(await mesh.groupKeys.committee()).to.deep.equal(mesh.seated.map(({ wallet }) => wallet.address));
        await expect(mesh.ceremony.startKeyGeneration()).to.be.revertedWithCustomError(mesh.ceremony, "KeysExist");
        await expect(mesh.ceremony.advance(mesh.id)).to.be.revertedWithCustomError(mesh.ceremony, "WrongPhase");
      });
    }

    it("numbers seats in ascending order of account", async () => {
      const mesh = await deployMesh(7);
      await mesh.runToComplain();
      const accounts = mesh.seated.map(({ wallet }) => wallet.address.toLowerCase());
      expect(accounts).to.deep.equal(accounts.toSorted());
    });

    it("starts only when enough genesis members are registered, and only one ceremony at a time", async () => {
      const mesh = await deployMesh(4, 5, 2);
      const { ceremony } = mesh;
      await expect(ceremony.startKeyGeneration())
        .to.be.revertedWithCustomError(ceremony, "TooFewCandidates")
        .withArgs(3, 4);
      await register(mesh, present(mesh.members[4], "fifth member"));
      await ceremony.startKeyGeneration();
      expect(await mesh.invited()).to.deep.equal([0, 1, 2, 4].map((i) => mesh.members[i]));
      await expect(ceremony.startKeyGeneration())
        .to.be.revertedWithCustomError(ceremony, "CeremonyRunning")
        .withArgs(1);
    });
  });

  describe("against a cheating dealer", () => {
    for (const kind of ["g1", "ed25519"] as const) {
      it(`slashes it for a bad ${kind} share, and goes on without it`, async () => {
        const mesh = await deployMesh(4);
        await mesh.runToComplain(new Map([[2, (mesh) => mesh.spoilShare(2, 4, kind)]]));
        const cheat = mesh.memberAt(2);
        await mesh.complain(2, 4, kind);
        await expectOnlySlashed(mesh, cheat);

        await expect(mesh.complain(2, 4, kind))
          .to.be.revertedWithCustomError(mesh.ceremony, "NoDealing")
          .withArgs(2);
        await mesh.advanceLate();
        expect((await mesh.status()).counted).to.equal(0b11010n);
        const derived = await mesh.derive();
        await mesh.acknowledge([1, 3, 4], derived.outcomeHash);
        await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, [1, 3, 4]));
        expect((await mesh.status()).phase).to.equal(Phase.Active);
      });
    }

    for (const [name, kind, bytes] of [
      ["a G1 commitment without the flag of a compressed point", "g1", new Uint8Array(48)],
      ["a G1 commitment that is infinity and more", "g1", new Uint8Array(48).fill(0xc0, 0, 2)],
      ["a G1 commitment with x above the prime", "g1", new Uint8Array(48).fill(0xff).fill(0x9f, 0, 1)],
      ["a G1 commitment off the curve", "g1", smallestX(false)],
      ["a G1 commitment outside the subgroup", "g1", smallestX(true)],
      ["an Ed25519 commitment with y above the prime", "ed25519", new Uint8Array(32).fill(0xff)],
      ["an Ed25519 commitment of x = 0 with the sign set", "ed25519", Uint8Array.of(1, ...new Uint8Array(30), 0x80)],
      ["an Ed25519 commitment that no x belongs to", "ed25519", Uint8Array.of(2, ...new Uint8Array(31))],
    ] as const) {
      it(`slashes it for ${name}`, async () => {
        const mesh = await deployMesh(4);
        await mesh.runToComplain(new Map([[1, (mesh) => mesh.spoilCommitment(1, kind, 1, bytes)]]));
        await mesh.malformed(1, kind, 1, mesh.memberAt(3));
        await expectOnlySlashed(mesh, mesh.memberAt(1));
        expect((await mesh.status()).disqualified).to.equal(0b10n);
      });
    }

    it("takes a component of small order in an Ed25519 commitment for nothing: it is no offence and changes no key", async () => {
      const mesh = await deployMesh(4);
      const spoil = (mesh: CeremonyMesh) =>
        mesh.altered(1, ({ edCommitments }) => ({
          edCommitments: edCommitments.map((bytes) => EIGHT_TORSION.add(ed.decode(bytes)).toBytes()),
        }));
      await mesh.runToComplain(new Map([[1, spoil]]));
      await mesh.complain(1, 2, "ed25519");
      await expectOnlySlashed(mesh, mesh.memberAt(2));
    });

    it("refuses a copied one-time key, so that its dealer ends without a dealing, and is slashed for that", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.seatAll();
      await mesh.deal(1);
      const { ephemeralKey } = mesh.dealingOf(1);
      const copied = mesh.altered(2, () => ({ ephemeralKey }));
      const asCheat = mesh.as(mesh.memberAt(2));
      await expect(asCheat.deal(1, 1, 2, copied, [])).to.be.revertedWithCustomError(
        mesh.ceremony,
        "InvalidDealingProof",
      );
      const whole = present(mesh.dealings.get(1), "dealing");
      await expect(asCheat.deal(1, 1, 2, whole, [])).to.be.revertedWithCustomError(
        mesh.ceremony,
        "InvalidDealingProof",
      );

      await mesh.dealAll([2]);
      await mesh.advanceLate();
      await expectOnlySlashed(mesh, mesh.memberAt(2), QUARTER);
      expect((await mesh.status()).phase).to.equal(Phase.Complain);
    });

    it("refuses a one-time key that was used in an earlier attempt", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.seatAll();
      const random = mesh.random(64);
      mesh.useRandomness(() => random.slice());
      await mesh.deal(1);
      await mesh.advanceLate();
      expect((await mesh.status()).attempt).to.equal(2n);
      mesh.useRandomness();
      await mesh.takeSeats();
      await mesh.seatAll();
      mesh.useRandomness(() => random.slice());
      const again = mesh.makeDealing(1);
      await expect(mesh.as(mesh.memberAt(1)).deal(1, 2, 1, again, [])).to.be.revertedWithCustomError(
        mesh.ceremony,
        "EphemeralKeyUsed",
      );
    });

    it("refuses dealings with a commitment more or less, another mesh's, and C_0 in two versions", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.seatAll();
      const deal = (bytes: Uint8Array) => mesh.as(mesh.memberAt(1)).deal(1, 1, 1, bytes, []);
      const more = mesh.altered(1, ({ g1Commitments }) => ({ g1Commitments: [...g1Commitments, g1.base.toBytes()] }));
      const less = mesh.altered(1, ({ edCommitments }) => ({ edCommitments: edCommitments.slice(1) }));
      for (const bytes of [more, less, new Uint8Array()]) {
        await expect(deal(bytes)).to.be.revertedWithCustomError(mesh.ceremony, "InvalidLength");
      }
      const otherSign = mesh.altered(1, ({ constant, g1Commitments }) => ({
        g1Commitments: [present(constant, "C_0").negate().toBytes(), ...g1Commitments.slice(1)],
      }));
      await expect(deal(otherSign)).to.be.revertedWithCustomError(mesh.ceremony, "ConstantMismatch");
      const foreign = mesh.makeDealing(1, { ...mesh.context, meshId: new Uint8Array(32) });
      await expect(deal(foreign)).to.be.revertedWithCustomError(mesh.ceremony, "InvalidDealingProof");
      const infinity = mesh.altered(1, ({ g1Commitments }) => ({
        constant: g1.zero,
        g1Commitments: [g1.zero.toBytes(), ...g1Commitments.slice(1)],
      }));
      await expect(deal(infinity)).to.be.revertedWithCustomError(mesh.ceremony, "InvalidDealingProof");
      const highResponse = mesh.altered(1, ({ proof }) => ({
        proof: {
          ...proof,
          responses: proof.responses.map((response, i) => (i === 0 ? response + g1.order : response)),
        },
      }));
      await expect(deal(highResponse)).to.be.revertedWithCustomError(mesh.ceremony, "InvalidDealingProof");
    });
  });

  describe("against a lying receiver", () => {
    for (const kind of ["g1", "ed25519"] as const) {
      it(`slashes it for complaining about a good ${kind} share, and keeps the dealing`, async () => {
        const mesh = await deployMesh(4);
        await mesh.runToComplain();
        await mesh.complain(1, 3, kind);
        await expectOnlySlashed(mesh, mesh.memberAt(3));
        const status = await mesh.status();
        expect([status.disqualified, status.refuted]).to.deep.equal([0n, 0b1000n]);
      });
    }

    it("reverts where the opening itself is wrong, so that nobody is slashed by it", async () => {
      const mesh = await deployMesh(4);
      await mesh.runToComplain();
      const { ceremony } = mesh;
      const liar = mesh.as(mesh.memberAt(3));
      for (const kind of ["g1", "ed25519"] as const) {
        const honest = openingStruct(mesh.open(1, 3, kind));
        const attempts: [Partial<typeof honest>, string][] = [
          [{ sharedPoint: g1Struct(commit(g1, 5n)) }, "InvalidOpeningProof"],
          [{ response: honest.response + 1n }, "InvalidOpeningProof"],
          [{ receivingKey: g1Struct(commit(g1, 5n)) }, "ReceivingKeyMismatch"],
          [{ ephemeralKey: g1Struct(mesh.dealingOf(2).ephemeralKey) }, "DealingMismatch"],
          [{ sealedShare: new Uint8Array(64) }, "DealingMismatch"],
          [{ commitments: honest.commitments.slice().fill(0, 0, 1) }, "DealingMismatch"],
          [{ otherCommitments: new Uint8Array(32) }, "DealingMismatch"],
          [{ hints: honest.hints.slice(1) }, "InvalidLength"],
          [{ path: honest.path.slice(1) }, "InvalidPathLength"],
        ];
        for (const [change, error] of attempts) {
          await expect(
            liar.complain(1, 1, 1, 3, Defect[kind], { ...honest, ...change }),
            `${kind} ${error}`,
          ).to.be.revertedWithCustomError(error === "InvalidPathLength" ? mesh.judge : ceremony, error);
        }
        const hints = honest.hints.slice();
        hints[5] = present(hints[5], "byte") ^ 1;
        await expect(liar.complain(1, 1, 1, 3, Defect[kind], { ...honest, hints })).to.be.revert(mesh.chain.ethers);
        const negated = kind === "g1" ? mesh.negatedHints(1) : hints;
        await expect(liar.complain(1, 1, 1, 3, Defect[kind], { ...honest, hints: negated })).to.be.revert(
          mesh.chain.ethers,
        );
        await expect(mesh.as(mesh.memberAt(2)).complain(1, 1, 1, 3, Defect[kind], honest))
          .to.be.revertedWithCustomError(ceremony, "NotSeated")
          .withArgs(mesh.memberAt(2).wallet.address, 3);
      }
      expect(await mesh.registry.totalBurnt()).to.equal(0n);
    });

    it("cannot make good commitments look malformed, whatever the witness and however little gas it sends", async () => {
      const mesh = await deployMesh(4);
      await mesh.runToComplain();
      const liar = mesh.as(mesh.memberAt(3));
      for (const kind of ["g1", "ed25519"] as const) {
        const shown = mesh.falseMalformation(1, kind, 1);
        const send = (witness: Uint8Array, gasLimit?: number) =>
          liar.malformed(1, 1, 1, Defect[kind], { ...shown, witness }, gasLimit === undefined ? {} : { gasLimit });
        for (const witness of [new Uint8Array(), new Uint8Array(48), new Uint8Array(32), shown.witness]) {
          await expect(send(witness)).to.be.revertedWithCustomError(mesh.ceremony, "NotMalformed").withArgs(1);
        }
        for (let gas = 60_000; gas < 120_000; gas += 3_000) {
          await send(shown.witness, gas).then(
            () => expect.fail(`a good commitment was taken for malformed with ${gas} gas`),
            () => undefined,
          );
        }
      }
      expect(await mesh.registry.totalBurnt()).to.equal(0n);
    });
  });

  describe("with silent members", () => {
    it("replaces those that do not accept by reserves in list order, and the others keep their places", async () => {
      const mesh = await deployMesh(4, 6);
      await mesh.ceremony.startKeyGeneration();
      const silent = [mesh.members[1], mesh.members[3]] as Member[];
      await mesh.acceptAll(silent);
      await mesh.advanceLate();
      expect((await mesh.status()).phase).to.equal(Phase.Accept);
      expect(await mesh.invited()).to.deep.equal([0, 4, 2, 5].map((i) => mesh.members[i]));
      const late = present(silent[0], "member");
      await expect(mesh.accept(2, late)).to.be.revertedWithCustomError(mesh.ceremony, "NotSeated");
      await mesh.acceptAll();
      await mesh.advance();
      expect((await mesh.status()).phase).to.equal(Phase.Deal);
      await expectOnlySlashed(mesh, late, STAKE);
    });

    it("goes on with n - f where there are no reserves, the last seats empty, and the keys work", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.acceptAll([present(mesh.members[0], "member")]);
      await mesh.advanceLate();
      await mesh.takeSeats();
      expect(mesh.seated).to.have.length(3);
      await mesh.dealAll();
      await mesh.advance();
      const derived = await mesh.acknowledgeAll();
      await mesh.advance();
      await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, [1, 2, 3]));
      expect((await mesh.groupKeys.committee())[3]).to.equal(ZeroAddress);
    });

    it("waits again for the same where fewer than n - f accepted and nobody is left", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.acceptAll(mesh.members.slice(0, 2));
      await mesh.advanceLate();
      const status = await mesh.status();
      expect([status.phase, status.attempt, status.accepted]).to.deep.equal([Phase.Accept, 1n, 0b11000n]);
      await mesh.acceptAll();
      await mesh.advance();
      expect((await mesh.status()).phase).to.equal(Phase.Deal);
    });

    it("comes back to those it replaced when the reserves are silent too", async () => {
      const mesh = await deployMesh(4, 6);
      await mesh.ceremony.startKeyGeneration();
      await mesh.acceptAll(mesh.members.slice(0, 2));
      await mesh.advanceLate();
      await mesh.advanceLate();
      await mesh.advanceLate();
      const invited = await mesh.invited();
      expect(invited.slice(0, 2)).to.have.members(mesh.members.slice(0, 2));
    });

    it("slashes missing dealers by a quarter, and replaces them in the next attempt", async () => {
      const mesh = await deployMesh(4, 6);
      await mesh.ceremony.startKeyGeneration();
      await mesh.seatAll();
      await mesh.dealAll([1, 2]);
      const silent = [mesh.memberAt(1), mesh.memberAt(2)];
      await expect(mesh.ceremony.advance(1)).to.be.revertedWithCustomError(mesh.ceremony, "PhaseLasts");
      await mesh.passDeadline();
      await expect(mesh.ceremony.advance(1)).to.emit(mesh.ceremony, "AttemptFailed").withArgs(1, 1, Phase.Deal);
      for (const member of silent) expect(await mesh.stakeOf(member)).to.equal(QUARTER);
      const status = await mesh.status();
      expect([status.phase, status.attempt]).to.deep.equal([Phase.Accept, 2n]);
      const invited = await mesh.invited();
      expect(invited).to.include.members(mesh.members.slice(4));
      for (const member of silent) expect(invited).not.to.include(member);
    });

    it("starts over with the same where there are no reserves", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      await mesh.seatAll();
      await mesh.dealAll([1, 2]);
      await mesh.advanceLate();
      expect(await mesh.invited()).to.have.members(mesh.members);
      mesh.attempt = 2;
      await mesh.seatAll();
      await mesh.dealAll();
      await mesh.advance();
      expect((await mesh.status()).phase).to.equal(Phase.Complain);
    });

    it("replaces those that do not acknowledge, unslashed, in the next attempt", async () => {
      const mesh = await deployMesh(4, 6);
      const derived = await mesh.runToAcknowledge();
      await mesh.acknowledge([1, 2], derived.outcomeHash);
      const silent = [mesh.memberAt(3), mesh.memberAt(4)];
      await mesh.advanceLate();
      const status = await mesh.status();
      expect([status.phase, status.attempt, status.counted]).to.deep.equal([Phase.Accept, 2n, 0n]);
      for (const member of silent) expect(await mesh.invited()).not.to.include(member);
      expect(await mesh.registry.totalBurnt()).to.equal(0n);
    });

    it("fails the attempt when too few dealings are good", async () => {
      const mesh = await deployMesh(4);
      const cheats = new Map([1, 2].map((seat) => [seat, (mesh: CeremonyMesh) => mesh.spoilShare(seat, 4, "g1")]));
      await mesh.runToComplain(cheats);
      await mesh.complain(1, 4, "g1");
      await mesh.complain(2, 4, "g1");
      await mesh.passDeadline();
      await expect(mesh.ceremony.advance(1)).to.emit(mesh.ceremony, "AttemptFailed").withArgs(1, 1, Phase.Complain);
    });

    it("waits for the deadline of the complaints unless all have acknowledged", async () => {
      const mesh = await deployMesh(4);
      await mesh.runToComplain();
      await mesh.acknowledgeAll([4]);
      await expect(mesh.ceremony.advance(1)).to.be.revertedWithCustomError(mesh.ceremony, "PhaseLasts");
      await mesh.advanceLate();
      expect((await mesh.status()).phase).to.equal(Phase.Acknowledge);
    });
  });

  describe("acknowledgements while complaints may come", () => {
    it("lead to office without another word, and are void when a dealing is disqualified after them", async () => {
      const mesh = await deployMesh(4);
      await mesh.runToComplain(new Map([[2, (mesh) => mesh.spoilShare(2, 4, "g1")]]));
      const { ceremony } = mesh;
      const before = await mesh.goodDealings();
      const stale = new Uint8Array(32).fill(1);
      await mesh.acknowledge([1, 3], stale);
      await mesh.complain(2, 4, "g1");
      const { acknowledged, accepted } = await mesh.status();
      expect([acknowledged, accepted]).to.deep.equal([0n, 0b11110n]);
      // On its way while the dealing fell: it would be spent for nothing.
      await expect(mesh.as(mesh.memberAt(1)).acknowledge(1, 1, 1, before, stale))
        .to.be.revertedWithCustomError(ceremony, "DealingsChanged")
        .withArgs(before, 0b11010n);

      const derived = await mesh.acknowledgeAll([2]);
      await expect(ceremony.advance(1)).to.be.revertedWithCustomError(ceremony, "PhaseLasts");
      await mesh.acknowledgeAll();
      await mesh.advance();
      expect((await mesh.status()).counted).to.equal(0b11010n);
      await ceremony.activate(1, 1, derived.outcome, mesh.sign(derived, [1, 3, 4]));
      expect((await mesh.status()).phase).to.equal(Phase.Active);
    });

    it("stay where a complaint is refuted, and whoever gave one may still complain rightly", async () => {
      const mesh = await deployMesh(4);
      await mesh.runToComplain(new Map([[2, (mesh) => mesh.spoilShare(2, 4, "g1")]]));
      await mesh.acknowledge([1, 3, 4], new Uint8Array(32));
      await mesh.complain(1, 3, "g1");
      expect((await mesh.status()).acknowledged).to.equal(0b11010n);
      await mesh.complain(2, 4, "g1");
      expect((await mesh.status()).acknowledged).to.equal(0n);
    });

    it("count once for each member, also of those that name an outcome before its dealings are what is left", async () => {
      const mesh = await deployMesh(7);
      await mesh.runToComplain(new Map([[7, (mesh) => mesh.spoilShare(7, 6, "g1")]]));
      // The outcome is the same with seat 7 and without: it does not count either way.
      const { outcomeHash, outcome, ...derived } = await mesh.derive();
      await mesh.acknowledge([1, 2, 3], outcomeHash);
      await mesh.complain(7, 6, "g1");
      await mesh.acknowledge([1, 2], outcomeHash);
      await mesh.advanceLate();
      const signature = mesh.sign({ outcomeHash, outcome, ...derived }, seatsUpTo(mesh.quorum.t));
      await expect(mesh.ceremony.activate(1, 1, outcome, signature))
        .to.be.revertedWithCustomError(mesh.ceremony, "TooFewAcknowledgements")
        .withArgs(2, 5);
      await mesh.acknowledge([3, 4, 5], outcomeHash);
      await mesh.ceremony.activate(1, 1, outcome, signature);
      expect((await mesh.status()).phase).to.equal(Phase.Active);
    });
  });

  describe("activation", () => {
    it("needs n - f acknowledgements of that very outcome: liars that acknowledge another do not count", async () => {
      const mesh = await deployMesh(7);
      const derived = await mesh.runToAcknowledge();
      const { t, f } = mesh.quorum;
      const signature = mesh.sign(derived, seatsUpTo(t));
      await mesh.acknowledge(seatsUpTo(4), derived.outcomeHash);
      await mesh.acknowledge([5, 6].slice(0, f), new Uint8Array(32).fill(7));
      await expect(mesh.ceremony.activate(1, 1, derived.outcome, signature))
        .to.be.revertedWithCustomError(mesh.ceremony, "TooFewAcknowledgements")
        .withArgs(4, 5);
      const forged = { ...derived.outcome, verificationRoot: `0x${"77".repeat(32)}` };
      await expect(mesh.ceremony.activate(1, 1, forged, signature))
        .to.be.revertedWithCustomError(mesh.ceremony, "TooFewAcknowledgements")
        .withArgs(0, 5);
      await mesh.acknowledge([7], derived.outcomeHash);
      await mesh.ceremony.activate(1, 1, derived.outcome, signature);
      expect((await mesh.status()).phase).to.equal(Phase.Active);
    });

    it("needs the swarm's signature by the new shares: fewer than t, or another mesh's, are refused", async () => {
      const mesh = await deployMesh(4);
      const derived = await mesh.runToAcknowledge();
      await mesh.acknowledge(seatsUpTo(4), derived.outcomeHash);
      const foreign = mesh.activationDigest(derived, new Uint8Array(32).fill(1));
      for (const signature of [mesh.sign(derived, [1, 2]), mesh.sign(derived, [1, 2, 3], foreign)]) {
        await expect(mesh.ceremony.activate(1, 1, derived.outcome, signature)).to.be.revertedWithCustomError(
          mesh.ceremony,
          "InvalidSwarmSignature",
        );
      }
      await mesh.ceremony.activate(1, 1, derived.outcome, mesh.sign(derived, [2, 3, 4]));
    });
  });

  describe("out of turn", () => {
    it("refuses calls of other phases, attempts and ceremonies, and says what it expects", async () => {
      const mesh = await deployMesh(4);
      const { ceremony } = mesh;
      await expect(ceremony.advance(0)).to.be.revertedWithCustomError(ceremony, "WrongCeremony").withArgs(0, 0);
      await expect(ceremony.advance(1)).to.be.revertedWithCustomError(ceremony, "WrongCeremony").withArgs(1, 0);
      await ceremony.startKeyGeneration();
      const member = present((await mesh.invited())[0], "member");
      const as = mesh.as(member);
      const key = g1Struct(commit(g1, randomScalar(g1, mesh.random)));
      await expect(as.accept(1, 2, 1, key))
        .to.be.revertedWithCustomError(ceremony, "WrongAttempt")
        .withArgs(1, 2, 1);
      await expect(as.accept(2, 1, 1, key))
        .to.be.revertedWithCustomError(ceremony, "WrongCeremony")
        .withArgs(2, 1);
      await expect(as.accept(1, 0, 1, key))
        .to.be.revertedWithCustomError(ceremony, "WrongAttempt")
        .withArgs(1, 0, 1);
      await expect(as.deal(1, 1, 1, "0x", []))
        .to.be.revertedWithCustomError(ceremony, "WrongPhase")
        .withArgs(Phase.Accept, Phase.Deal);
      await expect(as.acknowledge(1, 1, 1, 0, new Uint8Array(32)))
        .to.be.revertedWithCustomError(ceremony, "WrongPhase")
        .withArgs(Phase.Accept, Phase.Acknowledge);
      await expect(as.accept(1, 1, 2, key))
        .to.be.revertedWithCustomError(ceremony, "NotSeated")
        .withArgs(member.wallet.address, 2);
      for (const bad of [g1Struct(g1.zero), { ...key, yLo: key.yLo ^ 1n }]) {
        await expect(as.accept(1, 1, 1, bad)).to.be.revertedWithCustomError(ceremony, "InvalidReceivingKey");
      }
      await as.accept(1, 1, 1, key);
      await expect(as.accept(1, 1, 1, key))
        .to.be.revertedWithCustomError(ceremony, "AlreadyDone")
        .withArgs(1);
      await expect(ceremony.advance(1)).to.be.revertedWithCustomError(ceremony, "PhaseLasts");
      await mesh.passDeadline();
      await expect(as.accept(1, 1, 1, key)).to.be.revertedWithCustomError(ceremony, "PhaseOver");
    });

    it("refuses what was done already, and strangers", async () => {
      const mesh = await deployMesh(4);
      const { ceremony } = mesh;
      await mesh.runToComplain();
      const [one, two] = [mesh.as(mesh.memberAt(1)), mesh.as(mesh.memberAt(2))];
      const dealings = await mesh.goodDealings();
      const hash = new Uint8Array(32);
      await one.acknowledge(1, 1, 1, dealings, hash);
      const again = expect(one.acknowledge(1, 1, 1, dealings, hash));
      await again.to.be.revertedWithCustomError(ceremony, "AlreadyDone");
      const stranger = expect(two.acknowledge(1, 1, 1, dealings, hash));
      await stranger.to.be.revertedWithCustomError(ceremony, "NotSeated");
      await mesh.advanceLate();
      const late = expect(one.acknowledge(1, 1, 1, dealings, hash));
      await late.to.be.revertedWithCustomError(ceremony, "AlreadyDone");
    });

    it("takes no dealing twice, none through a contract, and none with an opening in a key generation", async () => {
      const mesh = await deployMesh(4);
      const { ceremony } = mesh;
      await ceremony.startKeyGeneration();
      await mesh.seatAll();
      await mesh.deal(1);
      const one = mesh.as(mesh.memberAt(1));
      await expect(one.deal(1, 1, 1, mesh.makeDealing(1), [])).to.be.revertedWithCustomError(ceremony, "AlreadyDone");
      const two = mesh.memberAt(2);
      await expect(mesh.as(two).deal(1, 1, 2, mesh.makeDealing(2), [new Uint8Array(32)])).to.be.revertedWithCustomError(
        ceremony,
        "InvalidLength",
      );
      // An account that an EIP-7702 delegation gave code to.
      await mesh.chain.networkHelpers.setCode(two.wallet.address, `0xef0100${"11".repeat(20)}`);
      await expect(mesh.as(two).deal(1, 1, 2, mesh.makeDealing(2), [])).to.be.revertedWithCustomError(
        ceremony,
        "IndirectCall",
      );
    });

    it("lets a phase last phaseSeconds, to the second", async () => {
      const mesh = await deployMesh(4);
      await mesh.ceremony.startKeyGeneration();
      const { time } = mesh.chain.networkHelpers;
      const { deadline } = await mesh.status();
      expect(deadline).to.equal(BigInt(await time.latest()) + BigInt(PHASE));
      await time.setNextBlockTimestamp(deadline);
      await mesh.accept(1, present((await mesh.invited())[0], "member"));
    });
  });

  it("emits the offence with the name of who committed it", async () => {
    const mesh = await deployMesh(4);
    await mesh.runToComplain(new Map([[1, (mesh) => mesh.spoilShare(1, 2, "g1")]]));
    const cheat = mesh.memberAt(1).wallet.address;
    const opening = openingStruct(mesh.open(1, 2, "g1"));
    const complaint = mesh.as(mesh.memberAt(2)).complain(1, 1, 1, 2, Defect.g1, opening);
    await expect(complaint).to.emit(mesh.ceremony, "ComplaintUpheld").withArgs(1, 1, 1, 2, Defect.g1);
    await expect(complaint)
      .to.emit(mesh.registry, "Slashed")
      .withArgs(cheat, Offence.BadDealing, STAKE - SLASHED, SLASHED);
  });
});

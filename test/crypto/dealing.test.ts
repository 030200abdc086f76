import { expect } from "chai";

import { bytesToNumberBE, concatBytes, toBytes } from "../../src/crypto/bytes.js";
import {
  dealingLength,
  encodeDealing,
  makeDealing,
  parseDealing,
  proveDealing,
  verifyDealingProof,
  type Dealing,
} from "../../src/crypto/dealing.js";
import { CryptoError } from "../../src/crypto/errors.js";
import { commit, ed, g1, type EdPoint, type G1Point } from "../../src/crypto/group.js";
import { decodeCommitments, judgeDealing, type Commitments } from "../../src/crypto/judging.js";
import { lagrangeAtZero } from "../../src/crypto/lagrange.js";
import { openShare, verifyOpening } from "../../src/crypto/opening.js";
import { combineShares, deriveGroupKeys, verificationPath, verificationRoot } from "../../src/crypto/outcome.js";
import { isEd25519Key } from "../../src/crypto/points.js";
import type { SharePair } from "../../src/crypto/sealing.js";
import { quorumOf } from "../../src/statements/quorum.js";
import {
  CONTEXT,
  EIGHT_TORSION,
  flip,
  makeDealings,
  makeReceivers,
  seeded,
  type Receiver,
} from "./ceremony-fixture.js";

const N = 7;
const { t: T } = quorumOf(N);

function commitmentsOf(dealing: Dealing): Commitments {
  const committed = decodeCommitments(dealing);
  if ("kind" in committed) throw new Error("malformed");
  return committed;
}

function goodShares(dealing: Dealing, dealer: number, seat: number, receiver: Receiver): SharePair {
  const judgement = judgeDealing(CONTEXT, dealer, dealing, seat, receiver.secret);
  if (judgement.verdict !== "good") throw new Error(judgement.verdict);
  return judgement.shares;
}

describe("dealing", () => {
  const random = seeded("dealing");
  const receivers = makeReceivers(N, random);
  const bytes = makeDealings(receivers, T, T, random);
  const dealings = bytes.map((dealing) => parseDealing(dealing, "generation", N, T));
  const [first] = dealings as [Dealing];
  const dealers = dealings.map((_, i) => i + 1);
  const committed = dealings.map(commitmentsOf);
  const keys = deriveGroupKeys("generation", dealers, committed, N);
  const shares = receivers.map((receiver, i) =>
    combineShares(
      "generation",
      dealers,
      dealings.map((dealing, d) => goodShares(dealing, d + 1, i + 1, receiver)),
    ),
  );

  it("has the length of docs/protocol.md and encodes back to the same bytes", () => {
    expect(bytes[0])
      .to.have.length(dealingLength("generation", N, T))
      .and.length(240 + T * 80 + N * 64);
    expect(encodeDealing(first)).to.deep.equal(bytes[0]);
  });

  it("gives every receiver the shares that its verification keys promise", () => {
    for (const [i, pair] of shares.entries()) {
      const key = keys.verificationKeys[i];
      expect(commit(g1, bytesToNumberBE(pair.g1)).toBytes()).to.deep.equal(key?.g1);
      expect(commit(ed, bytesToNumberBE(pair.ed25519)).toBytes()).to.deep.equal(key?.ed25519);
    }
  });

  it("any t combined shares determine the group keys", () => {
    const seats = [7, 2, 3, 6, 5];
    const lambdas = lagrangeAtZero(seats, g1.order);
    const secret = seats.reduce(
      (sum, seat, i) => sum + (lambdas[i] as bigint) * bytesToNumberBE((shares[seat - 1] as SharePair).g1),
      0n,
    );
    expect(commit(g1, secret % g1.order).toBytes()).to.deep.equal(keys.bls);
  });

  it("carries a proof that holds for its own mesh, contract, ceremony, attempt and dealer alone", () => {
    expect(verifyDealingProof(CONTEXT, 1, first)).to.equal(true);
    expect(verifyDealingProof(CONTEXT, 2, first)).to.equal(false);
    const others = [
      { ...CONTEXT, meshId: new Uint8Array(32) },
      { ...CONTEXT, contract: new Uint8Array(20) },
      { ...CONTEXT, ceremony: 2n },
      { ...CONTEXT, attempt: 2 },
    ];
    for (const other of others) expect(verifyDealingProof(other, 1, first)).to.equal(false);
  });

  it("with another dealer's one-time key cannot be proven", () => {
    const copied = { ...(dealings[1] as Dealing), ephemeralKey: first.ephemeralKey };
    expect(verifyDealingProof(CONTEXT, 2, copied)).to.equal(false);
  });

  it("is judged as receivers must: honest, a bad share of either kind, garbage, a wrong commitment", () => {
    const [receiver] = receivers as [Receiver];
    const judge = (dealing: Dealing, seat = 1, { secret } = receiver) => {
      const judgement = judgeDealing(CONTEXT, 1, dealing, seat, secret);
      return judgement.verdict === "good" ? "good" : `${judgement.verdict} ${judgement.kind}`;
    };
    const withShare = (change: (sealed: Uint8Array) => void): Dealing => {
      const sealedShares = first.sealedShares.map((sealed) => sealed.slice());
      change(sealedShares[0] as Uint8Array);
      return { ...first, sealedShares };
    };
    expect(judge(first)).to.equal("good");
    expect(judge(withShare((sealed) => flip(sealed, 31, 1)))).to.equal("bad-share g1");
    expect(judge(withShare((sealed) => flip(sealed, 63, 1)))).to.equal("bad-share ed25519");
    expect(judge(withShare((sealed) => sealed.fill(0xff)))).to.equal("bad-share g1");
    const swapped = [first.g1Commitments[0], first.g1Commitments[2], first.g1Commitments[1]] as Uint8Array[];
    const wrong = { ...first, g1Commitments: [...swapped, ...first.g1Commitments.slice(3)] };
    expect(judge(wrong, 2, receivers[1])).to.equal("bad-share g1");
    // At 1 every power is 1, so this receiver's share is right: others complain.
    expect(judge(wrong)).to.equal("good");
  });

  it("with a commitment that is no point is malformed, and the commitment is named", () => {
    const replaced = (list: readonly Uint8Array[], index: number, by: Uint8Array) =>
      list.map((c, i) => (i === index ? by : c));
    const notOnCurve = (first.g1Commitments[1] as Uint8Array).slice();
    flip(notOnCurve, 47);
    expect(decodeCommitments({ ...first, g1Commitments: replaced(first.g1Commitments, 1, notOnCurve) })).to.deep.equal({
      kind: "g1",
      index: 1,
    });
    const nonCanonical = new Uint8Array(32).fill(0xff);
    expect(
      decodeCommitments({ ...first, edCommitments: replaced(first.edCommitments, 4, nonCanonical) }),
    ).to.deep.equal({
      kind: "ed25519",
      index: 4,
    });
  });

  it("with components of small order in its Ed25519 commitments still leads to keys without them", () => {
    const edCommitments = first.edCommitments.map((c) => ed.decode(c).add(EIGHT_TORSION).toBytes());
    const tainted = { ...first, edCommitments };
    expect(goodShares(tainted, 1, 1, receivers[0] as Receiver)).to.deep.equal(
      goodShares(first, 1, 1, receivers[0] as Receiver),
    );
    const tainted1 = deriveGroupKeys("generation", dealers, [commitmentsOf(tainted), ...committed.slice(1)], N);
    expect(tainted1).to.deep.equal(keys);
    const resharedClean = deriveGroupKeys("resharing", dealers, committed, N);
    const resharedTainted = deriveGroupKeys("resharing", dealers, [commitmentsOf(tainted), ...committed.slice(1)], N);
    expect(resharedTainted).to.deep.equal(resharedClean);
    expect(isEd25519Key(keys.ed25519)).to.equal(true);
  });

  it("hands the same group keys to another committee of another size", () => {
    const n = 4;
    const { t } = quorumOf(n);
    const newcomers = makeReceivers(n, random);
    const oldSeats = [2, 3, 5, 6, 7];
    const reshared = oldSeats.map((seat) => {
      const own = shares[seat - 1] as SharePair;
      const constants = { g1: bytesToNumberBE(own.g1), ed25519: bytesToNumberBE(own.ed25519) };
      const newKeys = newcomers.map(({ key }) => key);
      return parseDealing(
        makeDealing({ context: CONTEXT, dealer: seat, t, receivers: newKeys, constants, random }),
        "resharing",
        n,
        t,
      );
    });
    for (const [i, dealing] of reshared.entries()) {
      const key = keys.verificationKeys[(oldSeats[i] as number) - 1];
      expect(dealing.g1Commitments[0]).to.deep.equal(key?.g1);
      expect(dealing.edCommitments[0]).to.deep.equal(key?.ed25519);
      // C_0 is the committee's word, and needs no proof of its own.
      expect(dealing.constant).to.equal(undefined);
      expect(verifyDealingProof(CONTEXT, oldSeats[i] as number, dealing)).to.equal(true);
      expect(verifyDealingProof(CONTEXT, 1, dealing)).to.equal(false);
    }
    const newKeys = deriveGroupKeys("resharing", oldSeats, reshared.map(commitmentsOf), n);
    expect(newKeys.bls).to.deep.equal(keys.bls);
    expect(newKeys.ed25519).to.deep.equal(keys.ed25519);
    const [newcomer] = newcomers as [Receiver];
    const received = reshared.map((dealing, i) => goodShares(dealing, oldSeats[i] as number, 1, newcomer));
    const pair = combineShares("resharing", oldSeats, received);
    expect(commit(g1, bytesToNumberBE(pair.g1)).toBytes()).to.deep.equal(newKeys.verificationKeys[0]?.g1);
    expect(commit(ed, bytesToNumberBE(pair.ed25519)).toBytes()).to.deep.equal(newKeys.verificationKeys[0]?.ed25519);
    expect(verificationRoot(newKeys.verificationKeys)).to.have.length(32);
    expect(verificationPath(newKeys.verificationKeys, 1)).to.have.length(2);
  });

  it("is refused with a typed error when a part is out of its range", () => {
    const [good] = bytes as [Uint8Array];
    const refuse = (change: (copy: Uint8Array) => Uint8Array | void, code: string) => {
      const copy = good.slice();
      expect(() => parseDealing(change(copy) ?? copy, "generation", N, T))
        .to.throw(CryptoError)
        .with.property("code", code);
    };
    refuse((copy) => copy.subarray(1), "length");
    refuse((copy) => concatBytes(copy, Uint8Array.of(0)), "length");
    refuse((copy) => flip(copy, 95, 1), "point");
    refuse((copy) => void copy.fill(0, 0, 96), "point");
    refuse((copy) => flip(copy, 207, 1), "point");
    refuse((copy) => flip(copy, 240, 0x20), "point");
    for (const at of [96, 128, 208]) refuse((copy) => void copy.set(toBytes(g1.order, 32), at), "scalar");
    const asResharing = () => parseDealing(good, "resharing", N, T);
    expect(asResharing).to.throw(CryptoError).with.property("code", "length");
  });

  it("proves nothing about infinity: a zero constant is refused", () => {
    const constants = { g1: 0n, ed25519: 1n };
    const input = { context: CONTEXT, dealer: 1, t: T, receivers: receivers.map(({ key }) => key), constants, random };
    expect(() => makeDealing(input))
      .to.throw(CryptoError)
      .with.property("code", "scalar");
  });

  it("a proof for one pair of points does not verify for another", () => {
    const proof = proveDealing(CONTEXT, 1, [5n, 6n], random);
    const claimed = { ...first, ephemeralKey: commit(g1, 5n), constant: commit(g1, 7n), proof };
    expect(verifyDealingProof(CONTEXT, 1, claimed)).to.equal(false);
  });
});

describe("share opening", () => {
  const random = seeded("opening");
  const receivers = makeReceivers(4, random);
  const [bytes] = makeDealings(receivers, 1, 3, random) as [Uint8Array];
  const dealing = parseDealing(bytes, "generation", 4, 3);
  const { secret, key } = receivers[2] as Receiver;
  const opening = openShare(CONTEXT, 1, dealing, 3, secret, "ed25519", random);

  it("proves the shared point of this dealer and this receiver", () => {
    expect(opening.points.receiverKey.equals(key)).to.equal(true);
    expect(verifyOpening(CONTEXT, 1, 3, opening.points, opening.proof)).to.equal(true);
    expect(verifyOpening(CONTEXT, 1, 2, opening.points, opening.proof)).to.equal(false);
    expect(verifyOpening(CONTEXT, 2, 3, opening.points, opening.proof)).to.equal(false);
    expect(verifyOpening({ ...CONTEXT, attempt: 2 }, 1, 3, opening.points, opening.proof)).to.equal(false);
  });

  it("cannot be proven for another point, or with scalars that are not reduced", () => {
    const shared: G1Point = opening.points.shared.double();
    expect(verifyOpening(CONTEXT, 1, 3, { ...opening.points, shared }, opening.proof)).to.equal(false);
    const unreduced = { ...opening.proof, response: opening.proof.response + g1.order };
    expect(verifyOpening(CONTEXT, 1, 3, opening.points, unreduced)).to.equal(false);
  });

  it("brings the hints that save the contract its square roots", () => {
    const xs = commitmentsOf(dealing).ed25519.map((point: EdPoint) => toBytes(point.toAffine().x, 32));
    expect(opening.hints).to.deep.equal(concatBytes(...xs));
    const g1Opening = openShare(CONTEXT, 1, dealing, 3, secret, "g1", random);
    expect(g1Opening.hints).to.have.length(2 * 48);
    expect(g1Opening.path).to.have.length(2);
  });
});

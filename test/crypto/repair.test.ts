import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToNumberLE, numberToBytesBE, numberToBytesLE } from "@noble/curves/utils.js";
import { expect } from "chai";

import { CryptoError } from "../../src/crypto/errors.js";
import { commit, ed, encodeScalar, g1 } from "../../src/crypto/group.js";
import { evaluate, lagrangeAt, randomPolynomial } from "../../src/crypto/lagrange.js";
import type { VerificationKey } from "../../src/crypto/outcome.js";
import {
  type PartCommitments,
  type RepairPlan,
  checkPartCommitments,
  contributeToRepair,
  repairShare,
  sumParts,
} from "../../src/crypto/repair.js";
import type { SharePair } from "../../src/crypto/sealing.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { withVectors, fromHex, readVector } from "../vectors.js";
import { seeded } from "./ceremony-fixture.js";

interface Committee {
  readonly shares: ReadonlyMap<number, SharePair>;
  readonly keys: ReadonlyMap<number, VerificationKey>;
}

function committee(n: number, seed: string): Committee {
  const random = seeded(seed);
  const { t } = quorumOf(n);
  const [f, h] = [randomPolynomial(g1, t, random), randomPolynomial(ed, t, random)];
  const seats = Array.from({ length: n }, (_, i) => i + 1);
  return {
    shares: new Map(
      seats.map((seat) => [
        seat,
        {
          g1: encodeScalar(evaluate(f, seat, g1.order)),
          ed25519: encodeScalar(evaluate(h, seat, ed.order)),
        },
      ]),
    ),
    keys: new Map(
      seats.map((seat) => [
        seat,
        {
          seat,
          g1: commit(g1, evaluate(f, seat, g1.order)).toBytes(),
          ed25519: commit(ed, evaluate(h, seat, ed.order)).toBytes(),
        },
      ]),
    ),
  };
}

/** All three steps; `cheat` may change what goes between them. */
function repair({ shares, keys }: Committee, plan: RepairPlan, cheat: Cheat = {}): SharePair {
  const given = plan.helpers.map((helper) =>
    contributeToRepair(plan, helper, shares.get(helper) as SharePair, seeded(`parts of ${helper}`)),
  );
  const commitments = given.map(
    (contribution, i) => cheat.commitments?.(i, contribution.commitments) ?? contribution.commitments,
  );
  for (const [i, helper] of plan.helpers.entries()) {
    checkPartCommitments(plan, helper, commitments[i] as PartCommitments, keys.get(helper) as VerificationKey);
  }
  const sums = plan.helpers.map((helper, j) => {
    const received = given.map((contribution, i) => {
      const part = contribution.parts[j] as SharePair;
      return cheat.part?.(i, j, part) ?? part;
    });
    const sum = sumParts(plan, helper, received, commitments);
    return cheat.sum?.(j, sum) ?? sum;
  });
  return repairShare(plan, sums, commitments, keys.get(plan.late) as VerificationKey);
}

interface Cheat {
  commitments?(i: number, honest: PartCommitments): PartCommitments | undefined;
  part?(i: number, j: number, honest: SharePair): SharePair | undefined;
  sum?(j: number, honest: SharePair): SharePair | undefined;
}

const one = numberToBytesBE(1n, 32);

function culpritsOf(work: () => unknown): readonly number[] {
  try {
    work();
  } catch (error) {
    expect(error).to.be.instanceOf(CryptoError);
    expect((error as CryptoError).code).to.equal("proof");
    return (error as CryptoError).culprits;
  }
  throw new Error("nothing was refused");
}

describe("share repair", () => {
  for (const [n, helpers, late] of [
    [4, [1, 2, 4], 3],
    [7, [2, 3, 5, 6, 7], 1],
    [7, [1, 2, 3, 4, 5, 6], 7],
    [10, [1, 2, 3, 4, 8, 9, 10], 6],
  ] as const) {
    it(`gives seat ${late} of ${n} its shares of both keys back, by ${helpers.length} helpers`, () => {
      const all = committee(n, `committee of ${n}`);
      expect(repair(all, { helpers, late })).to.deep.equal(all.shares.get(late));
    });
  }

  const all = committee(7, "cheats");
  const plan: RepairPlan = { helpers: [1, 3, 4, 5, 7], late: 2 };

  it("names the helper whose parts are not parts of its share", () => {
    const other = contributeToRepair(plan, 4, { g1: one, ed25519: one }, seeded("other"));
    for (const part of ["g1", "ed25519"] as const) {
      const commitments = (i: number, honest: PartCommitments) =>
        i === 2 ? { ...honest, [part]: other.commitments[part] } : undefined;
      expect(culpritsOf(() => repair(all, plan, { commitments }))).to.deep.equal([4]);
    }
  });

  it("names the helper that commits to too few parts, or to what is no point", () => {
    const shorter = (i: number, honest: PartCommitments) =>
      i === 0 ? { ...honest, g1: honest.g1.slice(1) } : undefined;
    expect(culpritsOf(() => repair(all, plan, { commitments: shorter }))).to.deep.equal([1]);
    const broken = (i: number, honest: PartCommitments) =>
      i === 1 ? { ...honest, ed25519: honest.ed25519.map(() => new Uint8Array(31)) } : undefined;
    expect(culpritsOf(() => repair(all, plan, { commitments: broken }))).to.deep.equal([3]);
  });

  it("names the helper that gave another part than it committed to", () => {
    for (const key of ["g1", "ed25519"] as const) {
      const part = (i: number, j: number, honest: SharePair) =>
        i === 3 && j === 1 ? { ...honest, [key]: one } : undefined;
      expect(culpritsOf(() => repair(all, plan, { part }))).to.deep.equal([5]);
    }
  });

  it("names the helpers that add up wrongly, and gives out no wrong share", () => {
    const sum = (j: number, honest: SharePair) => (j === 0 || j === 4 ? { ...honest, ed25519: one } : undefined);
    expect(culpritsOf(() => repair(all, plan, { sum }))).to.deep.equal([1, 7]);
  });

  it("shows a helper nothing of the others' shares: parts and sums are as random for other shares", () => {
    // All that helper 3 sees of helper 1 is one part, which is random, and commitments; but for the last helper's, a part does not
    // depend on the share at all.
    const [honest, zero] = [all.shares.get(1) as SharePair, { g1: one, ed25519: one }].map((share) =>
      contributeToRepair(plan, 1, share, seeded("the same randomness")),
    );
    for (let j = 0; j < 4; j++) expect(honest?.parts[j]).to.deep.equal(zero?.parts[j]);
    expect(honest?.parts[4]).not.to.deep.equal(zero?.parts[4]);
  });

  it("refuses plans that cannot be", () => {
    const share = all.shares.get(1) as SharePair;
    for (const helpers of [[], [1, 1, 3], [1, 2, 3], [0, 1, 3]]) {
      expect(() => contributeToRepair({ helpers, late: 2 }, 1, share, seeded("plan"))).to.throw(CryptoError);
    }
    expect(() => contributeToRepair(plan, 6, share, seeded("plan"))).to.throw(CryptoError, "seat 6");
    expect(() => sumParts(plan, 1, [share], [])).to.throw(CryptoError, "5 helpers");
    expect(() => repairShare(plan, [share], [], all.keys.get(2) as VerificationKey)).to.throw(CryptoError);
  });
});

withVectors("share repair of ZcashFoundation/frost (Ed25519)", () => {
  interface Vectors {
    readonly scalar_generation: Record<string, string>;
    readonly sigma_generation: Record<string, string>;
  }
  const { scalar_generation, sigma_generation } = readVector<Vectors>("frost", "zcash", "ed25519", "repair-share.json");
  const scalar = (hex: string | undefined): bigint => bytesToNumberLE(fromHex(hex ?? ""));
  const names = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

  /** The vectors are of the sums in both steps: anything may stand for the parts' commitments, and for the other key. */
  it("adds up the parts that a helper got", () => {
    const parts = names(3).map((i) => scalar(scalar_generation[`random_scalar_${i}`]));
    const pairs = parts.map((part) => ({ g1: one, ed25519: encodeScalar(part) }));
    const vectors: RepairPlan = { helpers: [1, 2, 3], late: 4 };
    const commitments = parts.map((part) => ({
      g1: names(3).map(() => commit(g1, 1n).toBytes()),
      ed25519: names(3).map(() => commit(ed, part).toBytes()),
    }));
    const sum = sumParts(vectors, 2, pairs, commitments);
    expect(numberToBytesLE(BigInt(`0x${Buffer.from(sum.ed25519).toString("hex")}`), 32)).to.deep.equal(
      fromHex(scalar_generation["random_scalar_sum"] ?? ""),
    );
  });

  it("adds up the sums of all helpers to the share", () => {
    const sums = names(4).map((i) => scalar(sigma_generation[`sigma_${i}`]));
    const pairs = sums.map((sum) => ({ g1: one, ed25519: encodeScalar(sum) }));
    const expected = scalar(sigma_generation["sigma_sum"]);
    const key = { seat: 5, g1: commit(g1, 4n).toBytes(), ed25519: commit(ed, expected).toBytes() };
    const empty = names(4).map(() => ({ g1: [], ed25519: [] }));
    const share = repairShare({ helpers: [1, 2, 3, 4], late: 5 }, pairs, empty, key);
    expect(share.ed25519).to.deep.equal(encodeScalar(expected));
  });

  it("uses the coefficients of the late seat, as RFC 9591's derivation of the interpolating value has them", () => {
    // f(x) = 7 + 3x over the field: f(5) from f(1) and f(4).
    const order = ed25519.Point.Fn.ORDER;
    const [a, b] = lagrangeAt([1, 4], 5, order) as [bigint, bigint];
    expect((a * 10n + b * 19n) % order).to.equal(22n);
  });
});

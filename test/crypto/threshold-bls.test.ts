import { expect } from "chai";
import fc from "fast-check";

import { nobleBls } from "../../src/crypto/bls.js";
import { g1 } from "../../src/crypto/group.js";
import { CryptoError } from "../../src/crypto/errors.js";
import { assembleSignature, combinePartials, verifyPartial } from "../../src/crypto/threshold-bls.js";
import { blstBls } from "../../src/runtime/blst.js";
import { sharedKeys } from "./shared-key-fixture.js";

describe("threshold BLS signature", () => {
  const N = 7;
  const { bls: key, blsShares } = sharedKeys(N, "threshold");
  const message = new Uint8Array(32).fill(9);
  const partials = [...blsShares].map(([seat, share]) => ({ seat, signature: blstBls.sign(share, message) }));
  const seatsOf = (minimum: number, maximum: number) =>
    fc.shuffledSubarray(partials, { minLength: minimum, maxLength: maximum });

  it("any t or more partial signatures give the one signature of the group key", () => {
    const expected = combinePartials(partials.slice(0, key.t));
    expect(nobleBls.verify(key.groupKey, message, expected)).to.equal(true);
    expect(blstBls.verify(key.groupKey, message, expected)).to.equal(true);
    fc.assert(
      fc.property(seatsOf(key.t, N), (some) => {
        expect(combinePartials(some)).to.deep.equal(expected);
        expect(combinePartials(some, blstBls)).to.deep.equal(expected);
      }),
      { numRuns: 20 },
    );
  });

  it("fewer than t never do", () => {
    fc.assert(
      fc.property(seatsOf(1, key.t - 1), (some) => !blstBls.verify(key.groupKey, message, combinePartials(some))),
      { numRuns: 20 },
    );
    expect(() => assembleSignature(blstBls, key, message, partials.slice(0, key.t - 1)))
      .to.throw(CryptoError)
      .with.property("code", "seats");
  });

  it("each partial signature verifies under its own verification key alone", () => {
    const [first, second] = partials as [(typeof partials)[0], (typeof partials)[0]];
    expect(verifyPartial(blstBls, key, message, first)).to.equal(true);
    expect(verifyPartial(blstBls, key, message, { ...first, seat: 2 })).to.equal(false);
    expect(verifyPartial(blstBls, key, message, { ...second, seat: 8 })).to.equal(false);
  });

  it("is assembled in spite of wrong and malformed partial signatures, whose seats are named", () => {
    const wrong = partials.map(({ seat, signature }) => {
      if (seat === 2) return { seat, signature: (partials[0] as (typeof partials)[0]).signature };
      return seat === 4 ? { seat, signature: new Uint8Array(96) } : { seat, signature };
    });
    const { signature, culprits } = assembleSignature(blstBls, key, message, wrong);
    expect(blstBls.verify(key.groupKey, message, signature)).to.equal(true);
    expect(culprits).to.deep.equal([2, 4]);
    expect(assembleSignature(blstBls, key, message, partials).culprits).to.deep.equal([]);
    expect(() => assembleSignature(blstBls, key, message, wrong.slice(0, 6)))
      .to.throw(CryptoError)
      .with.property("culprits")
      .that.deep.equals([2, 4]);
  });

  it("interpolates among up to 32 seats alike in both implementations", () => {
    const seats = fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 22 });
    fc.assert(
      fc.property(seats, (chosen) => {
        const parts = chosen.map((seat, i) => ({
          seat,
          signature: (partials[i % N] as (typeof partials)[0]).signature,
        }));
        expect(combinePartials(parts, blstBls)).to.deep.equal(combinePartials(parts));
      }),
      { numRuns: 20 },
    );
  });

  it("sums with weights alike at their bounds, and refuses what is no signature or cancels itself", () => {
    const [a, b] = partials.map(({ signature }) => signature) as [Uint8Array, Uint8Array];
    const negated = Uint8Array.from(a, (byte, i) => (i === 0 ? byte ^ 0x20 : byte));
    const infinity = new Uint8Array(96).fill(0xc0, 0, 1);
    for (const bls of [nobleBls, blstBls]) {
      expect(bls.weightedSum([a, b], [1n, 0n])).to.deep.equal(a);
      expect(bls.weightedSum([a, b], [1n, 1n])).to.deep.equal(bls.aggregate([a, b]));
      expect(bls.weightedSum([infinity, a], [9n, 1n])).to.deep.equal(a);
      expect(bls.weightedSum([a], [g1.order - 1n])).to.deep.equal(negated);
      expect(() => bls.weightedSum([], []))
        .to.throw(CryptoError)
        .with.property("code", "seats");
      for (const bad of [[a.subarray(1)], [new Uint8Array(96)], [infinity], [a, negated]]) {
        const weights = bad.map(() => 5n);
        expect(() => bls.weightedSum(bad, weights)).to.throw(CryptoError);
      }
    }
  });

  it("refuses repeated seats, seat 0 and an empty list", () => {
    const [first] = partials as [(typeof partials)[0]];
    for (const bad of [[first, first], [{ ...first, seat: 0 }], []]) {
      expect(() => combinePartials(bad))
        .to.throw(CryptoError)
        .with.property("code", "seats");
    }
  });
});

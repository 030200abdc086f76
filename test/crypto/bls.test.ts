import { utf8ToBytes } from "@noble/hashes/utils.js";
import { expect } from "chai";
import fc from "fast-check";

import { toBytes } from "../../src/crypto/bytes.js";
import { hashToG2, nobleBls, provePossession, verifyPossession, type Bls } from "../../src/crypto/bls.js";
import { CryptoError } from "../../src/crypto/errors.js";
import { g1 } from "../../src/crypto/group.js";
import { decodeG2 } from "../../src/crypto/points.js";
import { blstBls } from "../../src/runtime/blst.js";
import { fromHex, readVectors, toHex, withVectors } from "../vectors.js";

const IMPLEMENTATIONS: readonly [string, Bls][] = [
  ["noble", nobleBls],
  ["blst", blstBls],
];

interface Case<I, O> {
  readonly input: I;
  readonly output: O;
}

/** The value as hex, or null if it is refused with a typed error. */
function orNull(make: () => Uint8Array): string | null {
  try {
    return toHex(make());
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

describe("BLS signatures", () => {
  withVectors("ethereum/bls12-381-tests", () => {
    for (const [implementation, bls] of IMPLEMENTATIONS) {
      const all = <I, O>(folder: string, check: (vector: Case<I, O>) => O) =>
        it(`${implementation}: bls12-381-tests ${folder}`, () => {
          for (const { name, vector } of readVectors<Case<I, O>>("bls", folder)) {
            expect(check(vector), name).to.deep.equal(vector.output);
          }
        });

      all<{ privkey: string; message: string }, string | null>("sign", ({ input }) =>
        orNull(() => bls.sign(fromHex(input.privkey), fromHex(input.message))),
      );
      all<{ pubkey: string; message: string; signature: string }, boolean>("verify", ({ input }) =>
        bls.verify(fromHex(input.pubkey), fromHex(input.message), fromHex(input.signature)),
      );
      all<string[], string | null>("aggregate", ({ input }) => orNull(() => bls.aggregate(input.map(fromHex))));
      all<{ pubkeys: string[]; message: string; signature: string }, boolean>("fast_aggregate_verify", ({ input }) =>
        bls.fastAggregateVerify(input.pubkeys.map(fromHex), fromHex(input.message), fromHex(input.signature)),
      );
      all<{ pubkeys: string[]; messages: string[]; signature: string }, boolean>("aggregate_verify", ({ input }) =>
        bls.aggregateVerify(input.pubkeys.map(fromHex), input.messages.map(fromHex), fromHex(input.signature)),
      );
      all<{ pubkeys: string[]; messages: string[]; signatures: string[] }, boolean>("batch_verify", ({ input }) =>
        bls.verifyBatch(
          input.pubkeys.map((key, i) => ({
            publicKey: fromHex(key),
            message: fromHex(input.messages[i] as string),
            signature: fromHex(input.signatures[i] as string),
          })),
        ),
      );
      all<{ signature: string }, boolean>(
        "deserialization_G2",
        ({ input }) => orNull(() => bls.aggregate([fromHex(input.signature)])) !== null,
      );
    }

    it("bls12-381-tests deserialization_G1; infinity decodes, and is no public key", () => {
      for (const { name, vector } of readVectors<Case<{ pubkey: string }, boolean>>("bls", "deserialization_G1")) {
        const bytes = fromHex(vector.input.pubkey);
        expect(orNull(() => g1.decode(bytes).toBytes()) !== null, name).to.equal(vector.output);
        const signature = nobleBls.sign(toBytes(1n, 32), bytes);
        for (const [, bls] of IMPLEMENTATIONS) expect(bls.verify(bytes, bytes, signature), name).to.equal(false);
      }
    });

    it("bls12-381-tests hash_to_G2", () => {
      type Point = { x: string; y: string };
      for (const { name, vector } of readVectors<Case<{ msg: string }, Point>>("bls", "hash_to_G2")) {
        const dst = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_";
        const { x, y } = hashToG2(utf8ToBytes(vector.input.msg), dst).toAffine();
        const text = (c: { c0: bigint; c1: bigint }) => `${toHex(toBytes(c.c0, 48))},${toHex(toBytes(c.c1, 48))}`;
        expect({ x: text(x), y: text(y) }, name).to.deep.equal(vector.output);
      }
    });
  });

  it("are the same from both implementations, for any secret and message", () => {
    fc.assert(
      fc.property(fc.bigInt(1n, g1.order - 1n), fc.uint8Array({ maxLength: 80 }), (scalar, message) => {
        const secret = toBytes(scalar, 32);
        const [key, signature] = [nobleBls.publicKey(secret), nobleBls.sign(secret, message)];
        expect(blstBls.publicKey(secret)).to.deep.equal(key);
        expect(blstBls.sign(secret, message)).to.deep.equal(signature);
        for (const [, bls] of IMPLEMENTATIONS) expect(bls.verify(key, message, signature)).to.equal(true);
      }),
      { numRuns: 10 },
    );
  });

  it("both implementations refuse the same bytes as a signature, key and secret", () => {
    const secret = toBytes(7n, 32);
    const [key, message] = [nobleBls.publicKey(secret), new Uint8Array(32)];
    const signature = nobleBls.sign(secret, message);
    const negated = g1.decode(key).negate().toBytes();
    const infinity = Uint8Array.of(0xc0, ...new Uint8Array(95));
    const uncompressed = new Uint8Array(192).fill(1);
    for (const [, bls] of IMPLEMENTATIONS) {
      expect(bls.verify(key, message, uncompressed)).to.equal(false);
      expect(bls.verify(uncompressed.subarray(0, 96), message, signature)).to.equal(false);
      expect(bls.verify(key.subarray(1), message, signature)).to.equal(false);
      expect(bls.verify(key, message, infinity)).to.equal(false);
      expect(bls.fastAggregateVerify([key, negated], message, infinity)).to.equal(false);
      expect(bls.aggregateVerify([key], [], signature)).to.equal(false);
      expect(bls.verifyBatch([])).to.equal(false);
      expect(() => bls.sign(toBytes(g1.order, 32), message))
        .to.throw(CryptoError)
        .with.property("code", "scalar");
      expect(() => bls.sign(new Uint8Array(31), message))
        .to.throw(CryptoError)
        .with.property("code", "length");
    }
  });

  it("a proof of possession is no signature, and a signature no proof of possession", () => {
    const secret = toBytes(11n, 32);
    const digest = new Uint8Array(32).fill(5);
    const key = nobleBls.publicKey(secret);
    const proof = provePossession(secret, digest);
    expect(verifyPossession(key, digest, proof)).to.equal(true);
    expect(blstBls.verify(key, digest, proof)).to.equal(false);
    expect(verifyPossession(key, digest, nobleBls.sign(secret, digest))).to.equal(false);
    expect(verifyPossession(key, digest.subarray(1), proof)).to.equal(false);
    expect(verifyPossession(g1.zero.toBytes(), digest, proof)).to.equal(false);
    expect(decodeG2(proof).is0()).to.equal(false);
  });
});

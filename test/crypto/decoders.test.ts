import { expect } from "chai";
import fc from "fast-check";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { makeDealing, parseDealing } from "../../src/crypto/dealing.js";
import { CryptoError } from "../../src/crypto/errors.js";
import { type NativeG1, useNativeG1 } from "../../src/crypto/g1-decoding.js";
import { decodeScalar, ed, g1 } from "../../src/crypto/group.js";
import { merkleLeaf, merklePath, merkleRoot, rootFromPath } from "../../src/crypto/merkle.js";
import {
  decodeG2,
  g1ForLedger,
  g1FromEip2537,
  g1ToEip2537,
  g2FromEip2537,
  g2ToEip2537,
  isEd25519Key,
  packG1,
  unpackG1,
} from "../../src/crypto/points.js";
import { blstG1 } from "../../src/runtime/blst.js";
import { concatBytes } from "../../src/crypto/bytes.js";
import { errorsWithoutStacks } from "../fuzz-target.js";
import { CONTEXT, makeDealings, makeReceivers, seeded } from "./ceremony-fixture.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";

const RUNS = 10_000;

/** Random bytes of about the right length, and the right bytes with a few changed. */
function hostile(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
    .map((changes) => {
      const copy = good.slice();
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    });
  const random = fc.uint8Array({ minLength: good.length, maxLength: good.length });
  const wrongLength = fc.uint8Array({ maxLength: good.length + 2 });
  return fc.oneof(
    { weight: 5, arbitrary: mutated },
    { weight: 4, arbitrary: random },
    { weight: 1, arbitrary: wrongLength },
  );
}

describe("decoders", () => {
  errorsWithoutStacks();

  const random = seeded("decoders");
  const point = g1.base.multiply(12345n);
  const g2 = bls12_381.G2.Point.BASE.multiply(12345n);
  const receivers = makeReceivers(4, random);
  const [dealing] = makeDealings(receivers, 1, 3, random) as [Uint8Array];
  const keys = receivers.map(({ key }) => key);
  const constants = { g1: 5n, ed25519: 6n };
  const reshared = makeDealing({ context: CONTEXT, dealer: 1, t: 3, receivers: keys, constants, random });

  const decoders: readonly [string, Uint8Array, (bytes: Uint8Array) => Uint8Array | undefined][] = [
    ["compressed G1", point.toBytes(), (bytes) => g1.decode(bytes).toBytes()],
    ["packed G1", packG1(point), (bytes) => packG1(unpackG1(bytes))],
    ["EIP-2537 G1", g1ToEip2537(point), (bytes) => g1ToEip2537(g1FromEip2537(bytes))],
    ["EIP-2537 G2", g2ToEip2537(g2), (bytes) => g2ToEip2537(g2FromEip2537(bytes))],
    ["compressed G2", g2.toBytes(), (bytes) => decodeG2(bytes).toBytes()],
    ["Ed25519", ed.base.toBytes(), (bytes) => ed.decode(bytes).toBytes()],
    ["scalar", new Uint8Array(32).fill(0x33), (bytes) => (decodeScalar(g1, bytes), bytes)],
    ["dealing", dealing, (bytes) => (parseDealing(bytes, "generation", 4, 3), undefined)],
    ["dealing of a share", reshared, (bytes) => (parseDealing(bytes, "resharing", 4, 3), undefined)],
  ];

  for (const [name, good, decode] of decoders) {
    it(`${name}: ${RUNS} hostile inputs decode to the one value with that encoding, or throw CryptoError`, () => {
      expect(() => decode(good)).not.to.throw();
      fc.assert(
        fc.property(hostile(good), (bytes) => {
          try {
            const again = decode(bytes);
            return again === undefined || Buffer.compare(again, bytes) === 0;
          } catch (error) {
            return error instanceof CryptoError;
          }
        }),
        { numRuns: RUNS },
      );
    });
  }

  it("G1 has the same answers natively and in JavaScript", () => {
    const answers = (decode: NativeG1 | undefined, bytes: Uint8Array): (string | undefined)[] => {
      useNativeG1(decode);
      return [() => packG1(g1.decode(bytes.subarray(0, 48))), () => packG1(unpackG1(bytes))].map((read) => {
        try {
          return Buffer.from(read()).toString("hex");
        } catch (error) {
          expect(error).to.be.instanceOf(CryptoError);
          return undefined;
        }
      });
    };
    const samples = [point, g1.zero.add(point).negate(), g1.base].map(packG1);
    const infinities = [0x40, 0xc0, 0x60, 0xe0].map((flags) => Uint8Array.of(flags, ...new Uint8Array(95)));
    const compressed = samples.map((packed) => concatBytes(unpackG1(packed).toBytes(), packed.subarray(48)));
    const bytes = fc.oneof(
      fc.constantFrom(...samples, ...compressed, ...infinities),
      ...[...samples, ...compressed].map(hostile),
    );
    try {
      expect(answers(blstG1, compressed[0] as Uint8Array)[0]).to.be.a("string");
      fc.assert(
        fc.property(bytes, (input) => {
          expect(answers(blstG1, input)).to.deep.equal(answers(undefined, input));
        }),
        { numRuns: 2_000 },
      );
    } finally {
      useNativeG1(blstG1);
    }
  });

  it("an Ed25519 key of small order is none", () => {
    expect(isEd25519Key(ed.base.toBytes())).to.equal(true);
    expect(isEd25519Key(ed.zero.toBytes())).to.equal(false);
    expect(isEd25519Key(new Uint8Array(32))).to.equal(false);
    expect(isEd25519Key(new Uint8Array(31))).to.equal(false);
  });

  it("infinity is all zeros on the ledger", () => {
    expect(g1ForLedger(g1.zero.toBytes())).to.deep.equal(new Uint8Array(128));
    expect(g1FromEip2537(new Uint8Array(128)).is0()).to.equal(true);
    expect(g2FromEip2537(new Uint8Array(256)).is0()).to.equal(true);
    expect(() => packG1(g1.zero)).to.throw(CryptoError);
  });
});

describe("Merkle tree with promoted odd nodes", () => {
  const leaf = (i: number) => merkleLeaf(keccak_256, Uint8Array.of(i));

  it("leads every leaf to the root, for every size to 33", () => {
    for (let count = 1; count <= 33; count++) {
      const leaves = Array.from({ length: count }, (_, i) => leaf(i));
      const root = merkleRoot(keccak_256, leaves);
      for (const [i, own] of leaves.entries()) {
        const path = merklePath(keccak_256, leaves, i);
        expect(rootFromPath(keccak_256, own, i, count, path)).to.deep.equal(root);
      }
    }
  });

  it("refuses a path of another position, and one that is too long, too short or not of hashes", () => {
    const leaves = Array.from({ length: 5 }, (_, i) => leaf(i));
    const root = merkleRoot(keccak_256, leaves);
    const path = merklePath(keccak_256, leaves, 1);
    expect(rootFromPath(keccak_256, leaf(1), 0, 5, path)).not.to.deep.equal(root);
    const broken = [path.slice(1), [...path, leaf(0)], [...path.slice(1), new Uint8Array(31)]];
    for (const wrong of broken) {
      expect(() => rootFromPath(keccak_256, leaf(1), 1, 5, wrong))
        .to.throw(CryptoError)
        .with.property("code", "length");
    }
    expect(() => rootFromPath(keccak_256, leaf(1), 5, 5, path))
      .to.throw(CryptoError)
      .with.property("code", "seats");
    expect(() => merkleRoot(keccak_256, [])).to.throw(CryptoError);
    expect(() => merklePath(keccak_256, leaves, -1)).to.throw(CryptoError);
  });
});

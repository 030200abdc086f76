import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import type { BLS12381Harness, BLS12381ReduceHarness } from "../../typechain-types/index.js";

// The independent implementation is @noble/curves; the published vectors are those of the IETF and of Ethereum.

const bls = bls12_381.longSignatures;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
type G1 = typeof G1.BASE;
type G2 = typeof G2.BASE;

const DST = bytes("BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_");
const P = bls12_381.fields.Fp.ORDER;
const R = bls12_381.fields.Fr.ORDER;
const WORD = 1n << 256n;

/** The whole of a verification of a 32-byte digest; the precompiles alone take 151,100. */
const VERIFY_GAS_CEILING = 157_000n;
/** What a call may cost beside the precompile it makes. */
const CALL_OVERHEAD = 1_000n;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/^0x/, ""), "hex"));
}

function words(coordinate: bigint): [hi: bigint, lo: bigint] {
  return [coordinate / WORD, coordinate % WORD];
}

function g1Of(x: bigint, y: bigint) {
  const [xHi, xLo] = words(x);
  const [yHi, yLo] = words(y);
  return { xHi, xLo, yHi, yLo };
}

type Fp2 = { c0: bigint; c1: bigint };

function g2Of(x: Fp2, y: Fp2) {
  const [x0Hi, x0Lo] = words(x.c0);
  const [x1Hi, x1Lo] = words(x.c1);
  const [y0Hi, y0Lo] = words(y.c0);
  const [y1Hi, y1Lo] = words(y.c1);
  return { x0Hi, x0Lo, x1Hi, x1Lo, y0Hi, y0Lo, y1Hi, y1Lo };
}

const G1_INFINITY = g1Of(0n, 0n);
const G2_INFINITY = g2Of({ c0: 0n, c1: 0n }, { c0: 0n, c1: 0n });

/** A point of noble as the library's struct. */
function g1(point: G1) {
  if (point.is0()) return G1_INFINITY;
  const { x, y } = point.toAffine();
  return g1Of(x, y);
}

function g2(point: G2) {
  if (point.is0()) return G2_INFINITY;
  const { x, y } = point.toAffine();
  return g2Of(x, y);
}

/** A result of ethers, which is an array, as the plain words of a struct. */
function wordsOf(result: object): bigint[] {
  return Array.from(result as Iterable<bigint>);
}

function expectPoint(actual: object, expected: object): void {
  expect(wordsOf(actual)).to.deep.equal(Object.values(expected));
}

const secretKey = fromHex("47b8192d77bf871b62e87859d653922725724a5c031afeabc60bcef5ff665138");
const publicKey = bls.getPublicKey(secretKey);
const digest = new Uint8Array(32).fill(0xab);
const signature = bls.sign(bls.hash(digest, DST), secretKey);

/** Points of the curve E(Fp) and of the twist E'(Fp2) outside the subgroups of order r. */
const outsideG1 = G1.fromAffine(curvePoint());
function curvePoint(): { x: bigint; y: bigint } {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; ; x++) {
    const square = Fp.create(x * x * x + 4n);
    if (Fp.pow(square, (P - 1n) / 2n) !== 1n) continue;
    const candidate = { x, y: Fp.sqrt(square) };
    if (!G1.fromAffine(candidate).isTorsionFree()) return candidate;
  }
}
const outsideG2 = twistPoint();
function twistPoint(): { x: Fp2; y: Fp2 } {
  const { Fp2 } = bls12_381.fields;
  for (let n = 1n; ; n++) {
    const x = Fp2.fromBigTuple([n, 0n]);
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), Fp2.fromBigTuple([4n, 4n]));
    if (!Fp2.eql(Fp2.pow(square, (P * P - 1n) / 2n), Fp2.ONE)) continue;
    const candidate = { x, y: Fp2.sqrt(square) };
    if (!G2.fromAffine(candidate).isTorsionFree()) return candidate;
  }
}

const { ethers } = await network.create();

describe("BLS12381", () => {
  let harness: BLS12381Harness;

  before(async () => {
    harness = await ethers.deployContract("BLS12381Harness");
  });

  describe("verify", () => {
    it(`accepts a signature over a digest for at most ${VERIFY_GAS_CEILING} gas`, async () => {
      const { valid, gasUsed } = await harness.verifyDigest(g1(publicKey), digest, DST, g2(signature));
      expect(valid).to.equal(true);
      expect(gasUsed).to.be.at.most(VERIFY_GAS_CEILING);
    });

    it("agrees with an independent implementation for any key, message and tag", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.bigInt({ min: 1n, max: R - 1n }),
          fc.uint8Array({ maxLength: 300 }),
          fc.uint8Array({ minLength: 1, maxLength: 255 }),
          async (secret, message, dst) => {
            const key = fromHex(secret.toString(16).padStart(64, "0"));
            const made = bls.sign(bls.hash(message, dst), key);
            const holder = g1(bls.getPublicKey(key));
            expect(await harness.verify(holder, message, dst, g2(made))).to.equal(true);
            expect(await harness.verify(holder, message, dst, g2(made.negate()))).to.equal(false);
          },
        ),
        { numRuns: 20 },
      );
    });

    it("refuses another message, another tag, another key and another signature", async () => {
      const other = G1.BASE.multiply(5n);
      expect(await harness.verify(g1(publicKey), bytes("other"), DST, g2(signature))).to.equal(false);
      expect(await harness.verify(g1(publicKey), digest, bytes("OTHER"), g2(signature))).to.equal(false);
      expect(await harness.verify(g1(other), digest, DST, g2(signature))).to.equal(false);
      expect(await harness.verify(g1(publicKey), digest, DST, g2(G2.BASE))).to.equal(false);
    });

    it("refuses infinity as a key, as a signature and as both, before it pays for anything", async () => {
      for (const [key, made] of [
        [G1_INFINITY, g2(signature)],
        [g1(publicKey), G2_INFINITY],
        [G1_INFINITY, G2_INFINITY],
      ] as const) {
        for (const result of [
          await harness.verifyDigest(key, digest, DST, made),
          await harness.verifyHashed(key, g2(bls.hash(digest, DST)), made),
        ]) {
          expect(result.valid).to.equal(false);
          expect(result.gasUsed).to.be.at.most(CALL_OVERHEAD);
        }
      }
    });

    it("refuses points on the curve but outside the subgroup", async () => {
      expect(await harness.verify(g1(outsideG1), digest, DST, g2(signature))).to.equal(false);
      const made = g2Of(outsideG2.x, outsideG2.y);
      expect(await harness.verify(g1(publicKey), digest, DST, made)).to.equal(false);
    });

    it("refuses coordinates of p or more", async () => {
      const { x, y } = publicKey.toAffine();
      expect(await harness.verify(g1Of(x + P, y), digest, DST, g2(signature))).to.equal(false);
      expect(await harness.verify(g1Of(x, y + P), digest, DST, g2(signature))).to.equal(false);
      const { x: u, y: v } = signature.toAffine();
      const made = g2Of({ c0: u.c0, c1: u.c1 + P }, v);
      expect(await harness.verify(g1(publicKey), digest, DST, made)).to.equal(false);
    });

    it("burns no more on a bad point than on a good one", async () => {
      const { x } = publicKey.toAffine();
      const bad = await harness.verifyDigest(g1Of(x, 1n), digest, DST, g2(signature));
      expect(bad.valid).to.equal(false);
      expect(bad.gasUsed).to.be.at.most(VERIFY_GAS_CEILING + CALL_OVERHEAD);
    });

    it("takes the hash of the message as well, and then saves the hashing", async () => {
      const hashed = g2(bls.hash(digest, DST));
      const { valid, gasUsed } = await harness.verifyHashed(g1(publicKey), hashed, g2(signature));
      expect(valid).to.equal(true);
      expect(gasUsed).to.be.at.most(102_900n + CALL_OVERHEAD);
      expect((await harness.verifyHashed(g1(publicKey), g2(G2.BASE), g2(signature))).valid).to.equal(false);
    });

    it("never calls a good signature bad for want of gas", async () => {
      const outcomes = new Set<string>();
      for (let gasLimit = 60_000n; gasLimit < 260_000n; gasLimit += 250n) {
        try {
          const valid = await harness.verify(g1(publicKey), digest, DST, g2(signature), { gasLimit });
          outcomes.add(String(valid));
        } catch (error) {
          outcomes.add(`${error}`.includes("InsufficientGas") ? "InsufficientGas" : "out of gas");
        }
      }
      expect([...outcomes].sort()).to.deep.equal(["InsufficientGas", "out of gas", "true"]);
    });

    it("says so where the chain has no EIP-2537", async () => {
      const cancun = await network.create({ override: { hardfork: "cancun" } });
      const there = await cancun.ethers.deployContract("BLS12381Harness");
      await expect(there.getFunction("hashToG2").staticCall(digest, DST))
        .to.be.revertedWithCustomError(there, "PrecompileMissing")
        .withArgs(0x11);
      await expect(there.getFunction("isInSubgroup").staticCall(g1(publicKey)))
        .to.be.revertedWithCustomError(there, "PrecompileMissing")
        .withArgs(0x0c);
    });
  });

  describe("hashToG2", () => {
    it("agrees with an independent implementation for any message and tag", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 500 }),
          fc.uint8Array({ minLength: 1, maxLength: 255 }),
          async (message, dst) => {
            expectPoint(await harness.hashToG2(message, dst), g2(bls.hash(message, dst) as G2));
          },
        ),
        { numRuns: 40 },
      );
    });

    it("refuses a tag of no bytes and one of more than 255", async () => {
      for (const length of [0, 256, 1000]) {
        await expect(harness.hashToG2(digest, new Uint8Array(length)))
          .to.be.revertedWithCustomError(harness, "InvalidDstLength")
          .withArgs(length);
      }
    });
  });

  describe("expandMessageXmd", () => {
    it("gives from 1 to 8160 bytes and refuses other lengths", async () => {
      for (const length of [1, 31, 32, 33, 8160]) {
        expect(await harness.expandMessageXmd(digest, DST, length)).to.have.length(2 + 2 * length);
      }
      for (const length of [0, 8161, 65536]) {
        await expect(harness.expandMessageXmd(digest, DST, length))
          .to.be.revertedWithCustomError(harness, "InvalidExpandLength")
          .withArgs(length);
      }
    });
  });

  describe("reduce", () => {
    let arithmetic: BLS12381ReduceHarness;

    before(async () => {
      arithmetic = await ethers.deployContract("BLS12381ReduceHarness");
    });

    async function expectReduced(integer: bigint): Promise<void> {
      expect(wordsOf(await arithmetic.reduce(...words(integer)))).to.deep.equal(words(integer % P));
    }

    it("is right around multiples of p, where the quotient may be one too small", async () => {
      const most = WORD * WORD - 1n;
      for (const quotient of [0n, 1n, 2n, 3n, 1n << 64n, (1n << 131n) - 1n, most / P - 1n, most / P]) {
        for (const offset of [-1n, 0n, 1n]) {
          const integer = quotient * P + offset;
          if (integer >= 0n && integer <= most) await expectReduced(integer);
        }
      }
      for (const integer of [WORD - 1n, WORD, most - 1n, most]) await expectReduced(integer);
    });

    it("is right for any integer of 512 bits", async () => {
      await fc.assert(fc.asyncProperty(fc.bigInt({ min: 0n, max: WORD * WORD - 1n }), expectReduced), { numRuns: 300 });
    });

    it("is right for any multiple of p, and next to it", async () => {
      await fc.assert(
        fc.asyncProperty(fc.bigInt({ min: 1n, max: (WORD * WORD) / P - 1n }), async (quotient) => {
          for (const offset of [-1n, 0n, 1n]) await expectReduced(quotient * P + offset);
        }),
        { numRuns: 100 },
      );
    });
  });

  describe("arithmetic in G1", () => {
    const scalar = fc.bigInt({ min: 1n, max: R - 1n });

    it("adds, negates and compares as an independent implementation does", async () => {
      expectPoint(await harness.generator(), g1(G1.BASE));
      await fc.assert(
        fc.asyncProperty(scalar, scalar, async (a, b) => {
          const [p, q] = [G1.BASE.multiply(a), G1.BASE.multiply(b)];
          expectPoint(await harness.add(g1(p), g1(q)), g1(p.add(q)));
          expectPoint(await harness.negate(g1(p)), g1(p.negate()));
          expectPoint(await harness.add(g1(p), g1(p.negate())), G1_INFINITY);
          expect(await harness.equal(g1(p), g1(q))).to.equal(a === b);
          expect(await harness.equal(g1(p), g1(p))).to.equal(true);
          expect(await harness.equal(g1(p), g1(p.negate()))).to.equal(false);
        }),
        { numRuns: 20 },
      );
      expectPoint(await harness.negate(G1_INFINITY), G1_INFINITY);
      expectPoint(await harness.add(g1(publicKey), G1_INFINITY), g1(publicKey));
    });

    it("refuses to add what is not on the curve", async () => {
      await expect(harness.add(g1(publicKey), g1Of(1n, 1n)))
        .to.be.revertedWithCustomError(harness, "PrecompileRefused")
        .withArgs(0x0b);
      await expect(harness.add(g1(publicKey), g1Of(P, 2n))).to.be.revertedWithCustomError(harness, "PrecompileRefused");
    });

    it("multiplies by several scalars as an independent implementation does", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(scalar, fc.bigInt({ min: 0n, max: WORD - 1n })), { minLength: 1, maxLength: 9 }),
          async (terms) => {
            const points = terms.map(([k]) => G1.BASE.multiply(k));
            const expected = terms.reduce((sum, [k, s]) => (sum + k * s) % R, 0n);
            const actual = await harness.msm(
              points.map(g1),
              terms.map(([, s]) => s),
            );
            expectPoint(actual, g1(expected === 0n ? G1.ZERO : G1.BASE.multiply(expected)));
          },
        ),
        { numRuns: 15 },
      );
    });

    it("pays the exact price of EIP-2537 for every length of a multiplication", async () => {
      const point = g1(G1.BASE);
      for (let count = 1; count <= 128; count++) {
        const points = Array<typeof point>(count).fill(point);
        const scalars = Array<bigint>(count).fill(1n);
        // A price too low would make this revert.
        expectPoint(await harness.msm(points, scalars), g1(G1.BASE.multiply(BigInt(count))));
        // Asked directly, the precompile takes the price that the library gives it and nothing less.
        const price = await harness.msmPrice(count);
        expect(await harness.answers(0x0c, msmInput(count), price)).to.equal(true);
        expect(await harness.answers(0x0c, msmInput(count), price - 1n)).to.equal(false);
      }
    });

    it("refuses no terms, more than 128, and different numbers of points and scalars", async () => {
      const point = g1(G1.BASE);
      for (const [points, scalars] of [
        [0, 0],
        [1, 2],
        [2, 1],
        [129, 129],
      ] as const) {
        await expect(harness.msm(Array(points).fill(point), Array(scalars).fill(1n)))
          .to.be.revertedWithCustomError(harness, "InvalidMsmLength")
          .withArgs(points, scalars);
      }
    });

    it("refuses to multiply a point outside the subgroup", async () => {
      await expect(harness.msm([g1(G1.BASE), g1(outsideG1)], [1n, 1n]))
        .to.be.revertedWithCustomError(harness, "PrecompileRefused")
        .withArgs(0x0c);
    });

    it("tells points of the subgroup from all others, and burns no more than the price of one multiplication", async () => {
      const { x, y } = publicKey.toAffine();
      for (const [point, inside] of [
        [g1(publicKey), true],
        [G1_INFINITY, true],
        [g1(outsideG1), false],
        [g1Of(x, y + 1n), false],
        [g1Of(x + P, y), false],
        [g1Of(WORD * WORD - 1n, WORD * WORD - 1n), false],
      ] as const) {
        const result = await harness.isInSubgroup(point);
        expect(result.inside).to.equal(inside);
        expect(result.gasUsed).to.be.at.most(12_000n + CALL_OVERHEAD);
      }
      expect(await harness.isValidPublicKey(g1(publicKey))).to.equal(true);
      expect(await harness.isValidPublicKey(G1_INFINITY)).to.equal(false);
      expect(await harness.isValidPublicKey(g1(outsideG1))).to.equal(false);
    });
  });

  describe("encodings of G1", () => {
    it("compresses as an independent implementation does, and matches only that encoding", async () => {
      await fc.assert(
        fc.asyncProperty(fc.bigInt({ min: 1n, max: R - 1n }), fc.nat({ max: 48 * 8 - 1 }), async (secret, bit) => {
          const point = G1.BASE.multiply(secret);
          const compressed = point.toBytes(true);
          expect(await harness.compress(g1(point))).to.equal(`0x${point.toHex(true)}`);
          expect(await harness.matchesCompressed(g1(point), compressed)).to.equal(true);
          expect(await harness.matchesCompressed(g1(point.negate()), compressed)).to.equal(false);

          const tampered = Uint8Array.from(compressed);
          tampered[bit >> 3]! ^= 0x80 >> (bit & 7);
          expect(await harness.matchesCompressed(g1(point), tampered)).to.equal(false);
        }),
        { numRuns: 40 },
      );
    });

    it("compresses infinity to its one encoding", async () => {
      const encoded = Uint8Array.from({ length: 48 }, (_, i) => (i === 0 ? 0xc0 : 0));
      expect(fromHex(await harness.compress(G1_INFINITY))).to.deep.equal(encoded);
      expect(await harness.matchesCompressed(G1_INFINITY, encoded)).to.equal(true);
      encoded[0] = 0xe0;
      expect(await harness.matchesCompressed(G1_INFINITY, encoded)).to.equal(false);
    });

    it("matches no hint with coordinates of p or more, and no encoding of another length", async () => {
      const { x, y } = publicKey.toAffine();
      const compressed = publicKey.toBytes(true);
      expect(await harness.matchesCompressed(g1Of(x, y + P), compressed)).to.equal(false);
      expect(await harness.matchesCompressed(g1Of(x + P, y), compressed)).to.equal(false);
      // x = p + 1 in 48 bytes, which a decoder without care takes for 1.
      const overflowing = fromHex((P + 1n).toString(16));
      overflowing[0]! |= 0x80;
      expect(await harness.matchesCompressed(g1Of(P + 1n, 1n), overflowing)).to.equal(false);
      expect(await harness.matchesCompressed(g1Of(1n, 1n), overflowing)).to.equal(false);
      for (const length of [0, 47, 49, 96]) {
        const other = new Uint8Array(length);
        other.set(compressed.subarray(0, length));
        expect(await harness.matchesCompressed(g1(publicKey), other)).to.equal(false);
      }
    });

    it("decodes x | y of 48 bytes each", async () => {
      expectPoint(await harness.decodeUncompressed(publicKey.toBytes(false)), g1(publicKey));
      for (const length of [0, 95, 97, 128]) {
        await expect(harness.decodeUncompressed(new Uint8Array(length)))
          .to.be.revertedWithCustomError(harness, "InvalidPointLength")
          .withArgs(length, 96);
      }
    });
  });

  describe("published vectors", function () {
    const folder = process.env["SWARMKEEP_VECTORS"];

    before(function () {
      if (folder !== undefined) return;
      console.log("      skipped: set SWARMKEEP_VECTORS to the folder of the published vectors");
      this.skip();
    });

    function load<T>(...path: string[]): T {
      return JSON.parse(readFileSync(join(folder!, ...path), "utf8")) as T;
    }

    function loadAll<T>(...path: string[]): [name: string, T][] {
      const names = readdirSync(join(folder!, ...path)).filter((name) => name.endsWith(".json"));
      expect(names).to.not.equal([]);
      return names.map((name) => [name, load<T>(...path, name)]);
    }

    type AffineG2 = { x: string; y: string };

    function g2OfVector({ x, y }: AffineG2) {
      const fp2 = (text: string): Fp2 => {
        const [c0, c1] = text.split(",").map(BigInt);
        return { c0: c0!, c1: c1! };
      };
      return g2Of(fp2(x), fp2(y));
    }

    it("bls/verify", async () => {
      type Case = { input: { pubkey: string; message: string; signature: string }; output: boolean };
      let accepted = 0;
      for (const [name, { input, output }] of loadAll<Case>("bls", "verify")) {
        let key, made;
        try {
          key = g1(G1.fromHex(input.pubkey.slice(2)));
          made = g2(G2.fromHex(input.signature.slice(2)));
        } catch {
          // Bytes that are no point at all cannot be given to the contract.
          expect(output, name).to.equal(false);
          continue;
        }
        expect(await harness.verify(key, input.message, DST, made), name).to.equal(output);
        accepted += Number(output);
      }
      expect(accepted).to.be.greaterThan(5);
    });

    it("bls/hash_to_G2", async () => {
      const dst = bytes("QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_");
      for (const [, { input, output }] of loadAll<{ input: { msg: string }; output: AffineG2 }>("bls", "hash_to_G2")) {
        expectPoint(await harness.hashToG2(bytes(input.msg), dst), g2OfVector(output));
      }
    });

    it("bls/deserialization_G1: a hint passes just for the encodings that are valid", async () => {
      type Case = { input: { pubkey: string }; output: boolean };
      for (const [name, { input, output }] of loadAll<Case>("bls", "deserialization_G1")) {
        const encoded = fromHex(input.pubkey);
        // The hints an attacker may try: the x of the encoding with every y that could go with it, and infinity.
        const x = BigInt(`0x${Buffer.from(encoded.subarray(0, 48)).toString("hex")}`) & ((1n << 381n) - 1n);
        const hints = [G1_INFINITY, g1Of(x, 0n), g1Of(x, 1n), g1Of(x, P - 1n), g1Of(x % P, 1n), g1Of(x % P, P - 1n)];
        const { Fp } = bls12_381.fields;
        const square = Fp.create(x * x * x + 4n);
        if (Fp.pow(square, (P - 1n) / 2n) === 1n) {
          const y = Fp.sqrt(square);
          hints.push(g1Of(x, y), g1Of(x, P - y), g1Of(x % P, y), g1Of(x % P, P - y));
        }
        let passed = false;
        for (const hint of hints) {
          passed ||= (await harness.matchesCompressed(hint, encoded)) && (await harness.isInSubgroup(hint)).inside;
        }
        expect(passed, name).to.equal(output);
      }
    });

    it("hash-to-curve: BLS12381G2_XMD:SHA-256_SSWU_RO_ (RFC 9380, appendix J.10.1)", async () => {
      type Suite = { dst: string; vectors: { msg: string; P: AffineG2 }[] };
      const suite = load<Suite>("hash-to-curve", "BLS12381G2_XMD_SHA-256_SSWU_RO_.json");
      expect(suite.vectors).to.have.length.greaterThan(3);
      for (const { msg, P: point } of suite.vectors) {
        expectPoint(await harness.hashToG2(bytes(msg), bytes(suite.dst)), g2OfVector(point));
      }
    });

    type Expansions = { DST: string; tests: { msg: string; len_in_bytes: string; uniform_bytes: string }[] };

    it("hash-to-curve: expand_message_xmd with SHA-256 (RFC 9380, appendix K.1)", async () => {
      const { DST: dst, tests } = load<Expansions>("hash-to-curve", "expand_message_xmd_SHA256_38.json");
      for (const { msg, len_in_bytes: length, uniform_bytes: uniform } of tests) {
        expect(await harness.expandMessageXmd(bytes(msg), bytes(dst), BigInt(length))).to.equal(`0x${uniform}`);
      }
    });

    it("hash-to-curve: a tag of more than 255 bytes is refused, and its hash taken (RFC 9380, appendix K.2)", async () => {
      const { DST: dst, tests } = load<Expansions>("hash-to-curve", "expand_message_xmd_SHA256_256.json");
      const hashed = createHash("sha256").update("H2C-OVERSIZE-DST-").update(dst).digest();
      for (const { msg, len_in_bytes: length, uniform_bytes: uniform } of tests) {
        await expect(harness.expandMessageXmd(bytes(msg), bytes(dst), BigInt(length)))
          .to.be.revertedWithCustomError(harness, "InvalidDstLength")
          .withArgs(dst.length);
        expect(await harness.expandMessageXmd(bytes(msg), hashed, BigInt(length))).to.equal(`0x${uniform}`);
      }
    });

    type Good = { Name: string; Input: string; Expected: string; Gas: number };
    type Bad = { Name: string; Input: string };

    /** Every case of a precompile answers as expected with exactly its gas, and does not with one less. */
    async function expectAnswers(file: string, precompile: number): Promise<void> {
      for (const { Name, Input, Expected, Gas } of load<Good[]>("precompiles", file)) {
        const input = `0x${Input}`;
        expect(await harness.ask(precompile, input, Gas), Name).to.equal(`0x${Expected}`);
        expect(await harness.answers(precompile, input, Gas - 1), Name).to.equal(false);
      }
    }

    async function expectRefusals(file: string, precompile: number): Promise<void> {
      for (const { Name, Input } of load<Bad[]>("precompiles", file)) {
        expect(await harness.answers(precompile, `0x${Input}`, 400_000), Name).to.equal(false);
      }
    }

    function g1At(input: string, offset: number) {
      const [xHi, xLo, yHi, yLo] = wordsAt(input, offset, 4);
      return { xHi: xHi!, xLo: xLo!, yHi: yHi!, yLo: yLo! };
    }

    /** `count` words of a hex string without prefix, from the byte `offset`. */
    function wordsAt(input: string, offset: number, count: number): bigint[] {
      return Array.from({ length: count }, (_, i) => BigInt(`0x${input.substr(2 * offset + 64 * i, 64)}`));
    }

    it("precompiles/blsG1Add, by the EVM and by the library", async () => {
      await expectAnswers("blsG1Add.json", 0x0b);
      await expectRefusals("fail-blsG1Add.json", 0x0b);
      for (const { Name, Input, Expected } of load<Good[]>("precompiles", "blsG1Add.json")) {
        const sum = await harness.add(g1At(Input, 0), g1At(Input, 128));
        expect(wordsOf(sum), Name).to.deep.equal(wordsAt(Expected, 0, 4));
      }
      const whole = load<Bad[]>("precompiles", "fail-blsG1Add.json").filter(({ Input }) => Input.length === 512);
      expect(whole).to.not.have.length(0);
      for (const { Input } of whole) {
        await expect(harness.add(g1At(Input, 0), g1At(Input, 128))).to.be.revertedWithCustomError(
          harness,
          "PrecompileRefused",
        );
      }
    });

    it("precompiles/blsG2Add and blsMapG2", async () => {
      await expectAnswers("blsG2Add.json", 0x0d);
      await expectAnswers("blsMapG2.json", 0x11);
      await expectRefusals("fail-blsMapG2.json", 0x11);
    });

    it("precompiles/blsPairing", async () => {
      await expectAnswers("blsPairing.json", 0x0f);
      await expectRefusals("fail-blsPairing.json", 0x0f);
    });

    it("precompiles/p256Verify", async () => {
      const cases = load<Good[]>("precompiles", "p256Verify.json");
      expect(cases).to.have.length.greaterThan(700);
      for (const { Name, Input, Expected, Gas } of cases) {
        expect(await harness.ask(0x100, `0x${Input}`, Gas), Name).to.equal(`0x${Expected}`);
      }
    });
  });
});

/** The input of G1MSM that multiplies the generator by one, `count` times. */
function msmInput(count: number): string {
  const term = [...Object.values(g1(G1.BASE)), 1n].map((word) => word.toString(16).padStart(64, "0")).join("");
  return `0x${term.repeat(count)}`;
}

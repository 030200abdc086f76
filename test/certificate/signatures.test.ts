import { ED25519_TORSION_SUBGROUP, ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { bytesToNumberLE, numberToBytesLE } from "@noble/curves/utils.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { expect } from "chai";
import fc from "fast-check";

import { nobleSignatures } from "../../src/certificate/signatures.js";
import { verifyCertificate } from "../../src/certificate/certificate.js";
import { Refusal } from "../../src/certificate/refusal.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { COSE_ALG } from "../../src/statements/cose.js";
import { NOW, checks, ed25519Holder, fromHex, issue, p256Holder, seed, trust } from "./fixtures.js";

const { Point } = ed25519;

/** Both implementations' answer, which must be one. */
function verdict(scheme: "verifyEd25519" | "verifyP256", ...input: [Uint8Array, Uint8Array, Uint8Array]): boolean {
  const answer = nobleSignatures[scheme](...input);
  expect(nativeSignatures[scheme](...input), "native").to.equal(answer);
  return answer;
}

const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.map((byte, at) => (at === (bit >> 3) % bytes.length ? byte ^ (1 << (bit & 7)) : byte));

describe("signatures of devices: noble and native agree", () => {
  for (const [scheme, holder] of [
    ["verifyEd25519", ed25519Holder],
    ["verifyP256", p256Holder],
  ] as const) {
    it(`${scheme}: on good signatures, and on any with a bit changed`, () => {
      const which = fc.constantFrom(0, 1, 2);
      fc.assert(
        fc.property(
          fc.string({ minLength: 1 }),
          fc.uint8Array({ minLength: 1 }),
          which,
          fc.nat(2_000),
          (label, message, part, bit) => {
            const { key, sign } = holder(label);
            const input: [Uint8Array, Uint8Array, Uint8Array] = [key.bytes, message, sign(message)];
            expect(verdict(scheme, ...input)).to.equal(true);
            input[part] = flip(input[part] as Uint8Array, bit);
            expect(verdict(scheme, ...input)).to.equal(false);
          },
        ),
        { numRuns: 60 },
      );
    });

    it(`${scheme}: on bytes of any length`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 70 }),
          fc.uint8Array(),
          fc.uint8Array({ maxLength: 70 }),
          (key, message, signature) => {
            expect(verdict(scheme, key, message, signature)).to.equal(false);
          },
        ),
        { numRuns: 500 },
      );
    });
  }

  it("P-256: on either half of s, on r and s out of range, and on other encodings of the key", () => {
    const { key, sign } = p256Holder();
    const message = seed("message");
    const signature = sign(message);
    const order = p256.Point.Fn.ORDER;
    const word = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, "0"));
    const [r, s] = [signature.subarray(0, 32), BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`)];
    expect(verdict("verifyP256", key.bytes, message, Buffer.concat([r, word(order - s)]))).to.equal(true);
    for (const bad of [0n, order, order + s]) {
      if (bad >> 256n !== 0n) continue;
      expect(verdict("verifyP256", key.bytes, message, Buffer.concat([r, word(bad)]))).to.equal(false);
      expect(verdict("verifyP256", key.bytes, message, Buffer.concat([word(bad), signature.subarray(32)]))).to.equal(
        false,
      );
    }
    const uncompressed = p256.Point.fromBytes(key.bytes).toBytes(false);
    expect(verdict("verifyP256", uncompressed, message, signature)).to.equal(false);
    expect(verdict("verifyP256", Uint8Array.of(4, ...key.bytes.subarray(1)), message, signature)).to.equal(false);
  });

  it("Ed25519: refuse keys of small order, under which anything would verify", () => {
    for (const encoded of ED25519_TORSION_SUBGROUP) {
      for (const sign of [0, 0x80]) {
        const key = fromHex(encoded).map((byte, at) => (at === 31 ? byte ^ sign : byte));
        const identity = Point.ZERO.toBytes();
        expect(verdict("verifyEd25519", key, seed("m"), Buffer.concat([identity, new Uint8Array(32)]))).to.equal(false);
      }
    }
  });

  it("Ed25519: refuse keys that are not canonical", () => {
    for (let beyond = 0n; beyond < 19n; beyond++) {
      const key = numberToBytesLE(Point.Fp.ORDER + beyond, 32);
      expect(verdict("verifyEd25519", key, seed("m"), new Uint8Array(64))).to.equal(false);
    }
  });

  it("Ed25519: refuse signatures that hold only after clearing the cofactor, and s beyond the order", () => {
    const scalar = Point.Fn.create(bytesToNumberLE(seed("scalar")));
    const torsion = Point.fromHex(ED25519_TORSION_SUBGROUP[1] as string, true);
    const key = Point.BASE.multiply(scalar).toBytes();
    const nonce = Point.Fn.create(bytesToNumberLE(seed("nonce")));
    const message = seed("message");
    const signature = (r: Uint8Array): Uint8Array => {
      const k = Point.Fn.create(bytesToNumberLE(sha512(Buffer.concat([r, key, message]))));
      return Buffer.concat([r, numberToBytesLE(Point.Fn.create(nonce + k * scalar), 32)]);
    };
    const plain = signature(Point.BASE.multiply(nonce).toBytes());
    expect(verdict("verifyEd25519", key, message, plain)).to.equal(true);
    const crafted = signature(Point.BASE.multiply(nonce).add(torsion).toBytes());
    expect(verdict("verifyEd25519", key, message, crafted)).to.equal(false);
    const beyond = bytesToNumberLE(plain.subarray(32)) + Point.Fn.ORDER;
    const malleated = Buffer.concat([plain.subarray(0, 32), numberToBytesLE(beyond, 32)]);
    expect(verdict("verifyEd25519", key, message, malleated)).to.equal(false);
  });

  it("certificates: the same verdict for any changed byte, under either group key", () => {
    const native = { bls: blstBls, device: nativeSignatures };
    const outcome = (encoded: Uint8Array, which: typeof checks): string => {
      try {
        verifyCertificate(encoded, trust, NOW, which);
        return "accepted";
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return error.code;
      }
    };
    for (const algorithm of [COSE_ALG.bls, COSE_ALG.eddsa] as const) {
      const good = issue({}, algorithm);
      expect(outcome(good, native)).to.equal("accepted");
      for (let at = 0; at < good.length; at += 5) {
        const changed = good.map((byte, position) => (position === at ? byte ^ 4 : byte));
        expect(outcome(changed, native), `byte ${at}`).to.equal(outcome(changed, checks));
      }
    }
  });
});

import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { expect } from "chai";
import fc from "fast-check";

import { nobleSignatures } from "../../src/certificate/signatures.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { PooledSignatures } from "../../src/runtime/pooled-signatures.js";

describe("native device signatures", () => {
  const message = fc.uint8Array({ maxLength: 200 });
  const mutation = fc.record({ at: fc.nat({ max: 63 }), flip: fc.integer({ min: 0, max: 255 }) });

  for (const [name, curve, check] of [
    ["Ed25519", ed25519, "verifyEd25519"],
    ["P-256", p256, "verifyP256"],
  ] as const) {
    it(`${name} agrees with noble on good and altered signatures`, () => {
      fc.assert(
        fc.property(message, mutation, (bytes, { at, flip }) => {
          const { secretKey, publicKey } = curve.keygen();
          const signature = Uint8Array.from(curve.sign(bytes, secretKey));
          expect(nativeSignatures[check](publicKey, bytes, signature)).to.equal(true);
          signature[at] = (signature[at] ?? 0) ^ flip;
          expect(nativeSignatures[check](publicKey, bytes, signature)).to.equal(
            nobleSignatures[check](publicKey, bytes, signature),
          );
        }),
        { numRuns: 50 },
      );
    });

    it(`${name} refuses bytes that are no key or signature`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 70 }), (key, signature) => {
          expect(nativeSignatures[check](key, new Uint8Array(3), signature)).to.equal(false);
        }),
      );
    });

    it(`${name} gives the same answers in the thread pool, of all that were asked`, async () => {
      const { secretKey, publicKey } = curve.keygen();
      const signature = Uint8Array.from(curve.sign(Uint8Array.of(1), secretKey));
      for (const [messages, expected] of [
        [[], true],
        [[1, 1], true],
        [[1, 2, 1], false],
      ] as const) {
        const pooled = new PooledSignatures();
        for (const message of messages) {
          expect(pooled[check](publicKey, Uint8Array.of(message), signature)).to.equal(true);
        }
        expect(await pooled.allValid()).to.equal(expected);
      }
      const pooled = new PooledSignatures();
      expect(pooled[check](new Uint8Array(7), Uint8Array.of(1), signature)).to.equal(false);
      expect(pooled[check](publicKey, Uint8Array.of(1), new Uint8Array(3))).to.equal(true);
      expect(await pooled.allValid()).to.equal(false);
    });
  }
});

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import fc from "fast-check";

import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { ed, g1 } from "../../src/crypto/group.js";
import { edWitness, g1Witness } from "../../src/crypto/malformation.js";

const P = bls12_381.fields.Fp.ORDER;
const Q = ed25519.Point.Fp.ORDER;
const D = ed25519.Point.CURVE().d;

function decodes(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

describe("witness of a malformed commitment", () => {
  it("g1: shows for each encoding that decoding refuses why it does", () => {
    let [offCurve, outside] = [0, 0];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), (bytes) => {
        bytes[0] = ((bytes[0] as number) & 0x1f) | 0x80;
        fc.pre(!decodes(() => g1.decode(bytes)));
        const witness = g1Witness(bytes);
        const x = bytesToNumberBE(Uint8Array.of((bytes[0] as number) & 0x1f, ...bytes.subarray(1)));
        if (x >= P) return witness.length === 0;
        const y = bytesToNumberBE(witness);
        const square = (x ** 3n + 4n) % P;
        if (y ** 2n % P === square) outside++;
        else offCurve++;
        return y ** 2n % P === square || (y ** 2n + square) % P === 0n;
      }),
      { numRuns: 300 },
    );
    expect(offCurve).to.be.greaterThan(10);
    expect(outside).to.be.greaterThan(10);
  });

  it("g1: is empty for flags that no point has", () => {
    const base = g1.base.toBytes();
    for (const first of [0x17, 0x57, 0xd7, 0xf7]) {
      const bytes = Uint8Array.of(first, ...base.subarray(1));
      expect(decodes(() => g1.decode(bytes))).to.equal(false);
      expect(g1Witness(bytes)).to.have.length(0);
    }
  });

  it("ed25519: shows for each encoding that decoding refuses why it does", () => {
    let shown = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        fc.pre(!decodes(() => ed.decode(bytes)));
        const witness = edWitness(bytes);
        const y = bytesToNumberBE(Uint8Array.from(bytes).reverse()) & ((1n << 255n) - 1n);
        if (y >= Q) return witness.length === 0;
        const root = bytesToNumberBE(witness);
        shown++;
        return (root * root - 2n * (y * y - 1n) * (D * y * y + 1n)) % Q === 0n;
      }),
      { numRuns: 300 },
    );
    expect(shown).to.be.greaterThan(50);
    const signOfZero = new Uint8Array(32);
    signOfZero[0] = 1;
    signOfZero[31] = 0x80;
    expect(decodes(() => ed.decode(signOfZero))).to.equal(false);
    expect(edWitness(signOfZero)).to.have.length(0);
  });
});

/** Points as the contracts take and give them: of BLS12-381 as 256-bit words in the EIP-2537 encoding, of P-256 as coordinates. */
import { getBytes, hexlify, toBeHex } from "ethers";

import { concatBytes } from "../crypto/bytes.js";
import { g1ForLedger, g2ForLedger, g2FromEip2537 } from "../crypto/points.js";
import type { BLS12381 } from "../../typechain-types/GroupKeys.js";
import type { TlsKeyStruct } from "../../typechain-types/ValidatorRegistry.js";

function words(bytes: Uint8Array): bigint[] {
  const hex = Buffer.from(bytes).toString("hex");
  return Array.from({ length: bytes.length / 32 }, (_, i) => BigInt(`0x${hex.slice(64 * i, 64 * i + 64)}`));
}

/** @param encoded 128 bytes. */
export function g1Struct(encoded: Uint8Array): BLS12381.G1PointStruct {
  const [xHi = 0n, xLo = 0n, yHi = 0n, yLo = 0n] = words(encoded);
  return { xHi, xLo, yHi, yLo };
}

/** @param encoded 256 bytes. */
export function g2Struct(encoded: Uint8Array): BLS12381.G2PointStruct {
  const [x0Hi = 0n, x0Lo = 0n, x1Hi = 0n, x1Lo = 0n, y0Hi = 0n, y0Lo = 0n, y1Hi = 0n, y1Lo = 0n] = words(encoded);
  return { x0Hi, x0Lo, x1Hi, x1Lo, y0Hi, y0Lo, y1Hi, y1Lo };
}

/** A public key from its 48 bytes. @throws CryptoError */
export function publicKeyStruct(compressed: Uint8Array): BLS12381.G1PointStruct {
  return g1Struct(g1ForLedger(compressed));
}

/** A signature from its 96 bytes. @throws CryptoError */
export function signatureStruct(compressed: Uint8Array): BLS12381.G2PointStruct {
  return g2Struct(g2ForLedger(compressed));
}

/**
 * A TLS key with its signature.
 * @param spki 91 bytes: they end in the coordinates, 32 bytes each.
 * @param signature r | s, 64 bytes.
 */
export function tlsKeyStruct(spki: Uint8Array, signature: Uint8Array): TlsKeyStruct {
  return {
    x: hexlify(spki.subarray(-64, -32)),
    y: hexlify(spki.subarray(-32)),
    r: hexlify(signature.subarray(0, 32)),
    s: hexlify(signature.subarray(32)),
  };
}

/** The 128 bytes of a point in an event. */
export function g1Bytes(point: { xHi: bigint; xLo: bigint; yHi: bigint; yLo: bigint }): Uint8Array {
  const { xHi, xLo, yHi, yLo } = point;
  return concatBytes(...[xHi, xLo, yHi, yLo].map((word) => getBytes(toBeHex(word, 32))));
}

const G2_WORDS = ["x0Hi", "x0Lo", "x1Hi", "x1Lo", "y0Hi", "y0Lo", "y1Hi", "y1Lo"] as const;

/** The 96 bytes of a signature in an event. @throws CryptoError */
export function signatureBytes(point: Readonly<Record<string, bigint>>): Uint8Array {
  const words = G2_WORDS.map((name) => getBytes(toBeHex(point[name] ?? 0n, 32)));
  return g2FromEip2537(concatBytes(...words)).toBytes();
}

/**
 * Points of BLS12-381 between their two encodings: compressed as off the ledger (ZCash, 48 and 96 bytes), and EIP-2537
 * as on it (big-endian, each coordinate of 48 bytes left-padded to 64; infinity is all zeros; 128 and 256 bytes).
 * G2's halves come in the opposite order: EIP-2537 puts c0 first, ZCash c1.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { bytesToNumberBE, concatBytes, expectLength, toBytes } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { affineG1 } from "./g1-decoding.js";
import { g1, type EdPoint, type G1Point, type G2Point } from "./group.js";

const G2 = bls12_381.G2.Point;
const FIELD = bls12_381.fields.Fp.ORDER;

/** x|y of a G1 point, 96 bytes. Infinity has none: @throws CryptoError `point` */
export function packG1(point: G1Point): Uint8Array {
  if (point.is0()) throw new CryptoError("point", "the point at infinity has no coordinates");
  const { x, y } = point.toAffine();
  return concatBytes(toBytes(x, 48), toBytes(y, 48));
}

/** @throws CryptoError `length` or `point` unless the bytes are x|y of a point of the subgroup other than infinity. */
export function unpackG1(bytes: Uint8Array): G1Point {
  expectLength(bytes, 96, "a packed G1 point");
  // The library reads zeros as infinity.
  if (bytes.every((byte) => byte === 0)) throw new CryptoError("point", "a packed G1 point is not infinity");
  const [x, y] = [bytesToNumberBE(bytes.subarray(0, 48)), bytesToNumberBE(bytes.subarray(48))];
  if (x >= FIELD || y >= FIELD)
    throw new CryptoError("point", "a coordinate of the G1 point is not below the field's prime");
  return checked(() => affineG1(x, y));
}

/** 128 bytes. */
export function g1ToEip2537(point: G1Point): Uint8Array {
  if (point.is0()) return new Uint8Array(128);
  const { x, y } = point.toAffine();
  return concatBytes(toBytes(x, 64), toBytes(y, 64));
}

/** @throws CryptoError `length` or `point`; the subgroup is checked. */
export function g1FromEip2537(bytes: Uint8Array): G1Point {
  expectLength(bytes, 128, "an EIP-2537 G1 point");
  if (bytes.every((byte) => byte === 0)) return g1.zero;
  const [x, y] = coordinates(bytes) as [bigint, bigint];
  return checked(() => affineG1(x, y));
}

/** 256 bytes: x.c0|x.c1|y.c0|y.c1. */
export function g2ToEip2537(point: G2Point): Uint8Array {
  if (point.is0()) return new Uint8Array(256);
  const { x, y } = point.toAffine();
  return concatBytes(toBytes(x.c0, 64), toBytes(x.c1, 64), toBytes(y.c0, 64), toBytes(y.c1, 64));
}

/** @throws CryptoError `length` or `point`; the subgroup is checked. */
export function g2FromEip2537(bytes: Uint8Array): G2Point {
  expectLength(bytes, 256, "an EIP-2537 G2 point");
  if (bytes.every((byte) => byte === 0)) return G2.ZERO;
  const [x0, x1, y0, y1] = coordinates(bytes) as [bigint, bigint, bigint, bigint];
  return checked(() => {
    const point = G2.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } });
    point.assertValidity();
    return point;
  });
}

/** 96 compressed bytes to a point of G2's subgroup. @throws CryptoError `length` or `point` */
export function decodeG2(bytes: Uint8Array): G2Point {
  expectLength(bytes, 96, "a compressed G2 point");
  return checked(() => G2.fromBytes(bytes));
}

/** A compressed key, 48 bytes, as the ledger takes it, 128 bytes. */
export function g1ForLedger(compressed: Uint8Array): Uint8Array {
  return g1ToEip2537(g1.decode(compressed));
}

/** A compressed signature, 96 bytes, as the ledger takes it, 256 bytes. */
export function g2ForLedger(compressed: Uint8Array): Uint8Array {
  return g2ToEip2537(decodeG2(compressed));
}

/** keccak256 of the key's 128 bytes on the ledger: `keyHash` and `blsKeyHash` of the statements. */
export function blsKeyHash(compressed: Uint8Array): Uint8Array {
  return keccak_256(g1ForLedger(compressed));
}

/**
 * Hints that save a contract the square roots: y of a G1 point in 48 bytes (zeros for infinity), x of an Ed25519 point
 * in 32 bytes big-endian.
 */
export function yHint(point: G1Point): Uint8Array {
  return point.is0() ? new Uint8Array(48) : toBytes(point.toAffine().y, 48);
}

export function xHint(point: EdPoint): Uint8Array {
  return toBytes(point.toAffine().x, 32);
}

/** Whether the bytes are an Ed25519 key that every verifier accepts: canonical and in the prime-order subgroup. */
export function isEd25519Key(bytes: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(bytes);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** Coordinates of 64 bytes each. @throws CryptoError `point` unless each is below the field's prime. */
function coordinates(bytes: Uint8Array): bigint[] {
  return Array.from({ length: bytes.length / 64 }, (_, i) => {
    const value = bytesToNumberBE(bytes.subarray(64 * i, 64 * (i + 1)));
    if (value >= FIELD) throw new CryptoError("point", `coordinate ${i} is not below the field's prime`);
    return value;
  });
}

function checked<P>(make: () => P): P {
  try {
    return make();
  } catch (cause) {
    throw new CryptoError("point", `not a point of the subgroup: ${(cause as Error).message}`, [], cause);
  }
}

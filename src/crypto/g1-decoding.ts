/**
 * Points of G1 from anybody's bytes: on the curve, in the subgroup. The latter is most of what decoding costs in JavaScript, so
 * programs on Node hand in a native check, some twenty times as fast and with the same answers (`src/runtime/blst.ts`).
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";

import { bytesToNumberBE, concatBytes, toBytes } from "./bytes.js";

const { Point } = bls12_381.G1;
export type G1Point = InstanceType<typeof Point>;

/**
 * Coordinates x|y, 96 bytes, of a point that is given by them or compressed (48 bytes), if it is in the subgroup and not infinity.
 * Throws an error of any kind otherwise.
 */
export type NativeG1 = (encoded: Uint8Array) => Uint8Array;

let native: NativeG1 | undefined;

/** Decodes natively from now on; `undefined` goes back to JavaScript. */
export function useNativeG1(decode: NativeG1 | undefined): void {
  native = decode;
}

function affine(coordinates: Uint8Array): G1Point {
  const [x, y] = [bytesToNumberBE(coordinates.subarray(0, 48)), bytesToNumberBE(coordinates.subarray(48))];
  return Point.fromAffine({ x, y });
}

/** A point from 48 bytes (ZCash); infinity has its one encoding. @throws Error */
export function compressedG1(bytes: Uint8Array): G1Point {
  // Infinity, and what only claims to be.
  const isFinite = ((bytes[0] ?? 0) & 0x40) === 0;
  return native !== undefined && isFinite ? affine(native(bytes)) : Point.fromBytes(bytes);
}

/** A point from coordinates that are below the field's prime and not both zero. @throws Error */
export function affineG1(x: bigint, y: bigint): G1Point {
  if (native !== undefined) native(concatBytes(toBytes(x, 48), toBytes(y, 48)));
  const point = Point.fromAffine({ x, y });
  if (native === undefined) point.assertValidity();
  return point;
}

/** Integers and byte strings: big-endian, fixed width, as everything on the ledger is. */
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { CryptoError } from "./errors.js";

export { bytesToNumberBE, concatBytes };

/** A source of random bytes: the system's in production, a seeded one where a run must be repeatable. */
export type Randomness = (length: number) => Uint8Array;

/** @throws CryptoError `length` */
export function expectLength(bytes: Uint8Array, length: number, what: string): void {
  if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
    const given = bytes instanceof Uint8Array ? `${bytes.length} bytes` : typeof bytes;
    throw new CryptoError("length", `${what} takes ${length} bytes, not ${given}`);
  }
}

/** `width` bytes, big-endian. @throws CryptoError `scalar` if `value` is negative or does not fit. */
export function toBytes(value: bigint | number, width: number): Uint8Array {
  const integer = BigInt(value);
  if (integer < 0n || integer >> BigInt(8 * width) !== 0n) {
    throw new CryptoError("scalar", `${integer} does not fit into ${width} bytes`);
  }
  return numberToBytesBE(integer, width);
}

/** Equality in time that depends on the lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  // By index: the iterator of entries takes ten times as long, and everything that is decoded passes here.
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** The pieces of `bytes`, `size` bytes each. The length must be a multiple of `size`. */
export function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  if (bytes.length % size !== 0) {
    throw new CryptoError("length", `${bytes.length} bytes do not divide into pieces of ${size}`);
  }
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

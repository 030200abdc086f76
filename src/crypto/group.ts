/**
 * The two groups that a ceremony shares keys in, behind one interface, so that sharing is written once.
 *
 * Secrets and time: scalars that are secret go through `commit` and `multiply`, whose sequence of point operations does
 * not depend on the scalar and is blinded (@noble/curves). JavaScript's big integers are still not constant-time, and
 * copies of them stay in memory until the garbage collector runs: docs/threat-model.md. Byte arrays are wiped.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";

import { bytesToNumberBE, expectLength, toBytes, type Randomness } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { type G1Point, compressedG1 } from "./g1-decoding.js";

export type { G1Point } from "./g1-decoding.js";

export type G2Point = InstanceType<typeof bls12_381.G2.Point>;
export type EdPoint = InstanceType<typeof ed25519.Point>;

/** What sharing needs of a point; both libraries' points have it. */
export interface GroupPoint<P> {
  add(other: P): P;
  double(): P;
  equals(other: P): boolean;
  is0(): boolean;
  subtract(other: P): P;
  /** Secret scalar from 1 to order - 1. */
  multiply(scalar: bigint): P;
  /** Public scalar from 0 to order - 1. */
  multiplyUnsafe(scalar: bigint): P;
  toBytes(): Uint8Array;
}

/** Names of the groups, and of the two ways in which a share can be bad. */
export type GroupName = "g1" | "ed25519";

export interface Group<P extends GroupPoint<P>> {
  readonly name: GroupName;
  /** Order of the prime-order subgroup; scalars are below it. */
  readonly order: bigint;
  readonly base: P;
  readonly zero: P;
  /** Bytes of an encoded point. */
  readonly pointLength: number;
  /**
   * Decodes the canonical encoding: 48 compressed bytes (ZCash, in the subgroup) or RFC 8032's 32 bytes. Ed25519 points
   * may carry a component of small order; `clear` removes it.
   * @throws CryptoError `length` or `point`
   */
  decode(bytes: Uint8Array): P;
  /** The point's component in the prime-order subgroup: for equal inputs everybody gets equal outputs. */
  clear(point: P): P;
}

function decoder<P>(what: string, length: number, fromBytes: (bytes: Uint8Array) => P): (bytes: Uint8Array) => P {
  return (bytes) => {
    expectLength(bytes, length, what);
    try {
      return fromBytes(bytes);
    } catch (cause) {
      throw new CryptoError("point", `${what} does not decode: ${(cause as Error).message}`, [], cause);
    }
  };
}

/** G1 of BLS12-381. Decoding checks the subgroup. */
export const g1: Group<G1Point> = {
  name: "g1",
  order: bls12_381.fields.Fr.ORDER,
  base: bls12_381.G1.Point.BASE,
  zero: bls12_381.G1.Point.ZERO,
  pointLength: 48,
  decode: decoder("a compressed G1 point", 48, compressedG1),
  clear: (point) => point,
};

const ED_ORDER = ed25519.Point.Fn.ORDER;
/** 8 * INVERSE_OF_8 = 1 modulo the order, so multiplying by both leaves the subgroup alone and removes the rest. */
const INVERSE_OF_8 = ed25519.Point.Fn.inv(8n);

/** edwards25519, cofactor 8. */
export const ed: Group<EdPoint> = {
  name: "ed25519",
  order: ED_ORDER,
  base: ed25519.Point.BASE,
  zero: ed25519.Point.ZERO,
  pointLength: 32,
  decode: decoder("an Ed25519 point", 32, (bytes) => ed25519.Point.fromBytes(bytes)),
  clear: (point) => point.clearCofactor().multiplyUnsafe(INVERSE_OF_8),
};

/** Remainder in [0, modulus), for negative values too. */
export function modulo(value: bigint, modulus: bigint): bigint {
  const remainder = value % modulus;
  return remainder < 0n ? remainder + modulus : remainder;
}

/** A uniform scalar from 1 to order - 1: 64 random bytes leave a bias below 2^-256. */
export function randomScalar<P extends GroupPoint<P>>(group: Group<P>, random: Randomness): bigint {
  const bytes = random(64);
  expectLength(bytes, 64, "the source of randomness");
  const scalar = (bytesToNumberBE(bytes) % (group.order - 1n)) + 1n;
  bytes.fill(0);
  return scalar;
}

/** 32 bytes, big-endian, as secrets are stored and shares are sealed. @throws CryptoError `length` or `scalar` */
export function decodeScalar<P extends GroupPoint<P>>(group: Group<P>, bytes: Uint8Array): bigint {
  expectLength(bytes, 32, `a scalar of ${group.name}`);
  const scalar = bytesToNumberBE(bytes);
  // The value may be a secret, so it is not repeated here.
  if (scalar >= group.order)
    throw new CryptoError("scalar", `a scalar of ${group.name} is not below the group's order`);
  return scalar;
}

export function encodeScalar(scalar: bigint): Uint8Array {
  return toBytes(scalar, 32);
}

/** secret * base; zero gives the point at infinity. */
export function commit<P extends GroupPoint<P>>(group: Group<P>, secret: bigint): P {
  return secret === 0n ? group.zero : group.base.multiply(secret);
}

/** factor * point by doubling, for the small public factors (seats) of Horner's rule. */
export function smallMultiple<P extends GroupPoint<P>>(group: Group<P>, point: P, factor: number): P {
  let result = group.zero;
  for (let bit = 31 - Math.clz32(factor); bit >= 0; bit--) {
    result = result.double();
    if ((factor >>> bit) & 1) result = result.add(point);
  }
  return result;
}

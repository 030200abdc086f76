/**
 * Ed25519 in the one reading that all implementations here share. RFC 8032 leaves open what becomes of keys of small order
 * and whether the cofactor is cleared; two verifiers that chose differently would disagree over a crafted signature.
 * Here: keys are canonical and not of small order, and the check is the exact equation (no cofactor), as OpenSSL has it.
 */
import { ED25519_TORSION_SUBGROUP, ed25519 } from "@noble/curves/ed25519.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

import { equalBytes } from "../crypto/bytes.js";

const { Point } = ed25519;
const FIELD_PRIME = Point.Fp.ORDER;
const Y_BITS = (1n << 255n) - 1n;

/** y of the points whose order divides 8, little-endian hex without the sign of x. */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set(
  ED25519_TORSION_SUBGROUP.map((encoded) => bytesToHex(Point.fromHex(encoded, true).toBytes().map(withoutSign))),
);

function withoutSign(byte: number, position: number): number {
  return position === 31 ? byte & 0x7f : byte;
}

/** Whether `key` is canonical and not of small order. That it is on the curve is left to whoever decodes it. */
export function isUsableEd25519Key(key: Uint8Array): boolean {
  return (
    key.length === 32 &&
    (bytesToNumberLE(key) & Y_BITS) < FIELD_PRIME &&
    !SMALL_ORDER_Y.has(bytesToHex(key.map(withoutSign)))
  );
}

/** RFC 8032, section 5.1.7, with the equation s*B = R + k*A compared exactly. @throws for bytes that are no key */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isUsableEd25519Key(key) || signature.length !== 64) return false;
  const s = bytesToNumberLE(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  const r = signature.subarray(0, 32);
  const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(r, key, message))));
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(key).multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

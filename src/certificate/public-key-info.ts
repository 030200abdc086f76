/** Keys and signatures as X.509 and PKCS#10 write them: P-256 (RFC 5480, RFC 3279) and Ed25519 (RFC 8410). */
import { p256 } from "@noble/curves/nist.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { KEY_TYPE } from "../statements/cose.js";
import type { DeviceKey } from "./cose-key.js";
import { DER, type DerReader, DerReader as Reader, derBitString, derInteger, derOid, derSequence } from "./der.js";
import { Refusal } from "./refusal.js";

const ED25519_ALGORITHM = derSequence(derOid("1.3.101.112"));
const P256_KEY_ALGORITHM = derSequence(derOid("1.2.840.10045.2.1"), derOid("1.2.840.10045.3.1.7"));
const ECDSA_WITH_SHA256 = derSequence(derOid("1.2.840.10045.4.3.2"));

/** The AlgorithmIdentifier that a key of this type signs with. */
export function signatureAlgorithm(type: DeviceKey["type"]): Uint8Array {
  return type === KEY_TYPE.ed25519 ? ED25519_ALGORITHM : ECDSA_WITH_SHA256;
}

/** SubjectPublicKeyInfo. @throws if a P-256 key is no point. */
export function subjectPublicKeyInfo(key: DeviceKey): Uint8Array {
  return key.type === KEY_TYPE.ed25519
    ? derSequence(ED25519_ALGORITHM, derBitString(key.bytes))
    : derSequence(P256_KEY_ALGORITHM, derBitString(p256.Point.fromBytes(key.bytes).toBytes(false)));
}

/** @throws Refusal `malformed`, or `wrong-kind` for a key that is neither Ed25519 nor P-256. */
export function readSubjectPublicKeyInfo(parent: DerReader): DeviceKey {
  const info = parent.enter(DER.sequence, "subjectPublicKeyInfo");
  const isEd25519 = info.skipIf(ED25519_ALGORITHM);
  if (!isEd25519 && !info.skipIf(P256_KEY_ALGORITHM)) {
    info.content(DER.sequence);
    info.bitString();
    throw new Refusal("wrong-kind", "the public key is neither Ed25519 nor P-256", {
      advice: "Use a P-256 or Ed25519 key.",
    });
  }
  const bits = info.bitString();
  info.end();
  if (isEd25519) {
    if (bits.length !== 32) throw info.problem(`has an Ed25519 key of ${bits.length} bytes`);
    return { type: KEY_TYPE.ed25519, bytes: bits.slice() };
  }
  try {
    return { type: KEY_TYPE.p256, bytes: p256.Point.fromBytes(bits).toBytes(true) };
  } catch {
    throw info.problem("has a P-256 key that is no point of the curve");
  }
}

/** Order of P-256. */
const ORDER = p256.Point.Fn.ORDER;

/** The same signature with s in the lower half: r | s, 64 bytes. The ledger takes no other, and OpenSSL makes both. */
export function normalizeP256Signature(signature: Uint8Array): Uint8Array {
  const s = bytesToNumberBE(signature.subarray(32));
  if (s <= ORDER / 2n) return signature;
  return concatBytes(signature.subarray(0, 32), numberToBytesBE(ORDER - s, 32));
}

/** A signature as its BIT STRING holds it: ECDSA as a SEQUENCE of r and s, Ed25519 as it is. `signature` 64 bytes. */
export function signatureBits(type: DeviceKey["type"], signature: Uint8Array): Uint8Array {
  if (type === KEY_TYPE.ed25519) return derBitString(signature);
  const normal = normalizeP256Signature(signature);
  return derBitString(derSequence(derInteger(normal.subarray(0, 32)), derInteger(normal.subarray(32))));
}

/** Back to 64 bytes. @throws Refusal `malformed` */
export function readSignatureBits(type: DeviceKey["type"], parent: DerReader, field: string): Uint8Array {
  const bits = parent.bitString();
  if (type === KEY_TYPE.ed25519) {
    if (bits.length !== 64) throw parent.problem(`has an Ed25519 signature of ${bits.length} bytes`);
    return bits;
  }
  const outer = new Reader(bits, field);
  const pair = outer.enter(DER.sequence, "ecdsa");
  const signature = concatBytes(pair.integer(32), pair.integer(32));
  pair.end();
  outer.end();
  return signature;
}

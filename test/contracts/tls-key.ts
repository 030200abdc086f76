/** TLS keys of validators as the registry takes them, made without the project's own code. */
import { createHash } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";
import { hexlify } from "ethers";

/** The DER of a P-256 SubjectPublicKeyInfo (RFC 5480): algorithm, curve, and the point without compression. */
const SPKI_HEAD = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

/** SHA-256 of the SubjectPublicKeyInfo of the P-256 key `secret`. */
export function tlsPinOf(secret: Uint8Array): string {
  return tlsPinOfPoint(p256.getPublicKey(secret, false));
}

/** @param point of 65 bytes, SEC 1 without compression. */
export function tlsPinOfPoint(point: Uint8Array): string {
  const spki = Buffer.concat([SPKI_HEAD, point]);
  return hexlify(createHash("sha256").update(spki).digest());
}

/** The key with its signature over `digest`, that of a TlsPossession statement. */
export function tlsKeyStruct(secret: Uint8Array, digest: Uint8Array) {
  const point = p256.getPublicKey(secret, false);
  const signature = p256.sign(digest, secret, { lowS: true });
  return {
    x: hexlify(point.subarray(1, 33)),
    y: hexlify(point.subarray(33)),
    r: hexlify(signature.subarray(0, 32)),
    s: hexlify(signature.subarray(32)),
  };
}

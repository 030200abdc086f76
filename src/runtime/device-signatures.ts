/** Checks of Ed25519 and P-256 signatures in native code (node:crypto), with the same answers as noble's. */
import { createPublicKey, verify, type KeyObject } from "node:crypto";

import { isUsableEd25519Key } from "../certificate/ed25519-key.js";
import type { DeviceSignatures } from "../certificate/signatures.js";

/** SubjectPublicKeyInfo of a compressed point up to the point itself: RFC 5480. */
const P256_PREFIX = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");

function orUndefined<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}

/** Undefined for bytes that are no key. */
export function p256Key(key: Uint8Array): KeyObject | undefined {
  if (key.length !== 33) return undefined;
  return orUndefined(() => createPublicKey({ key: Buffer.concat([P256_PREFIX, key]), format: "der", type: "spki" }));
}

/** As a JWK (RFC 8037): half the time of DER, for which OpenSSL tries its decoders. Undefined for bytes that are no key. */
export function ed25519Key(key: Uint8Array): KeyObject | undefined {
  if (!isUsableEd25519Key(key)) return undefined;
  const x = Buffer.from(key.buffer, key.byteOffset, key.length).toString("base64url");
  return orUndefined(() => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
}

export const nativeSignatures: DeviceSignatures = {
  verifyEd25519(publicKey, message, signature) {
    const key = ed25519Key(publicKey);
    return key !== undefined && (orUndefined(() => verify(null, message, key, signature)) ?? false);
  },
  verifyP256(publicKey, message, signature) {
    const key = p256Key(publicKey);
    if (key === undefined) return false;
    return orUndefined(() => verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature)) ?? false;
  },
};

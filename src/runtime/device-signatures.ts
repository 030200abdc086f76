/** Checks of Ed25519 and P-256 signatures in native code (node:crypto), with the same answers as noble's. */
import { createPublicKey, verify, type KeyObject } from "node:crypto";

import { isUsableEd25519Key } from "../certificate/ed25519-key.js";
import type { DeviceSignatures } from "../certificate/signatures.js";

/** SubjectPublicKeyInfo up to the key itself: RFC 8410 section 4, and RFC 5480 with a compressed point. */
const SPKI_PREFIX = {
  ed25519: Buffer.from("302a300506032b6570032100", "hex"),
  p256: Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
};

function publicKey(prefix: Buffer, key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, key]), format: "der", type: "spki" });
}

function isValid(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

export const nativeSignatures: DeviceSignatures = {
  verifyEd25519: (key, message, signature) =>
    isValid(() => isUsableEd25519Key(key) && verify(null, message, publicKey(SPKI_PREFIX.ed25519, key), signature)),
  verifyP256: (key, message, signature) =>
    isValid(
      () =>
        key.length === 33 &&
        verify("sha256", message, { key: publicKey(SPKI_PREFIX.p256, key), dsaEncoding: "ieee-p1363" }, signature),
    ),
};

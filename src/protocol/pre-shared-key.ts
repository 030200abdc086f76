/**
 * Joining by pre-shared key (docs/protocol.md, section 7). Device and factory know the whole key; each validator gets a
 * key of its own, derived from it, that secures its channel with the device and enrols nobody.
 */
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { TAG } from "../statements/tags.js";

/** Bytes of a pre-shared key. */
export const PRE_SHARED_KEY_LENGTH = 32;

/** The key of the TLS channel between the device and the validator with this account (20 bytes). 32 bytes. */
export function validatorPreSharedKey(preSharedKey: Uint8Array, meshId: Uint8Array, account: Uint8Array): Uint8Array {
  return hkdf(sha256, preSharedKey, meshId, concatBytes(utf8ToBytes(TAG.preSharedKey), account), 32);
}

/** The Ed25519 seed (RFC 8032) of a device that was given nothing but a pre-shared key. 32 bytes. */
export function preSharedIdentitySeed(preSharedKey: Uint8Array): Uint8Array {
  return hkdf(sha256, preSharedKey, undefined, utf8ToBytes(TAG.manifestKey), 32);
}

function identityPrefix(meshId: Uint8Array): string {
  return `swarmkeep/${bytesToHex(meshId.subarray(0, 8))}/`;
}

/** The TLS identity under which a device offers its key (RFC 8446, section 4.2.11). */
export function preSharedKeyIdentity(meshId: Uint8Array, index: number): string {
  return `${identityPrefix(meshId)}${index}`;
}

/** The device index in an identity of this mesh, or undefined where it is none. */
export function indexOfIdentity(meshId: Uint8Array, identity: string): number | undefined {
  const prefix = identityPrefix(meshId);
  const digits = identity.slice(prefix.length);
  return identity.startsWith(prefix) && /^(0|[1-9][0-9]{0,14})$/.test(digits) ? Number(digits) : undefined;
}

/**
 * The signature checks that this folder needs. They are injected: noble's run everywhere, native ones are many times faster.
 * All must agree bit for bit on what is valid.
 */
import { p256 } from "@noble/curves/nist.js";

import { verifyEd25519 } from "./ed25519-key.js";
import type { Bls } from "../crypto/bls.js";
import { COSE_ALG, type GroupAlgorithm } from "../statements/cose.js";

/** Checks swarm signatures: `nobleBls` of src/crypto, or a native one with the same answers. */
export type SwarmSignatures = Pick<Bls, "verify">;

/** Checks the signatures of devices and of the root. False, and never an error, for bytes that are no key or signature. */
export interface DeviceSignatures {
  /** RFC 8032, exact: see ed25519-key.ts. `publicKey` 32 bytes, `signature` 64. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** ECDSA with SHA-256 on P-256. `publicKey` 33 bytes (SEC 1 compressed), `signature` r | s, s of either half. */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

const isValid = (check: () => boolean): boolean => {
  try {
    return check();
  } catch {
    return false;
  }
};

export const nobleSignatures: DeviceSignatures = {
  verifyEd25519: (publicKey, message, signature) => isValid(() => verifyEd25519(publicKey, message, signature)),
  verifyP256: (publicKey, message, signature) =>
    isValid(() => publicKey.length === 33 && p256.verify(signature, message, publicKey, { lowS: false })),
};

/** Everything that a verifier needs to check signatures with. */
export interface SignatureChecks {
  readonly bls: SwarmSignatures;
  readonly device: DeviceSignatures;
}

/** The two public keys of one generation. */
export interface GroupKeys {
  /** 48 bytes. */
  readonly bls: Uint8Array;
  /** 32 bytes. */
  readonly ed25519: Uint8Array;
}

/** Whether `signature` is the swarm's over `message`. */
export function verifyByGroup(
  algorithm: GroupAlgorithm,
  keys: GroupKeys,
  message: Uint8Array,
  signature: Uint8Array,
  checks: SignatureChecks,
): boolean {
  return algorithm === COSE_ALG.bls
    ? checks.bls.verify(keys.bls, message, signature)
    : checks.device.verifyEd25519(keys.ed25519, message, signature);
}

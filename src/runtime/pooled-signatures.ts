/**
 * Checks of device signatures in the thread pool, so that a validator with many requests at once signs for one while it
 * checks others. For code that refuses as soon as a check fails: each check answers `true` at once, and what was built on
 * these answers counts only if `allValid` says so.
 */
import { verify } from "node:crypto";

import type { DeviceSignatures } from "../certificate/signatures.js";
import { ed25519Key, p256Key } from "./device-signatures.js";

type Key = Parameters<typeof verify>[2];

export class PooledSignatures implements DeviceSignatures {
  readonly #checks: Promise<boolean>[] = [];

  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const key = ed25519Key(publicKey);
    return key !== undefined && this.#start(null, message, key, signature);
  }

  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const key = p256Key(publicKey);
    return key !== undefined && this.#start("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  }

  /** Whether every signature that was asked about is valid. */
  async allValid(): Promise<boolean> {
    return (await Promise.all(this.#checks)).every((valid) => valid);
  }

  #start(hash: "sha256" | null, message: Uint8Array, key: Key, signature: Uint8Array): true {
    const check = new Promise<boolean>((resolve) =>
      verify(hash, message, key, signature, (error, valid) => resolve(error === null && valid)),
    );
    this.#checks.push(check);
    return true;
  }
}

/** A BLS12-381 secret in the keystore that Ethereum's validators and their remote signers use (EIP-2335). */
import { randomBytes } from "node:crypto";

import { Keystore, isValidKeystore } from "@chainsafe/bls-keystore";

import { readLimited, writeAtomically } from "./atomic-file.js";
import { type KdfCost, STRONG_KDF } from "./sealed-file.js";
import { keystoreDamaged, keystoreWrongPassphrase } from "./keystore-errors.js";

/** Above EIP-2335's own 2^18, and below what would exhaust a small machine. */
const MAXIMUM_N = 1 << 20;
const MAXIMUM_ITERATIONS = 1 << 24;

export interface BlsKeystoreContent {
  /** 32 bytes, big-endian; wipe after use. */
  readonly secretKey: Uint8Array;
  /** 48 bytes, compressed G1, as the file states it: not checked against the secret. */
  readonly publicKey: Uint8Array;
}

/** Writes an EIP-2335 keystore. `description` is not secret. */
export async function writeBlsKeystore(
  path: string,
  passphrase: string,
  key: BlsKeystoreContent,
  description: string,
  cost: KdfCost = STRONG_KDF,
): Promise<void> {
  const keystore = await Keystore.create(passphrase, key.secretKey, key.publicKey, "", description, {
    function: "scrypt",
    params: { dklen: 32, n: cost.n, r: cost.r, p: cost.p, salt: randomBytes(32).toString("hex") },
  });
  await writeAtomically(path, `${keystore.stringify()}\n`);
}

/** @throws SwarmkeepError `wrong-passphrase`, `keystore-damaged`, and those of files. */
export async function readBlsKeystore(path: string, passphrase: string): Promise<BlsKeystoreContent> {
  const keystore = parse(path, Buffer.from(await readLimited(path, 65_536)).toString("utf8"));
  let secretKey: Uint8Array;
  try {
    // The library's own check of the passphrase is the keystore's checksum: nothing else tells the two faults apart.
    secretKey = await keystore.decrypt(passphrase);
  } catch (error) {
    throw keystoreWrongPassphrase(path, error);
  }
  if (secretKey.length !== 32) throw keystoreDamaged(path, `its secret has ${secretKey.length} bytes and not 32`);
  return { secretKey, publicKey: Buffer.from(keystore.pubkey, "hex") };
}

function parse(path: string, text: string): Keystore {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw keystoreDamaged(path, "it is not JSON", error);
  }
  if (!isValidKeystore(value)) throw keystoreDamaged(path, "it is not an EIP-2335 keystore");
  const { kdf } = value.crypto;
  const cost = kdf.function === "scrypt" ? kdf.params.n * kdf.params.r * kdf.params.p : kdf.params.c;
  if (!(cost <= (kdf.function === "scrypt" ? MAXIMUM_N * 8 : MAXIMUM_ITERATIONS))) {
    throw keystoreDamaged(path, "its key derivation would exhaust this machine");
  }
  return Keystore.fromObject(value);
}

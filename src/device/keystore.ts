/**
 * Where a device's keys live. The agent asks for keys by their public half and never sees a private one, so a TPM, a secure
 * element or a PKCS#11 token can stand in for `openSealedKeystore`, which keeps them in sealed files.
 */
import { type KeyObject, createPrivateKey } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename } from "node:path";

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { DeviceKey } from "../certificate/cose-key.js";
import { PRE_SHARED_KEY_LENGTH } from "../protocol/pre-shared-key.js";
import { eraseFile, readIfPresent } from "../runtime/atomic-file.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { failpoint } from "../runtime/failpoint.js";
import { type KdfCost, type Sealer, openSealer } from "../runtime/sealed-file.js";
import type { KeyType } from "../statements/cose.js";
import { type DeviceIdentity, generateDeviceKey, preSharedIdentityKey, softwareIdentity } from "./identity.js";

export interface DeviceKeystore {
  /** The key that the manifest lists. */
  readonly identity: DeviceIdentity;
  /** The pre-shared key, where the device has one. */
  readonly preSharedKey: Uint8Array | undefined;
  /** A key that was made or imported before. @throws SwarmkeepError `key-missing` */
  find(key: DeviceKey): Promise<DeviceIdentity>;
  /** A new key, safe before its public half is known to anybody. */
  create(type: KeyType): Promise<DeviceIdentity>;
  /** The private half of a key, for TLS. Absent where keys never leave their hardware: then no certificate is shown in TLS. */
  privateKey?(key: DeviceKey): Promise<KeyObject>;
  /** The root of the device's shards, which the caller wipes; undefined on a device that was given none. */
  shardRoot?(): Promise<Uint8Array | undefined>;
  /** Keeps the root that came with the device's first shards. Absent where `shardRoot` is. */
  keepShardRoot?(root: Uint8Array): Promise<void>;
  /** Erases all keys but the identity and these. */
  keepOnly(keys: readonly DeviceKey[]): Promise<void>;
  /** Wipes what is in memory. */
  close(): void;
}

/** What a device is born with. */
export type DeviceSecret =
  | { readonly kind: "key"; readonly privateKey: KeyObject }
  | { readonly kind: "pre-shared-key"; readonly preSharedKey: Uint8Array };

/**
 * scrypt in 16 MiB: five rounds of a smaller table cost an attacker what the strong setting of a server does, and a device
 * may not have the memory for that one.
 */
export const DEVICE_KDF: KdfCost = { n: 1 << 14, r: 8, p: 5 };

const PURPOSE = {
  identity: "device identity",
  preSharedKey: "device pre-shared key",
  key: "device key",
  shardRoot: "device shard root",
} as const;
/** Where a delivery and a keystore have the root of the device's shards. */
export const SHARD_ROOT_FILE = "shard-root.sealed";
const FILE = {
  seal: "seal.json",
  identity: "identity.sealed",
  preSharedKey: "psk.sealed",
  keys: "keys",
  shardRoot: SHARD_ROOT_FILE,
} as const;

/** The sealed keystore of a data folder. It adds importing to what the agent needs. */
export interface SealedKeystore extends DeviceKeystore {
  /** Takes a key made elsewhere, such as by `openssl genpkey`. */
  add(privateKey: KeyObject): Promise<DeviceIdentity>;
  /** The private half of a key, for TLS software that takes no other. @throws SwarmkeepError `key-missing` */
  privateKey(key: DeviceKey): Promise<KeyObject>;
}

export interface KeystoreOptions {
  readonly cost?: KdfCost;
  /** Root of the device's shards, 32 bytes, where it has one. */
  readonly shardRoot?: Uint8Array | undefined;
}

/** Seals a new device's secret into its folder. @throws SwarmkeepError `wrong-passphrase`, and those of files. */
export async function createSealedKeystore(
  folder: DataFolder,
  passphrase: string,
  secret: DeviceSecret,
  { cost = DEVICE_KDF, shardRoot }: KeystoreOptions = {},
): Promise<SealedKeystore> {
  const sealer = await openSealer(folder.file(FILE.seal), passphrase, cost);
  await sealSecret(sealer, (name) => folder.file(name), secret);
  if (shardRoot !== undefined) await sealShardRoot(sealer, (name) => folder.file(name), shardRoot);
  sealer.wipe();
  return openSealedKeystore(folder, passphrase);
}

async function sealSecret(sealer: Sealer, file: (name: string) => string, secret: DeviceSecret): Promise<void> {
  if (secret.kind === "pre-shared-key") {
    return sealer.write(file(FILE.preSharedKey), PURPOSE.preSharedKey, secret.preSharedKey);
  }
  const der = secret.privateKey.export({ format: "der", type: "pkcs8" });
  await sealer.write(file(FILE.identity), PURPOSE.identity, der);
  der.fill(0);
}

/** @throws SwarmkeepError `wrong-passphrase`, `sealed-file-damaged`, `key-missing`, and those of files. */
export async function openSealedKeystore(folder: DataFolder, passphrase: string): Promise<SealedKeystore> {
  await expectFile(folder.file(FILE.seal));
  const sealer = await openSealer(folder.file(FILE.seal), passphrase);
  const secret = await unsealSecret(sealer, (name) => folder.file(name));
  const preSharedKey = secret.kind === "pre-shared-key" ? secret.preSharedKey : undefined;
  const identityKey = secret.kind === "pre-shared-key" ? preSharedIdentityKey(secret.preSharedKey) : secret.privateKey;
  const identity = softwareIdentity(identityKey);
  const pathOf = (key: DeviceKey): string => folder.file(FILE.keys, `${fingerprint(key)}.sealed`);

  const add = async (privateKey: KeyObject): Promise<DeviceIdentity> => {
    const added = softwareIdentity(privateKey);
    const der = privateKey.export({ format: "der", type: "pkcs8" });
    await folder.folder(FILE.keys);
    await sealer.write(pathOf(added.key), PURPOSE.key, der);
    der.fill(0);
    failpoint("device.after-key");
    return added;
  };

  const privateKey = async (key: DeviceKey): Promise<KeyObject> => {
    if (isSameKey(key, identity.key)) return identityKey;
    const der = await sealer.readIfPresent(pathOf(key), PURPOSE.key);
    if (der === undefined) throw keyMissing(pathOf(key));
    return privateKeyOf(der);
  };

  return {
    identity,
    preSharedKey,
    add,
    privateKey,
    create: (type) => add(generateDeviceKey(type)),
    async find(key) {
      return isSameKey(key, identity.key) ? identity : softwareIdentity(await privateKey(key));
    },
    shardRoot: () => sealer.readIfPresent(folder.file(FILE.shardRoot), PURPOSE.shardRoot),
    keepShardRoot: (root) => sealShardRoot(sealer, (name) => folder.file(name), root),
    async keepOnly(keys) {
      const kept = new Set(keys.map((key) => basename(pathOf(key))));
      const files = await readdir(await folder.folder(FILE.keys));
      for (const file of files.filter((name) => name.endsWith(".sealed") && !kept.has(name))) {
        await eraseFile(folder.file(FILE.keys, file));
      }
    },
    close() {
      preSharedKey?.fill(0);
      sealer.wipe();
    },
  };
}

async function unsealSecret(sealer: Sealer, file: (name: string) => string): Promise<DeviceSecret> {
  const preSharedKey = await sealer.readIfPresent(file(FILE.preSharedKey), PURPOSE.preSharedKey);
  if (preSharedKey !== undefined) return { kind: "pre-shared-key", preSharedKey };
  const der = await sealer.readIfPresent(file(FILE.identity), PURPOSE.identity);
  if (der === undefined) throw keyMissing(file(FILE.identity));
  return { kind: "key", privateKey: privateKeyOf(der) };
}

/** Opening a sealer makes its file where there is none: here one has to be there. */
async function expectFile(path: string): Promise<void> {
  if ((await readIfPresent(path)) === undefined) throw keyMissing(path);
}

function privateKeyOf(der: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

function keyMissing(path: string): SwarmkeepError {
  return new SwarmkeepError(`the key in ${path} is missing`, {
    kind: "environment",
    code: "key-missing",
    advice: "Restore the file from a backup; without it the device has to be registered again.",
    details: { path },
  });
}

function fingerprint(key: DeviceKey): string {
  return bytesToHex(sha256(Uint8Array.of(key.type, ...key.bytes)).subarray(0, 16));
}

export function isSameKey(a: DeviceKey, b: DeviceKey): boolean {
  return a.type === b.type && bytesToHex(a.bytes) === bytesToHex(b.bytes);
}

/**
 * Seals what the factory hands over beside the provisioning file: `seal.json` and the secret in `folder`, under a passphrase
 * that the device's owner knows. One sealer may seal for many devices, each folder getting a copy of `seal.json`.
 * @param sealer of `openSealer(join(folder, "seal.json"), passphrase, DEVICE_KDF)`
 */
export function writeDelivery(sealer: Sealer, file: (name: string) => string, secret: DeviceSecret): Promise<void> {
  if (secret.kind === "pre-shared-key" && secret.preSharedKey.length !== PRE_SHARED_KEY_LENGTH) {
    throw new SwarmkeepError(`a pre-shared key has ${PRE_SHARED_KEY_LENGTH} bytes, not ${secret.preSharedKey.length}`, {
      kind: "usage",
      code: "unsupported-key",
      advice: `Make one with \`openssl rand ${PRE_SHARED_KEY_LENGTH}\`.`,
    });
  }
  return sealSecret(sealer, file, secret);
}

/** Seals the root of a device's shards beside its secret, or in a folder that has `seal.json` and no secret. */
export function sealShardRoot(sealer: Sealer, file: (name: string) => string, root: Uint8Array): Promise<void> {
  return sealer.write(file(FILE.shardRoot), PURPOSE.shardRoot, root);
}

/** The root of shards in a delivery, which the caller wipes; undefined where there is none. @throws SwarmkeepError `wrong-passphrase` */
export async function readShardRoot(
  file: (name: string) => string,
  passphrase: string,
): Promise<Uint8Array | undefined> {
  if ((await readIfPresent(file(FILE.shardRoot))) === undefined) return undefined;
  await expectFile(file(FILE.seal));
  const sealer = await openSealer(file(FILE.seal), passphrase);
  try {
    return await sealer.read(file(FILE.shardRoot), PURPOSE.shardRoot);
  } finally {
    sealer.wipe();
  }
}

/** Reads what `writeDelivery` wrote. @throws SwarmkeepError `wrong-passphrase`, `sealed-file-damaged`, `key-missing` */
export async function readDelivery(file: (name: string) => string, passphrase: string): Promise<DeviceSecret> {
  await expectFile(file(FILE.seal));
  const sealer = await openSealer(file(FILE.seal), passphrase);
  try {
    return await unsealSecret(sealer, file);
  } finally {
    sealer.wipe();
  }
}

/** The public key that the manifest must list for a secret. */
export function manifestKeyOf(secret: DeviceSecret): DeviceKey {
  return secret.kind === "key"
    ? softwareIdentity(secret.privateKey).key
    : softwareIdentity(preSharedIdentityKey(secret.preSharedKey)).key;
}

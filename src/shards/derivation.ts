/**
 * What follows from the master (docs/protocol.md, section 20.1). The master does one thing, HMAC-SHA-256, so that it can stay inside a
 * token. From it come
 *
 * - the device root, which the device gets once and which opens its own shards and no others';
 * - the key stream of a device and version, which no device ever gets, and which hangs on the ratchet as well;
 * - the ratchet: chain p+1 follows from chain p, and nothing leads back. Who steals master and chain today cannot make the
 *   streams of periods that are over.
 */
import { TAG } from "../statements/tags.js";
import { hkdf, hmac, u16, u64, wipe } from "./bytes.js";

/** Bytes of a master, chain, root, seed or key. */
export const KEY_LENGTH = 32;
/** In place of a shard's index: the id of the device's entry. */
export const ENTRY_INDEX = 0xffff;

/** Where a master is: a sealed file, or a token. */
export interface KeySource {
  /** HMAC-SHA-256 under the master. The caller wipes the result. */
  mac(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
  close(): Promise<void> | void;
}

/** What the shards of one device in one version of its map are bound to. */
export interface ShardContext {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly device: number;
  /** Of the map; also the number of the ratchet's period. */
  readonly version: number;
}

/** Secrets of one device: it holds the root, and both derive the keys. */
export interface DeviceShardKeys {
  /** Sealing keys of shards follow from it. */
  readonly sealing: Uint8Array;
  /** Ids of shards follow from it, so that strangers cannot ask for them. */
  readonly naming: Uint8Array;
  wipe(): void;
}

/** By which one master is told from another: 32 bytes, of no use for anything else. */
export async function masterName(source: KeySource): Promise<Uint8Array> {
  return source.mac(Buffer.from(TAG.shardMaster));
}

/** The secret that a device gets at the factory, or sealed to its identity key. 32 bytes; the caller wipes it. */
export async function deviceRoot(source: KeySource, meshId: Uint8Array, device: number): Promise<Uint8Array> {
  return source.mac(Buffer.concat([Buffer.from(TAG.shardDevice), meshId, u64(device)]));
}

export function deviceShardKeys(root: Uint8Array): DeviceShardKeys {
  const sealing = hmac(root, TAG.shardSeal);
  const naming = hmac(root, TAG.shardId);
  return { sealing, naming, wipe: () => wipe(sealing, naming) };
}

/** Chain `period` of the ratchet from the one before; the first from an empty one. The caller wipes both. */
export async function nextChain(
  source: KeySource,
  meshId: Uint8Array,
  period: number,
  chain: Uint8Array = new Uint8Array(KEY_LENGTH),
): Promise<Uint8Array> {
  const message = Buffer.concat([Buffer.from(TAG.shardRatchet), meshId, u64(period), chain]);
  try {
    return await source.mac(message);
  } finally {
    wipe(message);
  }
}

/** `length` bytes of key stream. A fresh `salt` gives another one. The caller wipes it. */
export async function keyStream(
  source: KeySource,
  { meshId, device, version }: ShardContext,
  chain: Uint8Array,
  salt: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const message = Buffer.concat([Buffer.from(TAG.shardStream), meshId, u64(device), u64(version), salt, chain]);
  let key: Uint8Array | undefined;
  try {
    key = await source.mac(message);
    return hkdf(key, undefined, Buffer.from(TAG.shardStream), length);
  } finally {
    wipe(message, key);
  }
}

/** The name under which holders keep shard `index`, 32 bytes; the device's entry has index 65535. */
export function shardId(naming: Uint8Array, version: number, index: number): Uint8Array {
  return hmac(naming, TAG.shardId, u64(version), u16(index));
}

/**
 * The key that seals shard `index`, used once: `salt` is drawn anew at each attempt, so an interrupted or repeated run never
 * seals two contents under one key. The caller wipes it.
 */
export function sealingKey(
  sealing: Uint8Array,
  { meshId, version }: ShardContext,
  salt: Uint8Array,
  index: number,
): Uint8Array {
  const info = Buffer.concat([Buffer.from(TAG.shardSeal), meshId, u64(version), u16(index)]);
  return hkdf(sealing, salt, info, KEY_LENGTH);
}

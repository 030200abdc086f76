/**
 * A device's entry in its fleet's shard map: what its shards are called, what they hash to, and the root of its one-time keys. Entries
 * are the leaves of the tree whose root the ledger has; each is kept by holders together with its path (docs/protocol.md, section 20.4).
 */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

import { decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, oneOf, tuple, uint } from "../certificate/reader.js";
import { malformed } from "../certificate/refusal.js";
import { chunks, equalBytes } from "../crypto/bytes.js";
import { rootFromPath } from "../crypto/merkle.js";
import { PackedTree } from "../crypto/packed-tree.js";
import { KEY_TYPE, type KeyType } from "../statements/cose.js";
import { MERKLE, TAG } from "../statements/tags.js";
import { sha256, u64 } from "./bytes.js";
import { KEY_LENGTH, type ShardContext } from "./derivation.js";
import { ShardError } from "./errors.js";
import { MAXIMUM_ONE_TIME_KEYS } from "./one-time-keys.js";
import { MAXIMUM_SHARDS, SCHEME, type Sharing, checkSharing } from "./splitting.js";

const HASH = 32;

export interface ShardEntry {
  readonly device: number;
  readonly version: number;
  readonly sharing: Sharing;
  /** Of the sealing keys, drawn anew at each attempt. 32 bytes. */
  readonly salt: Uint8Array;
  /** By index: the name under which holders keep the shard, and SHA-256 of its sealed bytes. */
  readonly shards: readonly { readonly id: Uint8Array; readonly hash: Uint8Array }[];
  /** Of one-time keys; `count` 0 for none, and then the root is all zero. */
  readonly oneTime: { readonly count: number; readonly type: KeyType; readonly root: Uint8Array };
}

/** An entry and its place in the map's tree. */
export interface PlacedEntry {
  /** As encoded. */
  readonly entry: Uint8Array;
  readonly position: number;
  /** Devices in the map. */
  readonly count: number;
  /** Siblings bottom-up, concatenated. */
  readonly path: Uint8Array;
}

export function encodeEntry({ device, version, sharing, salt, shards, oneTime }: ShardEntry): Uint8Array {
  const { scheme, threshold } = sharing;
  const named = Buffer.concat(shards.flatMap(({ id, hash }) => [id, hash]));
  return encodeCbor([device, version, scheme, threshold, salt, named, oneTime.count, oneTime.type, oneTime.root]);
}

const readEntry = tuple({
  device: uint(),
  version: uint(0xffff_ffff),
  scheme: oneOf(SCHEME.segments, SCHEME.shamir),
  threshold: uint(MAXIMUM_SHARDS),
  salt: bytes(KEY_LENGTH),
  named: bytes(2 * HASH, 2 * HASH * MAXIMUM_SHARDS),
  oneTimeKeys: uint(MAXIMUM_ONE_TIME_KEYS),
  oneTimeType: oneOf(KEY_TYPE.ed25519, KEY_TYPE.p256),
  oneTimeRoot: bytes(HASH),
});
const ENTRY_LIMITS = { maximumLength: 4_096, maximumDepth: 1 };

/** @throws Refusal `malformed`; ShardError `bad-scheme` */
export function decodeEntry(encoded: Uint8Array): ShardEntry {
  const { device, version, scheme, threshold, salt, named, ...oneTime } = readEntry(
    decodeCbor(encoded, "entry", ENTRY_LIMITS),
    "entry",
  );
  if (named.length % (2 * HASH) !== 0) throw malformed("entry.shards", "takes 64 bytes for each shard");
  const sharing: Sharing = { scheme, threshold, shards: named.length / (2 * HASH) };
  checkSharing(sharing);
  return {
    device,
    version,
    sharing,
    salt,
    shards: chunks(named, 2 * HASH).map((pair) => ({ id: pair.slice(0, HASH), hash: pair.slice(HASH) })),
    oneTime: { count: oneTime.oneTimeKeys, type: oneTime.oneTimeType, root: oneTime.oneTimeRoot },
  };
}

export function encodePlacedEntry({ entry, position, count, path }: PlacedEntry): Uint8Array {
  return encodeCbor([entry, position, count, path]);
}

const readPlaced = tuple<PlacedEntry>({
  entry: bytes(1, ENTRY_LIMITS.maximumLength),
  position: uint(),
  count: uint(),
  path: bytes(0, 48 * HASH),
});

/** @throws Refusal `malformed` */
export function decodePlacedEntry(encoded: Uint8Array): PlacedEntry {
  return readPlaced(decodeCbor(encoded, "placedEntry", { maximumLength: 8_192, maximumDepth: 1 }), "placedEntry");
}

/** SHA-256(0x00 | entry) */
export function entryLeaf(entry: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(MERKLE.leaf), entry);
}

/** The root that the ledger has: it binds the number of devices as well, on which the shape of the tree hangs. */
export function mapRoot(treeRoot: Uint8Array, count: number): Uint8Array {
  return sha256(TAG.shardRoot, u64(count), treeRoot);
}

/** The tree over a map's entries. */
export class EntryTree extends PackedTree {
  /** @param leaves in order of position, 32 bytes each (`entryLeaf`), concatenated; at least one. @throws RangeError */
  constructor(leaves: Uint8Array) {
    super("the shard map", sha256, leaves);
  }

  override root(): Uint8Array {
    return mapRoot(super.root(), this.count);
  }
}

/**
 * The entry, if it is the device's own in the map with this root.
 * @throws ShardError `map-mismatch`; Refusal `malformed`
 */
export function checkEntry(placed: PlacedEntry, root: Uint8Array, { device, version }: ShardContext): ShardEntry {
  const entry = decodeEntry(placed.entry);
  if (entry.device !== device || entry.version !== version) {
    const found = `device ${entry.device} in version ${entry.version}`;
    throw new ShardError("map-mismatch", `the entry is of ${found}, not of device ${device} in version ${version}`, {
      found: [entry.device, entry.version],
      wanted: [device, version],
    });
  }
  let found: Uint8Array | undefined;
  try {
    if (placed.path.length % HASH === 0) {
      const path = chunks(placed.path, HASH);
      const tree = rootFromPath(nobleSha256, entryLeaf(placed.entry), placed.position, placed.count, path);
      found = mapRoot(tree, placed.count);
    }
  } catch {
    // A path that leads nowhere is one that does not lead to the root.
  }
  if (found !== undefined && equalBytes(found, root)) return entry;
  throw new ShardError("map-mismatch", `the entry of device ${device} is not under the root of the map`, {
    device,
    version,
  });
}

/** The shards of one device in one version of its map, from the master. Nothing here is kept: the next attempt draws another salt. */
import { randomBytes } from "node:crypto";

import { KEY_TYPE, type KeyType } from "../statements/cose.js";
import { sha256, wipe } from "./bytes.js";
import {
  ENTRY_INDEX,
  KEY_LENGTH,
  type KeySource,
  type ShardContext,
  deviceRoot,
  deviceShardKeys,
  keyStream,
  shardId,
} from "./derivation.js";
import { encodeEntry } from "./entry.js";
import { oneTimeRoot } from "./one-time-keys.js";
import { sealShard } from "./shard.js";
import { type Sharing, joinPieces, splitStream, streamLength } from "./splitting.js";

export interface GeneratedDevice {
  readonly device: number;
  /** Encoded: the leaf of the map's tree. */
  readonly entry: Uint8Array;
  /** Under which holders keep the placed entry. */
  readonly entryId: Uint8Array;
  /** Sealed, by index. */
  readonly shards: readonly { readonly id: Uint8Array; readonly bytes: Uint8Array }[];
}

export interface GenerateOptions {
  readonly source: KeySource;
  /** Chain of the version's period. */
  readonly chain: Uint8Array;
  readonly sharing: Sharing;
  /** How many one-time keys the entry carries, and of what kind; none costs nothing. */
  readonly oneTime: { readonly count: number; readonly type: KeyType };
}

export async function generateDevice(context: ShardContext, options: GenerateOptions): Promise<GeneratedDevice> {
  const { source, chain, sharing, oneTime } = options;
  const salt = randomBytes(KEY_LENGTH);
  let root: Uint8Array | undefined;
  let stream: Uint8Array | undefined;
  let pieces: Uint8Array[] = [];
  let seed: Uint8Array | undefined;
  try {
    root = await deviceRoot(source, context.meshId, context.device);
    const keys = deviceShardKeys(root);
    try {
      stream = await keyStream(source, context, chain, salt, streamLength(sharing));
      pieces = await splitStream(stream, sharing);
      const shards = pieces.map((piece, index) => ({
        id: shardId(keys.naming, context.version, index),
        bytes: sealShard(keys.sealing, context, salt, index, piece),
      }));
      let oneTimeTree: Uint8Array = new Uint8Array(KEY_LENGTH);
      if (oneTime.count > 0) {
        seed = await joinPieces(new Map(pieces.entries()), sharing, context);
        oneTimeTree = oneTimeRoot(seed, oneTime.count, oneTime.type);
      }
      const entry = encodeEntry({
        device: context.device,
        version: context.version,
        sharing,
        salt,
        shards: shards.map(({ id, bytes }) => ({ id, hash: sha256(bytes) })),
        oneTime: { count: oneTime.count, type: oneTime.count > 0 ? oneTime.type : KEY_TYPE.ed25519, root: oneTimeTree },
      });
      return { device: context.device, entry, entryId: shardId(keys.naming, context.version, ENTRY_INDEX), shards };
    } finally {
      keys.wipe();
    }
  } finally {
    wipe(root, stream, seed, ...pieces);
  }
}

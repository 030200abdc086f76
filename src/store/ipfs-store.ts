/**
 * A holder's store whose shards are blocks of a private IPFS network as well: kept in the embedded store's files, given to the network's
 * other nodes by CID, and got from them again where the bytes here have changed. A version of a map is announced in the network's
 * distributed hash table as one topic, not each shard by itself: a node that looks for a shard asks those who announced the topic.
 * A million announcements would take hours, and would have to be made again every day.
 */
import type { Logger } from "../runtime/log.js";
import { sha256 } from "../shards/bytes.js";
import { TAG } from "../statements/tags.js";
import { type IpfsNodeOptions, startIpfsNode } from "./ipfs-node.js";
import { type PackStoreOptions, openPackStore } from "./pack-store.js";
import type { ShardStore, StoredShard } from "./shard-store.js";

export interface IpfsStoreOptions extends PackStoreOptions, Omit<IpfsNodeOptions, "block"> {
  /** Topics of different meshes are different. */
  readonly meshId: Uint8Array;
  readonly log: Logger;
}

export interface IpfsStore extends ShardStore {
  /** Multiaddresses of its node. */
  readonly addresses: readonly string[];
}

/** Where the node's peers find who has a version of a map (docs/protocol.md, section 20.8): the SHA-256 in the topic's CID. */
export function shardTopic(meshId: Uint8Array, collection: string): Uint8Array {
  return sha256(TAG.shardTopic, meshId, collection);
}

/** @throws SwarmkeepError `ipfs-missing`, `ipfs-not-started`, and those of files */
export async function openIpfsStore(options: IpfsStoreOptions): Promise<IpfsStore> {
  const { meshId, log } = options;
  const packs = await openPackStore(options);
  /** By collection and hash: which shard has these bytes. */
  const places = new Map<string, Map<string, Uint8Array>>();
  const learn = (collection: string, id: Uint8Array, hash: Uint8Array): void => {
    const own = places.get(collection) ?? new Map<string, Uint8Array>();
    // A copy: what is given may be part of a whole delivery.
    places.set(collection, own.set(keyOf(hash), Uint8Array.from(id)));
  };
  /** What is here and good; a disk that reports its fault is no better than one that hides it. */
  const here = async (collection: string, id: Uint8Array): Promise<StoredShard | undefined> => {
    try {
      return await packs.kept(collection, id);
    } catch (error) {
      log.warn({ error, collection }, "a shard cannot be read");
      return undefined;
    }
  };
  for (const { collection } of packs.usage()) {
    for await (const { id, hash } of packs.headers(collection)) learn(collection, id, hash);
  }

  const block = async (hash: Uint8Array): Promise<Uint8Array | undefined> => {
    for (const [collection, own] of places) {
      const id = own.get(keyOf(hash));
      const found = id && (await here(collection, id));
      // An older shard may have had this id.
      if (found !== undefined && sha256(found.bytes).equals(hash)) return found.bytes;
    }
    return undefined;
  };
  const node = await startIpfsNode({ ...options, block }).catch(async (error: unknown) => {
    await packs.close();
    throw error;
  });
  for (const { collection } of packs.usage()) node.announce(shardTopic(meshId, collection));

  const mending = new Map<string, Promise<StoredShard | undefined>>();
  /** Gets the bytes from other nodes, and keeps them anew. */
  const mend = async (collection: string, id: Uint8Array): Promise<StoredShard | undefined> => {
    const header = await packs.header(collection, id).catch(() => undefined);
    if (header === undefined) return undefined;
    const bytes = await node.fetch(header.hash, shardTopic(meshId, collection));
    if (bytes === undefined || !sha256(bytes).equals(header.hash)) return undefined;
    const mended = { id, device: header.device, bytes: Uint8Array.from(bytes) };
    // Dropped meanwhile: it does not come back.
    if (!packs.collectionsOf(id).includes(collection)) return undefined;
    log.warn({ collection, device: header.device }, "a shard whose bytes had changed was got from another node");
    await packs
      .put(collection, [mended])
      .catch((error: unknown) => log.warn({ error, collection }, "and cannot be kept here"));
    return mended;
  };

  return {
    addresses: node.addresses,
    async put(collection, shards) {
      await packs.put(collection, shards);
      for (const { id, bytes } of shards) learn(collection, id, sha256(bytes));
      node.announce(shardTopic(meshId, collection));
    },
    async get(collection, id) {
      const found = await here(collection, id);
      if (found !== undefined) return found;
      const key = `${collection} ${keyOf(id)}`;
      let mended = mending.get(key);
      if (mended === undefined) {
        mended = mend(collection, id).finally(() => mending.delete(key));
        mending.set(key, mended);
      }
      return mended;
    },
    kept: here,
    collectionsOf: (id) => packs.collectionsOf(id),
    async drop(collection) {
      node.withdraw(shardTopic(meshId, collection));
      places.delete(collection);
      await packs.drop(collection);
    },
    usage: () => packs.usage(),
    async close() {
      await node.close();
      await packs.close();
    },
  };
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

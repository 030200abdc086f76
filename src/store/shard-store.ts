/**
 * Where a holder keeps sealed shards, whatever keeps them: content-addressed, in collections (a version of a map each) that go as a
 * whole. test/store/shard-store-contract.ts is what each implementation has to do.
 */

/** The largest shard or entry. */
export const MAXIMUM_SHARD_BYTES = 8_192;

/** What a holder keeps under one id. */
export interface StoredShard {
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** The only device that gets it. */
  readonly device: number;
  readonly bytes: Uint8Array;
}

/** How much of one collection is there. */
export interface Usage {
  readonly collection: string;
  readonly shards: number;
  /** On disk. */
  readonly bytes: number;
}

/** Where shards are kept. */
export interface ShardStore {
  /** Keeps shards, durably when it returns; one with an id that is there takes its place. @throws SwarmkeepError `store-full` */
  put(collection: string, shards: readonly StoredShard[]): Promise<void>;
  /**
   * The shard with this id. `undefined` if there is none, or if its bytes are no longer those that were put and no good copy can be had
   * at once.
   */
  get(collection: string, id: Uint8Array): Promise<StoredShard | undefined>;
  /** As `get`, and only what is here: who shows what it keeps fetches nothing for the occasion. */
  kept(collection: string, id: Uint8Array): Promise<StoredShard | undefined>;
  /** The collections that have the id, in the order in which it was put into them: anybody who may put something may know an id. */
  collectionsOf(id: Uint8Array): readonly string[];
  /** Deletes a collection as a whole. */
  drop(collection: string): Promise<void>;
  usage(): readonly Usage[];
  close(): Promise<void>;
}

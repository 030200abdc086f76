/**
 * A holder's store: sealed shards in append-only files, one for each collection (a version of a map), so that a version that is over is
 * deleted as one file and its space comes back at once. Content-addressed: with each shard is the SHA-256 of its bytes, from which its
 * CID follows, and what no longer hashes to it is not given out. `put` returns when everything is on the disk.
 *
 *     record = header | bytes
 *     header = u32 length | SHA-256 of bytes | id 32 | u64 device | the first 8 bytes of the SHA-256 of what is before them
 */
import { type FileHandle, open, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";

import { sha256 } from "../shards/bytes.js";
import { syncFolder } from "../runtime/atomic-file.js";
import { SwarmkeepError, fileError } from "../runtime/errors.js";
import { failpoint } from "../runtime/failpoint.js";
import { MAXIMUM_SHARD_BYTES, type ShardStore, type StoredShard } from "./shard-store.js";

export interface PackStoreOptions {
  readonly folder: string;
  /** Bytes on disk that are never exceeded. */
  readonly quota: number;
}

/** What a record says of its bytes, whether or not they are still those. */
export interface ShardHeader {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly device: number;
  /** SHA-256 of the bytes. */
  readonly hash: Uint8Array;
}

/** A store that also knows what the bytes of a shard were when they have changed. */
export interface PackStore extends ShardStore {
  /** `undefined` if there is no such shard, or if its header has changed too. */
  header(collection: string, id: Uint8Array): Promise<ShardHeader | undefined>;
  headers(collection: string): AsyncIterable<ShardHeader>;
}

const CHECKED_LENGTH = 4 + 32 + 32 + 8;
const HEADER_LENGTH = CHECKED_LENGTH + 8;
const NAME = /^[a-z0-9-]{1,80}$/;
const SUFFIX = ".pack";

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Its file is open while something is read or written: there may be more of them than a process can have open. */
interface Pack {
  readonly places: Map<string, Place>;
  length: number;
}

/** @throws those of files */
export async function openPackStore({ folder, quota }: PackStoreOptions): Promise<PackStore> {
  const packs = new Map<string, Pack>();
  const collections = new Map<string, Set<string>>();
  const pathOf = (collection: string): string => join(folder, collection + SUFFIX);
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(SUFFIX))) {
    const collection = name.slice(0, -SUFFIX.length);
    const pack = await readPack(pathOf(collection));
    packs.set(collection, pack);
    for (const id of pack.places.keys()) inner(collections, id).add(collection);
  }
  // One after another: appends to a file must not run into one another.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const total = (): number => [...packs.values()].reduce((sum, { length }) => sum + length, 0);

  /** `undefined` where the collection was dropped meanwhile. */
  const read = async (collection: string, offset: number, length: number): Promise<Buffer | undefined> => {
    const bytes = Buffer.alloc(length);
    try {
      const file = await open(pathOf(collection), "r");
      await file.read(bytes, 0, length, offset).finally(() => file.close());
      return bytes;
    } catch (error) {
      if (packs.has(collection)) throw fileError(pathOf(collection), error);
      return undefined;
    }
  };

  const readHeader = async (collection: string, { offset }: Place): Promise<ShardHeader | undefined> => {
    const header = await read(collection, offset, HEADER_LENGTH);
    return header && decodeHeader(header);
  };

  const kept = async (collection: string, id: Uint8Array): Promise<StoredShard | undefined> => {
    const pack = packs.get(collection);
    const place = pack?.places.get(nameOf(id));
    if (place === undefined) return undefined;
    const record = await read(collection, place.offset, place.length);
    return record && decodeRecord(record);
  };

  return {
    put: (collection, shards) =>
      inTurn(async () => {
        const records = shards.map(encodeRecord);
        const added = records.reduce((sum, { length }) => sum + length, 0);
        if (total() + added > quota) throw storeFull(total() + added, quota);
        const pack = packs.get(collection) ?? newPack(collection);
        try {
          const file = await open(pathOf(collection), "a", 0o600);
          try {
            await file.appendFile(Buffer.concat(records));
            failpoint("store.before-sync");
            await file.datasync();
          } finally {
            await file.close();
          }
          if (!packs.has(collection)) await syncFolder(folder);
          packs.set(collection, pack);
          for (const [i, { id }] of shards.entries()) {
            const { length } = records[i] as Buffer;
            pack.places.set(nameOf(id), { offset: pack.length, length });
            const having = inner(collections, nameOf(id));
            having.delete(collection);
            having.add(collection);
            pack.length += length;
          }
        } catch (error) {
          // What was written in part must not stand before what comes next.
          await truncate(pathOf(collection), pack.length).catch(() => undefined);
          throw fileError(pathOf(collection), error);
        }
      }),

    get: kept,
    kept,

    async header(collection, id) {
      const pack = packs.get(collection);
      const place = pack?.places.get(nameOf(id));
      return place && (await readHeader(collection, place));
    },

    async *headers(collection) {
      const pack = packs.get(collection);
      for (const place of pack?.places.values() ?? []) {
        const header = await readHeader(collection, place);
        if (header !== undefined) yield header;
      }
    },

    collectionsOf: (id) => [...(collections.get(nameOf(id)) ?? [])],

    drop: (collection) =>
      inTurn(async () => {
        const pack = packs.get(collection);
        if (pack === undefined) return;
        packs.delete(collection);
        for (const id of pack.places.keys()) {
          const having = collections.get(id);
          having?.delete(collection);
          if (having?.size === 0) collections.delete(id);
        }
        await rm(pathOf(collection), { force: true });
        await syncFolder(folder);
      }),

    usage: () =>
      [...packs].map(([collection, { places, length }]) => ({ collection, shards: places.size, bytes: length })),

    close: () => inTurn(async () => packs.clear()),
  };
}

function newPack(collection: string): Pack {
  if (!NAME.test(collection)) throw new RangeError(`${JSON.stringify(collection)} names no collection`);
  return { places: new Map(), length: 0 };
}

function inner(collections: Map<string, Set<string>>, id: string): Set<string> {
  const known = collections.get(id) ?? new Set();
  collections.set(id, known);
  return known;
}

function nameOf(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}

function encodeRecord({ id, device, bytes }: StoredShard): Buffer {
  if (id.length !== 32 || bytes.length === 0 || bytes.length > MAXIMUM_SHARD_BYTES) {
    throw new RangeError(`a shard has an id of 32 bytes and 1 to ${MAXIMUM_SHARD_BYTES} bytes`);
  }
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeUInt32BE(bytes.length, 0);
  header.set(sha256(bytes), 4);
  header.set(id, 36);
  header.writeBigUInt64BE(BigInt(device), 68);
  header.set(checkOf(header), CHECKED_LENGTH);
  return Buffer.concat([header, bytes]);
}

function checkOf(header: Buffer): Buffer {
  return sha256(header.subarray(0, CHECKED_LENGTH)).subarray(0, HEADER_LENGTH - CHECKED_LENGTH);
}

function decodeHeader(record: Buffer): ShardHeader | undefined {
  if (!checkOf(record).equals(record.subarray(CHECKED_LENGTH, HEADER_LENGTH))) return undefined;
  const length = record.readUInt32BE(0);
  if (length === 0 || length > MAXIMUM_SHARD_BYTES) return undefined;
  const [hash, id] = [Uint8Array.from(record.subarray(4, 36)), Uint8Array.from(record.subarray(36, 68))];
  return { id, device: Number(record.readBigUInt64BE(68)), hash };
}

function decodeRecord(record: Buffer): StoredShard | undefined {
  const header = decodeHeader(record);
  const bytes = Uint8Array.from(record.subarray(HEADER_LENGTH));
  if (header === undefined || !sha256(bytes).equals(header.hash)) return undefined;
  return { id: header.id, device: header.device, bytes };
}

/** Bytes after a damaged header in which the next good one is looked for. */
const SCANNED_BYTES = 1 << 16;

/**
 * Reads where everything is. What a crash left half written at the end is cut off; a header that a failing disk changed costs its own shard
 * alone, as the next good one is looked for.
 */
async function readPack(path: string): Promise<Pack> {
  const file = await open(path, "a+", 0o600);
  try {
    return await readOpen(file);
  } finally {
    await file.close();
  }
}

async function readOpen(file: FileHandle): Promise<Pack> {
  const { size } = await file.stat();
  const places = new Map<string, Place>();
  const header = Buffer.alloc(HEADER_LENGTH);
  let offset = 0;
  while (offset + HEADER_LENGTH <= size) {
    await file.read(header, 0, HEADER_LENGTH, offset);
    const bytes = header.readUInt32BE(0);
    const length = HEADER_LENGTH + bytes;
    if (decodeHeader(header) === undefined) {
      const next = await nextHeader(file, offset + 1);
      if (next === undefined) break;
      offset = next;
      continue;
    }
    if (offset + length > size) break;
    places.set(nameOf(header.subarray(36, 68)), { offset, length });
    offset += length;
  }
  if (offset < size) await file.truncate(offset);
  return { places, length: offset };
}

async function nextHeader(file: FileHandle, from: number): Promise<number | undefined> {
  const window = Buffer.alloc(SCANNED_BYTES);
  const { bytesRead } = await file.read(window, 0, SCANNED_BYTES, from);
  for (let at = 0; at + HEADER_LENGTH <= bytesRead; at++) {
    if (decodeHeader(window.subarray(at, at + HEADER_LENGTH)) !== undefined) return from + at;
  }
  return undefined;
}

function storeFull(wanted: number, quota: number): SwarmkeepError {
  return new SwarmkeepError(`the store would hold ${wanted} bytes, and ${quota} are its quota`, {
    kind: "refused",
    code: "store-full",
    advice: "Raise the holder's quota, or leave it out of the list of holders; what it has already stays there.",
    details: { wanted, quota },
  });
}

/**
 * What the generator of shards keeps in the registrar's folder beside the master (shard-master.ts):
 *
 * ```
 * shards/chain-FLEET-SUBJECT.sealed      version and chain of the ratchet, the newest only
 * shards/FLEET-SUBJECT-VERSION/run.json  a version: its terms, and how far it is
 * shards/FLEET-SUBJECT-VERSION/devices.bin  a record for each device
 * ```
 *
 * A record has the same length for all devices of a version, so that any one is found without reading the others:
 * u32 length | entry | zeros up to the record's length.
 */
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { makeFolder, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { collectionName, mapOfCollection, type MapName } from "../protocol/shards.js";
import { wipe } from "../shards/bytes.js";
import { KEY_LENGTH, type KeySource, nextChain } from "../shards/derivation.js";
import type { Scheme } from "../shards/splitting.js";
import { KEY_TYPE, type KeyType } from "../statements/cose.js";

const CHAIN_PURPOSE = "shard chain";
const RUN_FILE = "run.json";
const ENTRIES_FILE = "devices.bin";

/**
 * The chain of a version: moves the ratchet on from where it stands, and overwrites that. The caller wipes it.
 * @throws SwarmkeepError `chain-moved` where the version's chain is gone already
 */
export async function chainFor(
  sealer: Sealer,
  folder: string,
  source: KeySource,
  meshId: Uint8Array,
  { fleetId, subject, version: wanted }: MapName,
): Promise<Uint8Array> {
  const path = join(folder, `chain-${fleetId}-${subject}.sealed`);
  const stored = await sealer.readIfPresent(path, CHAIN_PURPOSE);
  let version = stored === undefined ? 0 : Number(Buffer.from(stored).readBigUInt64BE(0));
  let chain: Uint8Array = stored === undefined ? new Uint8Array(KEY_LENGTH) : stored.slice(8);
  wipe(stored);
  if (version > wanted) {
    wipe(chain);
    throw new SwarmkeepError(`the ratchet has gone on to version ${version}, and ${wanted} cannot be made again`, {
      kind: "refused",
      code: "chain-moved",
      advice: "Generate the next version.",
      details: { version, wanted },
    });
  }
  while (version < wanted) {
    const next = await nextChain(source, meshId, ++version, chain);
    wipe(chain);
    chain = next;
  }
  const content = Buffer.alloc(8 + KEY_LENGTH);
  content.writeBigUInt64BE(BigInt(version));
  content.set(chain, 8);
  await sealer.write(path, CHAIN_PURPOSE, content);
  wipe(content);
  return chain;
}

/** What a version is to be like. */
export interface ShardOrder {
  readonly fleetId: number;
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly shards: number;
  readonly replicas: number;
  readonly oneTimeKeys: number;
  readonly oneTimeType: KeyType;
  readonly validSeconds: number;
  readonly graceSeconds: number;
}

/** A version that is being made, or was made. */
export interface Run extends MapName, ShardOrder {
  /** Seconds since 1970, fixed before the map is sent to the ledger; 0 until then. */
  readonly validFrom: number;
  /** Of the map, in hexadecimal digits; empty until all entries are made. */
  readonly root: string;
  /** The list of holders as the ledger takes it, CBOR in hexadecimal digits. */
  readonly holders: string;
  /** Devices as [first, count], in order of position. */
  readonly devices: readonly (readonly [number, number])[];
  /** Devices whose shards are with their holders; then, whose entries are. */
  readonly generated: number;
  readonly placed: number;
  readonly isOnLedger: boolean;
}

export function runFolder(folder: string, name: MapName): string {
  return join(folder, collectionName(name));
}

/** @throws SwarmkeepError `folder-damaged` */
export async function readRun(path: string): Promise<Run | undefined> {
  const content = await readIfPresent(join(path, RUN_FILE), 1 << 20);
  if (content === undefined) return undefined;
  let run: Run | undefined;
  try {
    run = JSON.parse(Buffer.from(content).toString("utf8")) as Run;
  } catch {
    // Told below.
  }
  if (run !== undefined && isRun(run)) return run;
  throw new SwarmkeepError(`${join(path, RUN_FILE)} is not what this program writes`, {
    kind: "environment",
    code: "folder-damaged",
    advice: "Restore it from a backup; or remove its folder, and generate the next version.",
    details: { path },
  });
}

function isRun(run: Run): boolean {
  if (typeof run !== "object" || run === null || !Array.isArray(run.devices)) return false;
  const { fleetId, subject, version, threshold, shards, replicas, oneTimeKeys, validSeconds, graceSeconds } = run;
  const numbers = [fleetId, subject, version, threshold, shards, replicas, oneTimeKeys, validSeconds, graceSeconds];
  return (
    [...numbers, run.validFrom, run.generated, run.placed, ...run.devices.flat()].every(isCount) &&
    (run.scheme === 1 || run.scheme === 2) &&
    (run.oneTimeType === KEY_TYPE.ed25519 || run.oneTimeType === KEY_TYPE.p256) &&
    typeof run.isOnLedger === "boolean" &&
    /^(0x[0-9a-f]{64})?$/.test(run.root) &&
    /^0x([0-9a-f]{2})+$/.test(run.holders)
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export async function saveRun(path: string, run: Run): Promise<Run> {
  await writeAtomically(join(path, RUN_FILE), `${JSON.stringify(run)}\n`);
  return run;
}

/** All versions that are kept, of all fleets. */
export async function keptRuns(folder: string): Promise<readonly Run[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const runs = await Promise.all(
    names.filter((name) => mapOfCollection(name) !== undefined).map((name) => readRun(join(folder, name))),
  );
  return runs.filter((run) => run !== undefined).sort((a, b) => a.fleetId - b.fleetId || a.version - b.version);
}

/** Forgets a version that is over. */
export async function removeRun(folder: string, name: MapName): Promise<void> {
  await rm(runFolder(folder, name), { recursive: true, force: true });
}

/** Entries of a version, by position. */
export interface EntryFile {
  append(entries: readonly Uint8Array[]): Promise<void>;
  read(position: number, count: number): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

/** Bytes of the longest entry of so many shards, and its length in front. */
export function recordLength(shards: number): number {
  return 4 + 128 + 64 * shards;
}

/** Opens the entries of a version, cut to what is known to be with the holders. */
export async function openEntryFile(
  path: string,
  { shards, generated }: Pick<Run, "shards" | "generated">,
): Promise<EntryFile> {
  await makeFolder(path);
  const file: FileHandle = await open(join(path, ENTRIES_FILE), "a+", 0o600);
  const length = recordLength(shards);
  await file.truncate(generated * length);
  return {
    async append(entries) {
      const records = entries.map((entry) => {
        const record = Buffer.alloc(length);
        record.writeUInt32BE(entry.length);
        record.set(entry, 4);
        return record;
      });
      await file.appendFile(Buffer.concat(records));
      await file.datasync();
    },
    async read(position, count) {
      const records = Buffer.alloc(count * length);
      const { bytesRead } = await file.read(records, 0, records.length, position * length);
      return Array.from({ length: Math.floor(bytesRead / length) }, (_, i) => {
        const record = records.subarray(i * length, (i + 1) * length);
        return Uint8Array.from(record.subarray(4, 4 + record.readUInt32BE()));
      });
    },
    close: () => file.close(),
  };
}

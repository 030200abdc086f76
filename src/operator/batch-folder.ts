/**
 * A batch of devices, as the factory made it: everything that its manifest and its devices' provisioning files are made from.
 *
 * ```
 * batch.json            what all devices have in common, and where the ledger put the batch
 * devices.bin           a record for each device, in index order: join method 1, key type 1, public key 33, salt 32
 * psk/<account>.sealed  the channel keys of that validator: 4-byte position | 32-byte key, repeated
 * devices/<position>/   what the device is given: provisioning.json, and sealed, the secret that was made for it
 * ```
 *
 * The folder is made under another name and renamed when it is whole. Devices are named by their position in the batch: their
 * indexes follow from `base`, which may have to change before the batch is registered.
 */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { DeviceKey } from "../certificate/cose-key.js";
import { ManifestTree, manifestLeaf } from "../certificate/manifest.js";
import { PRIVATE_FOLDER, makeFolder, readLimited, syncFolder, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError, fileError, systemCode } from "../runtime/errors.js";
import { JOIN_METHOD, KEY_TYPE, type KeyType } from "../statements/cose.js";
import { isScope } from "../statements/scope.js";

const FORMAT = 1;
const FILE = { facts: "batch.json", devices: "devices.bin", deliveries: "devices", keys: "psk" } as const;
export const RECORD_LENGTH = 67;
/** Devices in one batch; 67 MB of records and 64 MB of tree for each million. */
export const MAXIMUM_BATCH = 4_000_000;

/** One device of a batch. */
export interface BatchDevice {
  /** Bit of a fleet's policy. */
  readonly joinMethod: number;
  readonly key: DeviceKey;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

export interface BatchFacts {
  readonly count: number;
  /** Index of the first device, a multiple of 256. */
  readonly base: number;
  readonly manifestRoot: Uint8Array;
  readonly deviceClass: number;
  /** What its devices ask for. */
  readonly scope: string;
  readonly lifetimeSeconds: number;
  /** Devices for which a folder with provisioning file was made: the first so many. */
  readonly deliveries: number;
  /** Once the ledger has it. */
  readonly registered: { readonly fleetId: number; readonly batch: number } | undefined;
}

export interface BatchFolder {
  readonly path: string;
  readonly facts: BatchFacts;
  file(...names: string[]): string;
  /** Records of all devices, `RECORD_LENGTH` bytes each. */
  records(): Promise<Uint8Array>;
  /** Replaces the facts. */
  save(facts: BatchFacts): Promise<BatchFolder>;
}

export function encodeRecord(device: BatchDevice, into: Uint8Array, position: number): void {
  const at = position * RECORD_LENGTH;
  into[at] = device.joinMethod;
  into[at + 1] = device.key.type;
  into.set(device.key.bytes, at + 2);
  into.set(device.salt, at + 35);
}

/** @throws SwarmkeepError `batch-damaged` */
export function decodeRecord(records: Uint8Array, position: number): BatchDevice {
  const record = records.subarray(position * RECORD_LENGTH, (position + 1) * RECORD_LENGTH);
  const [joinMethod, type] = record;
  const known = Object.values(JOIN_METHOD).some((bit) => bit === joinMethod);
  if (record.length !== RECORD_LENGTH || !known || (type !== KEY_TYPE.ed25519 && type !== KEY_TYPE.p256)) {
    throw damaged(FILE.devices, `the record of device ${position} makes no sense`);
  }
  return {
    joinMethod: joinMethod as number,
    key: { type: type as KeyType, bytes: record.slice(2, type === KEY_TYPE.ed25519 ? 34 : 35) },
    salt: record.slice(35),
  };
}

/** The manifest of the records, if the batch begins at index `base`. Some ten seconds for a million devices. */
export function manifestOf(records: Uint8Array, base: number, deviceClass: number): ManifestTree {
  const count = records.length / RECORD_LENGTH;
  const leaves = new Uint8Array(32 * count);
  for (let position = 0; position < count; position++) {
    const { key, salt } = decodeRecord(records, position);
    leaves.set(manifestLeaf({ index: base + position, salt, key, deviceClass }), 32 * position);
  }
  return new ManifestTree(leaves);
}

/**
 * Makes a batch as a whole: `fill` writes into a folder that gets its name when all is there.
 * @throws SwarmkeepError `batch-exists`, and those of files.
 */
export async function createBatchFolder(
  path: string,
  records: Uint8Array,
  facts: BatchFacts,
  fill: (file: (...names: string[]) => string) => Promise<void>,
): Promise<BatchFolder> {
  const unfinished = join(dirname(path), `.${facts.count}-${process.pid}.unfinished`);
  try {
    await makeFolder(dirname(path));
    if ((await readdir(dirname(path))).some((name) => join(dirname(path), name) === path)) throw batchExists(path);
    await mkdir(unfinished, { mode: PRIVATE_FOLDER });
    await writeLarge(join(unfinished, FILE.devices), records);
    await fill((...names) => join(unfinished, ...names));
    await writeAtomically(join(unfinished, FILE.facts), formatFacts(facts));
    await rename(unfinished, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw systemCode(error) === "ENOTEMPTY" ? batchExists(path) : fileError(path, error);
  }
  return batchAt(path, facts);
}

/** @throws SwarmkeepError `no-batch`, `batch-damaged`, and those of files. */
export async function openBatchFolder(path: string): Promise<BatchFolder> {
  try {
    return batchAt(path, parseFacts(await readLimited(join(path, FILE.facts), 65_536)));
  } catch (error) {
    if (!(error instanceof SwarmkeepError) || error.code !== "file-missing") throw error;
    throw new SwarmkeepError(`there is no batch of devices at ${path}`, {
      kind: "usage",
      code: "no-batch",
      advice: "Run `swarmkeep fleet provision` first, or give the name that it was given.",
      details: { path },
      cause: error,
    });
  }
}

function batchAt(path: string, facts: BatchFacts): BatchFolder {
  return {
    path,
    facts,
    file: (...names) => join(path, ...names),
    async records() {
      const records = await readLimited(join(path, FILE.devices), MAXIMUM_BATCH * RECORD_LENGTH);
      if (records.length === facts.count * RECORD_LENGTH) return records;
      throw damaged(FILE.devices, `it has ${records.length} bytes, not ${facts.count * RECORD_LENGTH}`);
    },
    async save(next) {
      await writeAtomically(join(path, FILE.facts), formatFacts(next));
      return batchAt(path, next);
    },
  };
}

/** Of the folder of one device in a batch. */
export function deliveryPath(position: number): string[] {
  return [FILE.deliveries, String(position)];
}

/** Of one validator's channel keys. */
export function channelKeysPath(account: string): string[] {
  return [FILE.keys, `${account.toLowerCase()}.sealed`];
}

/** Purpose of the sealed file of one validator's channel keys. */
export function channelKeysPurpose(account: string): string {
  return `pre-shared channel keys of ${account.toLowerCase()}`;
}

/** Not atomic: the folder around it is. */
async function writeLarge(path: string, content: Uint8Array): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function formatFacts(facts: BatchFacts): string {
  const manifestRoot = Buffer.from(facts.manifestRoot).toString("hex");
  return `${JSON.stringify({ format: FORMAT, ...facts, manifestRoot }, undefined, 2)}\n`;
}

function parseFacts(content: Uint8Array): BatchFacts {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(Buffer.from(content).toString("utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw damaged(FILE.facts, "it is not JSON", cause);
  }
  const integer = (name: string, maximum: number): number => {
    const value = fields[name];
    if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maximum) return value as number;
    throw damaged(FILE.facts, `its field ${name} is ${JSON.stringify(value)}`);
  };
  const { format, manifestRoot, scope, registered } = fields;
  if (format !== FORMAT) throw damaged(FILE.facts, `its format is ${JSON.stringify(format)}`);
  if (typeof manifestRoot !== "string" || !/^[0-9a-f]{64}$/.test(manifestRoot)) {
    throw damaged(FILE.facts, `its field manifestRoot is ${JSON.stringify(manifestRoot)}`);
  }
  if (typeof scope !== "string" || !isScope(scope)) throw damaged(FILE.facts, `its scope is ${JSON.stringify(scope)}`);
  return {
    count: integer("count", MAXIMUM_BATCH),
    base: integer("base", 2 ** 40),
    manifestRoot: new Uint8Array(Buffer.from(manifestRoot, "hex")),
    deviceClass: integer("deviceClass", 0xff),
    scope,
    lifetimeSeconds: integer("lifetimeSeconds", 0xffff_ffff),
    deliveries: integer("deliveries", MAXIMUM_BATCH),
    registered: parseRegistered(registered),
  };
}

function parseRegistered(value: unknown): BatchFacts["registered"] {
  if (value === undefined) return undefined;
  const { fleetId, batch } = (value ?? {}) as Record<string, unknown>;
  if (Number.isSafeInteger(fleetId) && Number.isSafeInteger(batch)) {
    return { fleetId: fleetId as number, batch: batch as number };
  }
  throw damaged(FILE.facts, "its field registered makes no sense");
}

function batchExists(path: string): SwarmkeepError {
  return new SwarmkeepError(`there is a batch at ${path} already`, {
    kind: "usage",
    code: "batch-exists",
    advice: "Give another name; keys are never overwritten.",
    details: { path },
  });
}

function damaged(file: string, problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`the batch's ${file} is damaged: ${problem}`, {
    kind: "environment",
    code: "batch-damaged",
    advice: "Restore the batch's folder from a backup.",
    details: { file },
    cause,
  });
}

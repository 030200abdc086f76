/**
 * The generator of shards: makes a version of a fleet's map, hands shards and entries to their holders, and puts the map on the ledger.
 * One device or a million: chunk by chunk, in bounded memory but for the tree (64 MB for each million), and resumable: what
 * `run.json` says is with the holders is not made again.
 */
import { getBytes, hexlify } from "ethers";

import { decodeHolders, encodeHolders } from "../certificate/shard-map.js";
import type { TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { wipe } from "../shards/bytes.js";
import {
  ENTRY_INDEX,
  type KeySource,
  type ShardContext,
  deviceRoot,
  deviceShardKeys,
  shardId,
} from "../shards/derivation.js";
import { EntryTree, encodePlacedEntry, entryLeaf } from "../shards/entry.js";
import { type GeneratedDevice, generateDevice } from "../shards/generate.js";
import { MAXIMUM_ONE_TIME_KEYS } from "../shards/one-time-keys.js";
import { sealRoot, sealedRootId } from "../shards/sealed-root.js";
import { checkSharing } from "../shards/splitting.js";
import { blockTime, type MeshLedger } from "./ledger.js";
import {
  type EntryFile,
  type Run,
  type ShardOrder,
  chainFor,
  keptRuns,
  openEntryFile,
  readRun,
  removeRun,
  runFolder,
  saveRun,
} from "./shard-folder.js";
import {
  type HolderAccess,
  type OpenHolders,
  type ShardRow,
  openHolders,
  reachableHolders,
  registeredHolders,
} from "./shard-holders.js";
import { type RootRecipient, rootRecipients } from "./shard-roots.js";

/** Devices that are made and delivered at once. */
const CHUNK = 256;
/** Versions that are kept on disk: the one that serves, and the one before, whose grace may run. */
const KEPT_VERSIONS = 2;
/** After this part of its validity the next version is due. */
export const ROTATE_AT = 0.8;
export const MAXIMUM_REPLICAS = 16;

export interface Generator extends HolderAccess {
  readonly sender: TransactionSender;
  readonly sealer: Sealer;
  /** The folder `shards` of the registrar. */
  readonly folder: string;
  readonly source: KeySource;
  /** The folder of the registrar's batches: devices in it that no factory gave the root of their shards get it sealed. */
  readonly batches: string;
  readonly onProgress?: (done: number, total: number, what: "shards" | "entries") => void;
}

/** The devices of a fleet as [first, count]. @throws SwarmkeepError `no-such-fleet` */
export async function devicesOf({ contracts, mesh }: MeshLedger, fleetId: number): Promise<[number, number][]> {
  const { fleets } = contracts;
  const batches = await fleets.queryFilter(fleets.filters.BatchAppended(fleetId), mesh.deployedBlock);
  if (batches.length > 0) return batches.map(({ args }) => [Number(args.base), Number(args.count)]);
  throw new SwarmkeepError(`the ledger has no fleet ${fleetId}`, {
    kind: "usage",
    code: "no-such-fleet",
    advice: "Register it first (`swarmkeep fleet register`), or give its number as that command printed it.",
    details: { fleetId },
  });
}

/**
 * Makes the next version of a fleet's map, or goes on with one that was interrupted.
 * @throws SwarmkeepError `holder-away`, `too-few-holders`, `no-such-fleet`, `bad-order`, those of the ledger; ShardError `bad-scheme`
 */
export async function generateShards(generator: Generator, order: ShardOrder): Promise<Run> {
  const { ledger, folder, sealer, source } = generator;
  checkOrder(order);
  const version = Number(await ledger.contracts.shards.latestVersion(order.fleetId, 0)) + 1;
  const name = { fleetId: order.fleetId, subject: 0, version };
  const path = runFolder(folder, name);
  let run = await resumable(path);
  run ??= await newRun(generator, order, version);
  const entries = await openEntryFile(path, run);
  const holders = openHolders(generator, decodeHolders(getBytes(run.holders)));
  let chain: Uint8Array | undefined;
  try {
    await saveRun(path, run);
    chain = await chainFor(sealer, folder, source, ledger.mesh.meshId, name);
    run = await generateAll({ generator, path, entries, holders, chain }, run);
    run = await placeAll({ generator, path, entries, holders }, run);
    run = await saveRun(path, { ...run, validFrom: run.validFrom || (await blockTime(ledger.endpoint)) });
    await putOnLedger(generator, run);
    run = await saveRun(path, { ...run, isOnLedger: true });
  } finally {
    wipe(chain);
    holders.close();
    await entries.close();
  }
  const own = (await keptRuns(folder)).filter(({ fleetId, subject }) => fleetId === run.fleetId && subject === 0);
  for (const old of own.slice(0, -KEPT_VERSIONS)) await removeRun(folder, old);
  return run;
}

function checkOrder(order: ShardOrder): void {
  const { scheme, threshold, shards, replicas, oneTimeKeys, validSeconds } = order;
  checkSharing({ scheme, threshold, shards });
  for (const [what, value, minimum, maximum] of [
    ["replicas", replicas, 1, MAXIMUM_REPLICAS],
    ["one-time keys", oneTimeKeys, 0, MAXIMUM_ONE_TIME_KEYS],
    ["seconds of validity", validSeconds, 1, 366 * 86_400],
  ] as const) {
    if (Number.isInteger(value) && value >= minimum && value <= maximum) continue;
    throw new SwarmkeepError(`a version has ${minimum} to ${maximum} ${what}, not ${value}`, {
      kind: "usage",
      code: "bad-order",
      advice: "Give another number.",
      details: { value, minimum, maximum },
    });
  }
}

/** The version's run as far as it is, if all its holders are still there: else its shards are made anew, for others. */
async function resumable(path: string): Promise<Run | undefined> {
  const run = await readRun(path);
  if (run === undefined) return undefined;
  const holders = decodeHolders(getBytes(run.holders));
  return (await reachableHolders(holders)).length === holders.length ? run : undefined;
}

async function newRun({ ledger }: Generator, order: ShardOrder, version: number): Promise<Run> {
  const devices = await devicesOf(ledger, order.fleetId);
  const registered = await registeredHolders(ledger, order.fleetId);
  const holders = await reachableHolders(registered);
  if (holders.length < order.replicas) {
    const found = `${holders.length} of ${registered.length} registered holders answer`;
    throw new SwarmkeepError(`${found}, and each shard needs ${order.replicas}`, {
      kind: "usage",
      code: "too-few-holders",
      advice: "Ask for fewer replicas, or wait for more validators.",
      details: { holders: holders.length, registered: registered.length, replicas: order.replicas },
    });
  }
  const begun = { subject: 0, version, validFrom: 0, root: "", generated: 0, placed: 0, isOnLedger: false };
  return { ...order, ...begun, holders: hexlify(encodeHolders(holders)), devices };
}

interface Work {
  readonly generator: Generator;
  readonly path: string;
  readonly entries: EntryFile;
  readonly holders: OpenHolders;
}

function deviceAt(run: Run, position: number): number {
  let rest = position;
  for (const [first, count] of run.devices) {
    if (rest < count) return first + rest;
    rest -= count;
  }
  throw new RangeError(`the map has no position ${position}`);
}

export function countOf(run: Run): number {
  return run.devices.reduce((sum, [, count]) => sum + count, 0);
}

async function generateAll(
  { generator, path, entries, holders, chain }: Work & { readonly chain: Uint8Array },
  begun: Run,
): Promise<Run> {
  const { ledger, source, onProgress } = generator;
  const { version, scheme, threshold, shards, oneTimeKeys, oneTimeType } = begun;
  const oneTime = { count: oneTimeKeys, type: oneTimeType };
  const total = countOf(begun);
  const recipient = await rootRecipients(generator.batches, ledger, begun.fleetId);
  let run = begun;
  while (run.generated < total) {
    const size = Math.min(CHUNK, total - run.generated);
    const made: GeneratedDevice[] = [];
    const rows: ShardRow[] = [];
    for (let i = 0; i < size; i++) {
      const context = { meshId: ledger.mesh.meshId, device: deviceAt(run, run.generated + i), version };
      const one = await generateDevice(context, { source, chain, sharing: { scheme, threshold, shards }, oneTime });
      made.push(one);
      rows.push(...one.shards.map(({ id, bytes }) => ({ id, device: one.device, bytes })));
      rows.push(...(await sealedRootRows(source, recipient, context)));
    }
    await holders.deliver(run, run.replicas, rows);
    await entries.append(made.map(({ entry }) => entry));
    run = await saveRun(path, { ...run, generated: run.generated + size });
    onProgress?.(run.generated, total, "shards");
  }
  return run;
}

/** What holders keep beside the shards of a device that no factory gave its root. */
export async function sealedRootRows(
  source: KeySource,
  recipient: RootRecipient,
  context: ShardContext,
): Promise<readonly ShardRow[]> {
  const key = recipient(context.device);
  if (key === undefined) return [];
  const bytes = await sealRoot(source, key, context);
  return [{ id: sealedRootId(context), device: context.device, bytes }];
}

/** Hands each device's entry, with its path to the root, to the holders that its id names. */
async function placeAll({ generator, path, entries, holders }: Work, begun: Run): Promise<Run> {
  const { ledger, source, onProgress } = generator;
  const total = countOf(begun);
  const leaves = new Uint8Array(32 * total);
  for (let at = 0; at < total; at += CHUNK) {
    for (const [i, entry] of (await entries.read(at, Math.min(CHUNK, total - at))).entries()) {
      leaves.set(entryLeaf(entry), 32 * (at + i));
    }
  }
  const tree = new EntryTree(leaves);
  let run = await saveRun(path, { ...begun, root: hexlify(tree.root()) });
  while (run.placed < total) {
    const chunk = await entries.read(run.placed, Math.min(CHUNK, total - run.placed));
    const rows = [];
    for (const [i, entry] of chunk.entries()) {
      const position = run.placed + i;
      const device = deviceAt(run, position);
      const id = await entryIdOf(source, ledger.mesh.meshId, device, run.version);
      rows.push({
        id,
        device,
        bytes: encodePlacedEntry({ entry, position, count: total, path: tree.path(position) }),
      });
    }
    await holders.deliver(run, run.replicas, rows);
    run = await saveRun(path, { ...run, placed: run.placed + chunk.length });
    onProgress?.(run.placed, total, "entries");
  }
  return run;
}

/** Under which holders keep a device's entry. */
export async function entryIdOf(
  source: KeySource,
  meshId: Uint8Array,
  device: number,
  version: number,
): Promise<Uint8Array> {
  const root = await deviceRoot(source, meshId, device);
  const keys = deviceShardKeys(root);
  try {
    return shardId(keys.naming, version, ENTRY_INDEX);
  } finally {
    keys.wipe();
    wipe(root);
  }
}

async function putOnLedger({ ledger, sender }: Generator, run: Run): Promise<void> {
  const { root, version, scheme, threshold, shards, replicas, validFrom, validSeconds, graceSeconds } = run;
  const validUntil = validFrom + validSeconds;
  const rotationSeconds = Math.max(1, Math.floor(validSeconds * ROTATE_AT));
  const times = { validFrom, validUntil, graceSeconds, rotationSeconds };
  const map = { version, scheme, threshold, shards, replicas, ...times, root };
  const data = ledger.contracts.shards.interface.encodeFunctionData("rotate", [run.fleetId, map, run.holders]);
  await sender.send({ to: ledger.addresses.shards, data, action: "rotate the fleet's shards" });
}

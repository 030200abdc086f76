/**
 * That holders keep what they promised: each is challenged to show some shards, drawn at random, which are compared with the entries.
 * One that fails is replaced, its shards are copied from the others, and the map follows.
 */
import { randomInt } from "node:crypto";

import { getBytes, hexlify } from "ethers";

import { type Holder, decodeHolders, encodeHolders } from "../certificate/shard-map.js";
import { equalBytes } from "../crypto/bytes.js";
import { MAXIMUM_IDS } from "../protocol/shards.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { sha256 } from "../shards/bytes.js";
import { checkEntry, decodeEntry, decodePlacedEntry } from "../shards/entry.js";
import { holdersOf } from "../shards/placement.js";
import { sealedRootId } from "../shards/sealed-root.js";
import { type EntryFile, type Run, openEntryFile, runFolder, saveRun } from "./shard-folder.js";
import { type OpenHolders, type ShardRow, openHolders, reachableHolders, registeredHolders } from "./shard-holders.js";
import { type RootRecipient, rootRecipients } from "./shard-roots.js";
import { type Generator, countOf, entryIdOf, sealedRootRows } from "./shard-runs.js";

/** Shards that a holder has to show in one challenge. */
const SAMPLE = 8;
/** Devices whose shards are copied before they are handed on. */
const COPIED_AT_ONCE = 64;

export interface HolderCheck {
  readonly holder: Holder;
  readonly isGood: boolean;
  /** Of the version, as the holder says. */
  readonly shards: number;
  readonly bytes: number;
  readonly problem: string | undefined;
}

interface Drawn {
  readonly id: Uint8Array;
  readonly hash: Uint8Array;
}

/** Challenges each holder of a version. */
export async function checkHolders(generator: Generator, run: Run): Promise<readonly HolderCheck[]> {
  const entries = await openEntryFile(runFolder(generator.folder, run), run);
  const holders = openHolders(generator, decodeHolders(getBytes(run.holders)));
  try {
    const drawn = await drawShards(entries, holders.list, run);
    return await Promise.all(
      holders.list.map((holder, i) => challenge(holders, holder, run, drawn[i] as readonly Drawn[])),
    );
  } finally {
    holders.close();
    await entries.close();
  }
}

/** For each holder some of the shards that it has to have, from devices drawn at random. */
async function drawShards(entries: EntryFile, list: readonly Holder[], run: Run): Promise<readonly Drawn[][]> {
  const drawn = list.map((): Drawn[] => []);
  for (let tries = 0; tries < SAMPLE * list.length && drawn.some((own) => own.length < SAMPLE); tries++) {
    const [entry] = await entries.read(randomInt(countOf(run)), 1);
    for (const shard of entry === undefined ? [] : decodeEntry(entry).shards) {
      for (const holder of holdersOf(shard.id, list, run.replicas)) {
        const own = drawn[list.indexOf(holder)] as Drawn[];
        if (own.length < SAMPLE) own.push(shard);
      }
    }
  }
  return drawn;
}

async function challenge(
  holders: OpenHolders,
  holder: Holder,
  run: Run,
  drawn: readonly Drawn[],
): Promise<HolderCheck> {
  try {
    const ids = drawn.map(({ id }) => id);
    const { shards, count, bytes } = await holders.sample(holder, run, ids);
    const wrong = drawn.filter(({ hash }, i) => !isCopy(shards[i], hash)).length;
    const problem = wrong === 0 ? undefined : `${wrong} of ${drawn.length} shards are missing or wrong`;
    return { holder, isGood: wrong === 0, shards: count, bytes, problem };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { holder, isGood: false, shards: 0, bytes: 0, problem };
  }
}

function isCopy(shown: Uint8Array | null | undefined, hash: Uint8Array): shown is Uint8Array {
  return shown !== undefined && shown !== null && equalBytes(sha256(shown), hash);
}

/**
 * Leaves failed holders out of a version: what they kept is delivered to those that take their places, from copies that others show, and
 * then the ledger is told. With one good copy of each shard nothing is lost.
 * @throws SwarmkeepError `too-few-holders`; `shards-lost` where no holder has a good copy. Then the map stays as it was.
 */
export async function replaceHolders(generator: Generator, run: Run, failed: readonly Holder[]): Promise<Run> {
  const { ledger, sender } = generator;
  const isFailed = namedIn(failed);
  const before = decodeHolders(getBytes(run.holders));
  const wasThere = namedIn(before);
  const remaining = before.filter((holder) => !isFailed(holder));
  const registered = await registeredHolders(ledger, run.fleetId);
  const added = await reachableHolders(registered.filter((holder) => !isFailed(holder) && !wasThere(holder)));
  const after = decodeHolders(encodeHolders([...remaining, ...added]));
  if (after.length < run.replicas) {
    throw new SwarmkeepError(`${after.length} holders are left, and each shard needs ${run.replicas}`, {
      kind: "refused",
      code: "too-few-holders",
      advice: "Wait for more validators, or generate the next version with fewer replicas.",
      details: { holders: after.length, replicas: run.replicas },
    });
  }
  const path = runFolder(generator.folder, run);
  const entries = await openEntryFile(path, run);
  const open = openHolders(generator, after);
  try {
    const total = countOf(run);
    const recipient = await rootRecipients(generator.batches, ledger, run.fleetId);
    for (let at = 0; at < total; at += COPIED_AT_ONCE) {
      const chunk = await entries.read(at, Math.min(COPIED_AT_ONCE, total - at));
      await copyShards({ generator, run, open, before, after, isFailed, recipient }, chunk);
    }
    const holders = hexlify(encodeHolders(after));
    const values = [run.fleetId, run.subject, run.version, holders] as const;
    const data = ledger.contracts.shards.interface.encodeFunctionData("replaceHolders", [...values]);
    await sender.send({ to: ledger.addresses.shards, data, action: "replace the holders" });
    return await saveRun(path, { ...run, holders });
  } finally {
    open.close();
    await entries.close();
  }
}

function namedIn(holders: readonly Holder[]): (holder: Holder) => boolean {
  const pins = new Set(holders.map(({ tlsPin }) => hexlify(tlsPin)));
  return ({ tlsPin }) => pins.has(hexlify(tlsPin));
}

interface Copying {
  readonly generator: Generator;
  readonly run: Run;
  readonly open: OpenHolders;
  readonly before: readonly Holder[];
  readonly after: readonly Holder[];
  readonly isFailed: (holder: Holder) => boolean;
  readonly recipient: RootRecipient;
}

/** A shard or an entry that changes hands. */
interface Moving {
  readonly id: Uint8Array;
  readonly device: number;
  /** @throws what is wrong with it */
  readonly isGood: (shown: Uint8Array) => boolean;
  /** Who has it and is not lost, in the order in which they are asked. */
  readonly from: readonly Holder[];
  readonly to: readonly Holder[];
}

async function copyShards(copying: Copying, chunk: readonly Uint8Array[]): Promise<void> {
  const { run, open } = copying;
  const moving = (await Promise.all(chunk.map((encoded) => movingOf(copying, encoded)))).flat();
  const copies = await goodCopies(open, run, moving);
  const rows = new Map<Holder, ShardRow[]>();
  const hand = (row: ShardRow, to: readonly Holder[]): void => {
    for (const holder of to) rows.set(holder, [...(rows.get(holder) ?? []), row]);
  };
  for (const [i, { id, device, to }] of moving.entries()) hand({ id, device, bytes: copies[i] as Uint8Array }, to);
  for (const row of await sealedAnew(copying, chunk)) hand(row, newHoldersOf(copying, row.id));
  await Promise.all([...rows].map(([holder, own]) => open.deliverTo(holder, run, own)));
}

/** Sealed roots are not copied: nothing says of a copy that it is good, and the generator can make them. */
async function sealedAnew(copying: Copying, chunk: readonly Uint8Array[]): Promise<readonly ShardRow[]> {
  const { generator, run, recipient } = copying;
  const { meshId } = generator.ledger.mesh;
  const contexts = chunk.map((encoded) => ({ meshId, device: decodeEntry(encoded).device, version: run.version }));
  const changing = contexts.filter((context) => newHoldersOf(copying, sealedRootId(context)).length > 0);
  return (await Promise.all(changing.map((one) => sealedRootRows(generator.source, recipient, one)))).flat();
}

/** Who is to keep what has this id from now on, and did not before. */
function newHoldersOf({ run, before, after }: Copying, id: Uint8Array): readonly Holder[] {
  const hadIt = namedIn(holdersOf(id, before, run.replicas));
  return holdersOf(id, after, run.replicas).filter((holder) => !hadIt(holder));
}

/** What one device has that changes hands. */
async function movingOf(copying: Copying, encoded: Uint8Array): Promise<Moving[]> {
  const { generator, run, before, isFailed } = copying;
  const { meshId } = generator.ledger.mesh;
  const { device, shards } = decodeEntry(encoded);
  const isOwnEntry = (shown: Uint8Array): boolean => {
    checkEntry(decodePlacedEntry(shown), getBytes(run.root), { meshId, device, version: run.version });
    return true;
  };
  const wanted = [
    ...shards.map(({ id, hash }) => ({ id, isGood: (shown: Uint8Array) => equalBytes(sha256(shown), hash) })),
    { id: await entryIdOf(generator.source, meshId, device, run.version), isGood: isOwnEntry },
  ];
  return wanted.flatMap(({ id, isGood }) => {
    const to = newHoldersOf(copying, id);
    const from = holdersOf(id, before, run.replicas).filter((holder) => !isFailed(holder));
    return to.length === 0 ? [] : [{ id, device, isGood, from, to }];
  });
}

/** A good copy of each, in order, from the first holder that shows one. @throws SwarmkeepError `shards-lost` */
async function goodCopies(open: OpenHolders, run: Run, moving: readonly Moving[]): Promise<readonly Uint8Array[]> {
  const copies: (Uint8Array | undefined)[] = moving.map(() => undefined);
  for (let place = 0; place < run.replicas; place++) {
    const asked = new Map<Holder, number[]>();
    for (const [i, { from }] of moving.entries()) {
      const holder = from[place];
      if (copies[i] !== undefined || holder === undefined) continue;
      asked.set(holder, [...(asked.get(holder) ?? []), i]);
    }
    await Promise.all(
      [...asked].map(async ([holder, places]) => {
        for (let at = 0; at < places.length; at += MAXIMUM_IDS) {
          const some = places.slice(at, at + MAXIMUM_IDS);
          const ids = some.map((i) => (moving[i] as Moving).id);
          // One that is away or sends nonsense has no good copy.
          const { shards } = await open.sample(holder, run, ids).catch(() => ({ shards: [] }));
          for (const [j, i] of some.entries())
            if (isGoodCopy(moving[i] as Moving, shards[j])) copies[i] = shards[j] ?? undefined;
        }
      }),
    );
  }
  const lost = moving.find((_, i) => copies[i] === undefined);
  if (lost === undefined) return copies as readonly Uint8Array[];
  throw new SwarmkeepError(`no holder has a good copy of shard ${hexlify(lost.id).slice(0, 18)}...`, {
    kind: "refused",
    code: "shards-lost",
    advice: "Generate the next version: the device's key of this one cannot be copied any more.",
    details: { id: hexlify(lost.id), device: lost.device },
  });
}

function isGoodCopy({ isGood }: Moving, shown: Uint8Array | null | undefined): boolean {
  try {
    return shown !== undefined && shown !== null && isGood(shown);
  } catch {
    return false;
  }
}

/**
 * Rotation and upkeep without operators: the newest version is made anew before it ends, or at once where the ledger shortened or
 * invalidated it or devices joined the fleet, and its holders are challenged; one that fails twice in a row is replaced.
 */
import { getBytes, hexlify } from "ethers";

import { type Holder, decodeHolders } from "../certificate/shard-map.js";
import { type Clock, seconds } from "../runtime/clock.js";
import { type Run, type ShardOrder, readRun, runFolder } from "./shard-folder.js";
import { checkHolders, replaceHolders } from "./shard-keeping.js";
import { type Generator, ROTATE_AT, countOf, devicesOf, generateShards } from "./shard-runs.js";

export type ShardEvent =
  | { readonly event: "rotated"; readonly run: Run }
  | { readonly event: "holder-failed"; readonly holder: Holder; readonly problem: string }
  | { readonly event: "holders-replaced"; readonly holders: readonly Holder[] }
  | { readonly event: "failed"; readonly error: unknown };

/** Challenges in a row that a holder may fail before it is replaced: one may be a restart. */
const FAILURES = 2;

export interface ServiceOptions {
  readonly generator: Generator;
  readonly order: ShardOrder;
  readonly clock: Clock;
  readonly intervalSeconds: number;
  readonly onEvent: (event: ShardEvent) => void;
}

/** Runs until `signal` is aborted. What fails is tried again at the next look. */
export async function keepShards(options: ServiceOptions, signal: AbortSignal): Promise<void> {
  const failures = new Map<string, number>();
  while (!signal.aborted) {
    try {
      await look(options, failures);
    } catch (error) {
      options.onEvent({ event: "failed", error });
    }
    await options.clock.sleep(1_000 * options.intervalSeconds, signal).catch(() => undefined);
  }
}

async function look(
  { generator, order, clock, onEvent }: ServiceOptions,
  failures: Map<string, number>,
): Promise<void> {
  if ((await isDue(generator, order.fleetId, seconds(clock))) || (await hasGrown(generator, order.fleetId))) {
    const made = await generateShards(generator, order);
    failures.clear();
    return onEvent({ event: "rotated", run: made });
  }
  const version = Number(await generator.ledger.contracts.shards.latestVersion(order.fleetId, 0));
  const run = await readRun(runFolder(generator.folder, { fleetId: order.fleetId, subject: 0, version }));
  // A version that another generator made is not here to be compared with.
  if (run === undefined) return;
  const gone: Holder[] = [];
  for (const { holder, isGood, problem } of await checkHolders(generator, run)) {
    const name = hexlify(holder.tlsPin);
    const count = isGood ? 0 : (failures.get(name) ?? 0) + 1;
    failures.set(name, count);
    if (!isGood) onEvent({ event: "holder-failed", holder, problem: problem ?? "" });
    if (count >= FAILURES) gone.push(holder);
  }
  if (gone.length === 0) return;
  const { holders } = await replaceHolders(generator, run, gone);
  onEvent({ event: "holders-replaced", holders: decodeHolders(getBytes(holders)) });
}

/** Whether devices joined the fleet since its newest version was made: they have no shards until the next one. */
export async function hasGrown(
  { ledger, folder }: Pick<Generator, "ledger" | "folder">,
  fleetId: number,
): Promise<boolean> {
  const version = Number(await ledger.contracts.shards.latestVersion(fleetId, 0));
  const run = await readRun(runFolder(folder, { fleetId, subject: 0, version }));
  if (run === undefined) return false;
  const devices = await devicesOf(ledger, fleetId);
  return devices.reduce((sum, [, count]) => sum + count, 0) > countOf(run);
}

/** Whether the next version is due, as the ledger has the newest one: shortened and invalidated where it was. */
export async function isDue({ ledger }: Pick<Generator, "ledger">, fleetId: number, now: number): Promise<boolean> {
  const { shards } = ledger.contracts;
  const version = await shards.latestVersion(fleetId, 0);
  if (version === 0n) return true;
  const { terms, invalidated } = await shards.mapOf(fleetId, 0, version);
  if (invalidated) return true;
  const [from, until] = [Number(terms.validFrom), Number(terms.validUntil)];
  return now >= Math.min(from + Number(terms.rotationSeconds), from + Math.floor(ROTATE_AT * (until - from)));
}

/**
 * The device's side of its shards: what was fetched is checked against the map, opened, and joined to the seed, for one use. Whatever
 * a holder sends, the result is the right seed or an error (docs/protocol.md, section 20.4).
 */
import type { Holder, ShardMapTerms } from "../certificate/shard-map.js";
import { equalBytes } from "../crypto/bytes.js";
import { SwarmkeepError } from "../statements/errors.js";
import { sha256, wipe } from "./bytes.js";
import { ENTRY_INDEX, type ShardContext, deviceShardKeys, shardId } from "./derivation.js";
import { type ShardEntry, checkEntry, decodePlacedEntry } from "./entry.js";
import { ShardError } from "./errors.js";
import { holdersOf } from "./placement.js";
import { openShard } from "./shard.js";
import { joinPieces } from "./splitting.js";

/** Gives what a holder has under an id; undefined or an error where it has nothing. Asked for several ids at once. */
export type FetchShard = (holder: Holder, id: Uint8Array) => Promise<Uint8Array | undefined>;

export interface FetchedShards {
  readonly entry: ShardEntry;
  /** As encoded, to be cached. */
  readonly placed: Uint8Array;
  /** Sealed and checked against the entry, by index. */
  readonly sealed: ReadonlyMap<number, Uint8Array>;
}

/**
 * Whether a device may use a map now.
 * @throws ShardError `map-pending`, `map-ended`
 */
export function checkMapTime({ version, validFrom, validUntil, graceSeconds }: ShardMapTerms, now: number): void {
  const details = { version, validFrom, validUntil, graceSeconds, now };
  if (now < validFrom)
    throw new ShardError("map-pending", `version ${version} of the shards begins at ${validFrom}`, details);
  if (now < validUntil + graceSeconds) return;
  throw new ShardError("map-ended", `version ${version} of the shards ended at ${validUntil + graceSeconds}`, details);
}

/**
 * Fetches a device's entry and as many shards as it needs, each from the holders that keep it, in parallel; what is not as the map says
 * is as good as missing.
 * @param root the device root
 * @param nearest orders holders, the one to ask first in front
 * @throws ShardError `map-mismatch` where no holder has a good entry, `too-few-shards`
 */
export async function fetchShards(
  root: Uint8Array,
  context: ShardContext,
  terms: ShardMapTerms,
  fetch: FetchShard,
  nearest: (holders: readonly Holder[]) => readonly Holder[] = (holders) => holders,
): Promise<FetchedShards> {
  const keys = deviceShardKeys(root);
  try {
    const keptBy = (id: Uint8Array): readonly Holder[] => nearest(holdersOf(id, terms.holders, terms.replicas));
    const entryId = shardId(keys.naming, context.version, ENTRY_INDEX);
    const problems: unknown[] = [];
    const found = await firstGood(keptBy(entryId), problems, async (holder) => {
      const placed = await fetch(holder, entryId);
      if (placed === undefined) return undefined;
      const entry = checkEntry(decodePlacedEntry(placed), terms.root, context);
      expectNames(entry, keys.naming, context);
      return { placed, entry };
    });
    if (found === undefined) {
      const refusal = refusalOfAll(problems, keptBy(entryId).length);
      throw (
        refusal ?? problems.find((problem) => problem instanceof ShardError) ?? tooFew(0, terms.threshold, problems)
      );
    }
    const { entry, placed } = found;
    const sealed = new Map<number, Uint8Array>();
    await Promise.all(
      entry.shards.map(async ({ id, hash }, index) => {
        const good = await firstGood(keptBy(id), problems, async (holder) => {
          const bytes = await fetch(holder, id);
          if (bytes === undefined || equalBytes(sha256(bytes), hash)) return bytes;
          throw new ShardError("shard-damaged", `${holder.endpoint} gave another shard ${index} than the map has`, {
            index,
            holder: holder.endpoint,
          });
        });
        if (good !== undefined) sealed.set(index, good);
      }),
    );
    if (sealed.size < entry.sharing.threshold) throw tooFew(sealed.size, entry.sharing.threshold, problems);
    return { entry, placed, sealed };
  } finally {
    keys.wipe();
  }
}

/** Ids follow from the device's own key: an entry with others, under whatever root, is not what the generator makes. */
function expectNames(entry: ShardEntry, naming: Uint8Array, { version, device }: ShardContext): void {
  const wrong = entry.shards.findIndex(({ id }, index) => !equalBytes(id, shardId(naming, version, index)));
  if (wrong < 0) return;
  throw new ShardError("map-mismatch", `shard ${wrong} in the entry of device ${device} has another's name`, {
    device,
    index: wrong,
  });
}

/**
 * What all that were asked refuse alike, such as that the device is revoked: no other try helps then. One that says so alone may lie.
 * @param asked how many answers there could have been
 */
export function refusalOfAll(problems: readonly unknown[], asked: number): SwarmkeepError | undefined {
  const refusals = problems.filter(
    (problem) => problem instanceof SwarmkeepError && !(problem instanceof ShardError) && problem.kind === "refused",
  ) as SwarmkeepError[];
  const [first] = refusals;
  const isCommon = refusals.length === asked && refusals.every(({ code }) => code === first?.code);
  return isCommon ? first : undefined;
}

async function firstGood<T>(
  holders: readonly Holder[],
  problems: unknown[],
  ask: (holder: Holder) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const holder of holders) {
    try {
      const answer = await ask(holder);
      if (answer !== undefined) return answer;
    } catch (error) {
      problems.push(error);
    }
  }
  return undefined;
}

function tooFew(good: number, needed: number, problems: readonly unknown[]): ShardError {
  const reasons = [
    ...new Set(problems.map((problem) => (problem instanceof Error ? problem.message : String(problem)))),
  ];
  const why = reasons.length === 0 ? "" : `: ${reasons.slice(0, 3).join("; ")}`;
  return new ShardError("too-few-shards", `${good} shards are good, and ${needed} are needed${why}`, {
    good,
    needed,
    reasons,
  });
}

/**
 * Rebuilds the seed, hands it to `use`, and wipes it, whatever happens.
 * @throws ShardError `shard-damaged`, `too-few-shards`, and what `use` throws
 */
export async function withSeed<T>(
  root: Uint8Array,
  context: ShardContext,
  { entry, sealed }: Pick<FetchedShards, "entry" | "sealed">,
  use: (seed: Uint8Array) => Promise<T> | T,
): Promise<T> {
  const keys = deviceShardKeys(root);
  const pieces = new Map<number, Uint8Array>();
  let seed: Uint8Array | undefined;
  try {
    for (const [index, bytes] of sealed) {
      if (!equalBytes(sha256(bytes), entry.shards[index]?.hash ?? new Uint8Array())) {
        throw new ShardError("shard-damaged", `shard ${index} is not the one that the map has`, { index });
      }
      pieces.set(index, openShard(keys.sealing, context, entry.salt, index, bytes));
      if (pieces.size === entry.sharing.threshold) break;
    }
    seed = await joinPieces(pieces, entry.sharing, context);
    return await use(seed);
  } finally {
    wipe(seed, ...pieces.values());
    keys.wipe();
  }
}

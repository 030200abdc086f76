/**
 * What a device counts of a version of its shards, on disk before it is used: one-time keys that have signed, and messages that may be
 * sealed. A count that cannot be read is an error and never begins at zero again, which would be to use a key twice.
 */
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { MAXIMUM_MESSAGES, type MessageBudget, budgetSpent } from "../shards/deterministic-aead.js";

/** Messages that are reserved at once: a process that ends skips so many at most. */
const RESERVED_MESSAGES = 1_024;
/** Versions that are remembered: more than can serve at once, and no version comes back. */
const KEPT_VERSIONS = 64;

/** The last taking from each file: the next one begins where it ended. */
const turns = new Map<string, Promise<unknown>>();

/**
 * Takes `count` numbers of a version from the file at `path`, which no other process writes. Gives the first.
 * @throws SwarmkeepError `device-folder-damaged`
 */
export function takeNumbers(path: string, version: number, count: number): Promise<number> {
  const before = turns.get(path) ?? Promise.resolve();
  const taken = before.then(() => takeNow(path, version, count));
  const turn = taken.catch(() => undefined);
  turns.set(path, turn);
  void turn.then(() => turns.get(path) === turn && turns.delete(path));
  return taken;
}

async function takeNow(path: string, version: number, count: number): Promise<number> {
  const content = await readIfPresent(path, 65_536);
  const taken = content === undefined ? new Map<number, number>() : parseCounts(path, content);
  const first = taken.get(version) ?? 0;
  taken.set(version, first + count);
  const kept = [...taken].sort(([a], [b]) => a - b).slice(-KEPT_VERSIONS);
  await writeAtomically(path, `${JSON.stringify(Object.fromEntries(kept))}\n`);
  return first;
}

function parseCounts(path: string, content: Uint8Array): Map<number, number> {
  try {
    const counts: unknown = JSON.parse(new TextDecoder().decode(content));
    const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
    if (typeof counts === "object" && counts !== null && !Array.isArray(counts)) {
      const entries = Object.entries(counts).map(([version, count]) => [Number(version), count as number] as const);
      if (entries.flat().every(isCount)) return new Map(entries);
    }
  } catch {
    // Told below, like everything else that is no count.
  }
  throw new SwarmkeepError(`${path} is not what this program writes`, {
    kind: "environment",
    code: "device-folder-damaged",
    advice: "Ask the registrar for the next version of the shards, and remove the file when it is there.",
    details: { path },
  });
}

/** The budget of sealed messages in the file at `path`, an epoch being a version. */
export function durableBudget(path: string): MessageBudget {
  const left = new Map<number, number>();
  return {
    async take(epoch) {
      const spare = left.get(epoch) ?? 0;
      if (spare > 0) {
        left.set(epoch, spare - 1);
        return;
      }
      const first = await takeNumbers(path, epoch, RESERVED_MESSAGES);
      if (first + RESERVED_MESSAGES > MAXIMUM_MESSAGES) throw budgetSpent(epoch, MAXIMUM_MESSAGES);
      left.set(epoch, RESERVED_MESSAGES - 1);
    },
  };
}

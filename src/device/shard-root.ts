/**
 * The root of a device's shards: what the factory gave, or what holders keep for the device, sealed to its identity key (docs/protocol.md,
 * section 20.9). Whoever seals is not known, so a root is kept only after the device's shards were found under the names that follow from it.
 */
import type { Holder, ShardMapTerms } from "../certificate/shard-map.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { wipe } from "../shards/bytes.js";
import type { ShardContext } from "../shards/derivation.js";
import { holdersOf } from "../shards/placement.js";
import { type FetchShard, type FetchedShards, refusalOfAll } from "../shards/reconstruct.js";
import { openRoot, sealedRootId } from "../shards/sealed-root.js";
import type { DeviceKeystore } from "./keystore.js";

export interface RootSearch {
  readonly keystore: DeviceKeystore;
  readonly fetch: FetchShard;
  readonly nearest: (holders: readonly Holder[]) => readonly Holder[];
  /** Fetches the shards whose names follow from a root. @throws ShardError where there are none */
  readonly shardsOf: (root: Uint8Array) => Promise<FetchedShards>;
}

/**
 * Asks one holder after another for the sealed root, until one's is right, and keeps it.
 * @returns the root, which the caller wipes, and the shards that showed it to be right
 * @throws SwarmkeepError `no-shard-root`; the holders' refusal where all of them say no
 */
export async function findRoot(
  context: ShardContext,
  terms: ShardMapTerms,
  { keystore, fetch, nearest, shardsOf }: RootSearch,
): Promise<{ readonly root: Uint8Array; readonly fetched: FetchedShards }> {
  const { identity } = keystore;
  // A key that never leaves its hardware opens nothing here: such a device gets its root from the factory.
  const privateKey = await keystore.privateKey?.(identity.key);
  const id = sealedRootId(context);
  const asked = privateKey === undefined ? [] : nearest(holdersOf(id, terms.holders, terms.replicas));
  const problems: unknown[] = [];
  for (const holder of asked) {
    let root: Uint8Array | undefined;
    try {
      const sealed = await fetch(holder, id);
      root = sealed && privateKey && (await openRoot(privateKey, context, sealed));
      if (root === undefined) continue;
      const fetched = await shardsOf(root);
      await keystore.keepShardRoot?.(root);
      return { root, fetched };
    } catch (error) {
      wipe(root);
      problems.push(error);
    }
  }
  throw refusalOfAll(problems, asked.length) ?? noShardRoot(context.version, problems);
}

export function noShardRoot(version: number | undefined, problems: readonly unknown[] = []): SwarmkeepError {
  const [first] = problems;
  const why = first === undefined ? "" : `: ${first instanceof Error ? first.message : String(first)}`;
  const where = version === undefined ? "" : `, and version ${version} has none that is sealed to its identity key`;
  return new SwarmkeepError(`this device was given no root of its shards${where}${why}`, {
    kind: "usage",
    code: "no-shard-root",
    advice:
      "Have its registrar make the next version (`swarmkeep shards generate`), which has one for each device that lacks it.",
    details: { version },
    ...(first === undefined ? {} : { cause: first }),
  });
}

/**
 * Which holders keep a shard: rendezvous hashing (Thaler and Ravishankar, 1996). Each holder has a score for each shard, and the
 * highest ones keep it. Nobody has to list places, and a holder that comes or goes moves only the shards that are its own.
 */
import type { Holder } from "../certificate/shard-map.js";
import { TAG } from "../statements/tags.js";
import { sha256 } from "./bytes.js";

/** The `replicas` holders of a shard, the first one first. */
export function holdersOf(id: Uint8Array, holders: readonly Holder[], replicas: number): readonly Holder[] {
  return holders
    .map((holder) => ({ holder, score: sha256(TAG.shardPlacement, id, holder.tlsPin) }))
    .sort((a, b) => Buffer.compare(b.score, a.score))
    .slice(0, replicas)
    .map(({ holder }) => holder);
}

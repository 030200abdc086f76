/** Generations of the group keys as the finalised ledger has them: the links between them, and the keys that still count. */
import { getBytes } from "ethers";

import { type FormerKeys, type Succession, isHandover } from "../certificate/succession.js";
import { g1FromEip2537 } from "../crypto/points.js";
import { g1Bytes, signatureBytes } from "../ledger/points.js";
import type { Projection } from "../ledger/projection.js";

/** The links between generations, oldest first. */
export function successionsOf({ successions }: Projection): Succession[] {
  return [...successions.values()].map(({ generation, ceremony, blsKey, edKey, since, signature }) => ({
    generation: Number(generation),
    ceremony: Number(ceremony),
    bls: g1FromEip2537(g1Bytes(blsKey)).toBytes(),
    ed25519: getBytes(edKey),
    since: Number(since),
    signature: signatureBytes(signature),
  }));
}

/** The keys before those of `generation`, as long as what they signed counts. */
export function formerKeys(projection: Projection, generation: number, now: number): FormerKeys | undefined {
  const link = projection.successions.get(BigInt(generation));
  const before = projection.generation(BigInt(generation) - 1n);
  if (link === undefined || before === undefined) return undefined;
  const keys = { bls: g1FromEip2537(g1Bytes(before.blsKey)).toBytes(), ed25519: getBytes(before.edKey) };
  const former = { generation: generation - 1, keys, since: Number(link.since) };
  return isHandover(former, now) ? former : undefined;
}

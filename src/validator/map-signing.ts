/**
 * Shard maps for devices, which read no ledger (docs/protocol.md, section 20.5): the version that serves now, as this member's finalised
 * ledger has it, and in office this member's part of the swarm's signature over it.
 */
import { decodeHolders, decodeShardMapPayload, shardMapPayload, shardMapToSign } from "../certificate/shard-map.js";
import { equalBytes } from "../crypto/bytes.js";
import { type MapVersion, SERVED } from "../ledger/shard-book.js";
import type { PartialAnswer } from "../protocol/api.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { MapProver } from "./map-prover.js";
import type { MeshContext } from "./mesh-context.js";
import type { Standing } from "./standing.js";

export interface MapSigningOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly nowSeconds: () => number;
}

/**
 * The payload of a subject's current version: the newest that serves; of a device without a map of its own its fleet's.
 * @throws SwarmkeepError `no-shard-map`
 */
export function currentMap({ standing, nowSeconds }: MapSigningOptions, fleetId: number, subject: number): Uint8Array {
  const { shards, office } = standing.projection;
  const newest = (of: bigint): MapVersion | undefined =>
    shards.versions(BigInt(fleetId), of).findLast((version) => SERVED.has(shards.statusAt(version, nowSeconds())));
  const current = newest(BigInt(subject)) ?? newest(0n);
  const generation = Number(office?.generation ?? 0n);
  if (current !== undefined && generation > 0) return payloadOf(standing, current, generation);
  throw new SwarmkeepError(`fleet ${fleetId} has no shard map that serves now`, {
    kind: "refused",
    code: "no-shard-map",
    advice: "Ask its registrar to generate the shards (`swarmkeep shards generate`).",
    details: { fleetId, subject },
  });
}

export interface MapProofOptions extends MapSigningOptions {
  readonly maps: Pick<MapProver, "prove">;
}

/**
 * This member's part of the swarm's signature, if the payload is what `currentMap` gives here and the state proves.
 * @throws SwarmkeepError `map-differs`, `no-shard-map`, and those of `Standing.inOffice`; LedgerError `bad-proof`
 */
export async function signMap(options: MapProofOptions, payload: Uint8Array): Promise<PartialAnswer> {
  const { context, standing, maps } = options;
  const { fleetId, subject } = decodeShardMapPayload(payload);
  const { projection } = standing.inOffice();
  const read = (): readonly MapVersion[] => [...projection.shards.versions(BigInt(fleetId), BigInt(subject))];
  let proven: readonly MapVersion[] = [];
  // What the ledger says during a proof counts, and is proven as well.
  for (let versions = read(); !isSame(versions, proven); versions = read()) {
    await maps.prove(versions, standing.inOffice().finalised);
    proven = versions;
  }
  const { signer } = standing.inOffice();
  if (!equalBytes(payload, currentMap(options, fleetId, subject))) {
    throw new SwarmkeepError("the current shard map here is another one", {
      kind: "refused",
      code: "map-differs",
      advice: "Fetch the map again, from another member: one of the two is behind the ledger.",
      details: { fleetId, subject },
    });
  }
  return signer.partial(shardMapToSign(context.separators.anchor, payload));
}

function isSame(some: readonly MapVersion[], others: readonly MapVersion[]): boolean {
  return some.length === others.length && some.every((version, i) => version === others[i]);
}

function payloadOf({ projection }: Standing, version: MapVersion, generation: number): Uint8Array {
  const { fleetId, subject, map, holders } = version;
  const next = projection.shards.version(fleetId, subject, Number(map.version) + 1);
  return shardMapPayload({
    generation,
    fleetId: Number(fleetId),
    // A device with its fleet's map is told so, and the same bytes are signed for all of them.
    subject: Number(subject),
    version: Number(map.version),
    scheme: Number(map.scheme) as 1 | 2,
    threshold: Number(map.threshold),
    shards: Number(map.shards),
    replicas: Number(map.replicas),
    validFrom: Number(map.validFrom),
    validUntil: Math.min(Number(map.validUntil), next === undefined ? Infinity : Number(next.map.validFrom)),
    graceSeconds: Number(map.graceSeconds),
    rotationSeconds: Number(map.rotationSeconds),
    root: bytesOf(map.root),
    holders: decodeHolders(bytesOf(holders)),
  });
}

function bytesOf(hexadecimal: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hexadecimal.slice(2), "hex"));
}

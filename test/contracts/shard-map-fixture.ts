/** Versions of shard maps as contracts take them, and a mesh with fleets that have them. */
import { AbiCoder, type BytesLike, keccak256 } from "ethers";

import type { IShardMap } from "../../typechain-types/interfaces/IShardMap.js";
import { ShardMap__factory } from "../../typechain-types/index.js";
import { type Connection, type Mesh, SCOPES, openMesh, word } from "./mesh.js";

export type MapStruct = IShardMap.MapStruct;

export const HOLDERS = "0x80";
export const POLICY = { scopes: SCOPES, maximumLifetime: 86_400, quota: 1, joinMethods: 1, graceSeconds: 0 };
/** The one batch of fleet 1. */
export const BATCH = { fleetId: 1n, batch: 0n, manifestRoot: word(9), base: 0n, count: 300n };

/** Version 1 of three of five Shamir shares on three holders each; `rest` replaces parts of it. */
export function mapOf(rest: Partial<MapStruct>): MapStruct {
  return {
    version: 1n,
    scheme: 2n,
    threshold: 3n,
    shards: 5n,
    replicas: 3n,
    validFrom: 1n,
    validUntil: 2n,
    graceSeconds: 600n,
    rotationSeconds: 3_000n,
    root: word(77),
    ...rest,
  };
}

/** `mapHash` of the statement ShardMapRoot. */
export function mapHash(map: MapStruct, holders: BytesLike): string {
  const type = ShardMap__factory.createInterface().getFunction("rotate").inputs[1];
  return keccak256(AbiCoder.defaultAbiCoder().encode([type as never, "bytes32"], [map, keccak256(holders)]));
}

/** A mesh whose registrar has fleet 1. */
export async function withFleet(on: Connection, count = BATCH.count): Promise<Mesh> {
  const mesh = await openMesh(on);
  const fleets = mesh.fleets.connect(mesh.registrar);
  await fleets.registerFleet(1, SCOPES, POLICY, BATCH.manifestRoot, BATCH.base, count);
  return mesh;
}

/** One rotation of shard maps: of a fleet, whatever its size, and of one device. The list of seven holders is in it. */
import { network } from "hardhat";

import { FAR, gasOf } from "../../test/contracts/mesh.js";
import { BATCH, mapOf, withFleet } from "../../test/contracts/shard-map-fixture.js";
import type { GasFigure } from "../figure.js";

/** As seven validators take in CBOR: a pin of 32 bytes and an endpoint of some 25 each. */
const HOLDERS = `0x${"ab".repeat(7 * 62)}`;
const ELSEWHERE = "one transaction per device elsewhere";

function rotationOf(operation: string, devices: bigint): GasFigure {
  return {
    operation,
    goal: 250_000,
    best: undefined,
    source: ELSEWHERE,

    async measure() {
      const mesh = await withFleet(await network.create(), devices);
      return Number(await gasOf(mesh.shards.connect(mesh.registrar).rotate(1, await currentMap(mesh), HOLDERS)));
    },
  };
}

async function currentMap(mesh: Awaited<ReturnType<typeof withFleet>>) {
  const now = BigInt((await mesh.on.ethers.provider.getBlock("latest"))?.timestamp ?? FAR);
  return mapOf({ validFrom: now, validUntil: now + 86_400n });
}

export const rotateFleetShards1 = rotationOf("rotateFleetShards1", 1n);
export const rotateFleetShards1000 = rotationOf("rotateFleetShards1000", 1_000n);
export const rotateFleetShards = rotationOf("rotateFleetShards", 1_000_000n);

export const shardMapPerDevice: GasFigure = {
  operation: "shardMapPerDevice",
  goal: undefined,
  best: undefined,
  source: ELSEWHERE,

  async measure() {
    const mesh = await withFleet(await network.create());
    const shards = mesh.shards.connect(mesh.registrar);
    return Number(await gasOf(shards.rotateDevice(BATCH, 7, await currentMap(mesh), HOLDERS)));
  },
};

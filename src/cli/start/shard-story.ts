/**
 * Keys that no server holds: the tenant's generator cuts a key for each device of its fleet into shards, the validators keep them, the
 * lamp rebuilds its own to sign and to seal; the next version comes, the old one is refused, and a holder that is gone is replaced.
 */
import { createHash } from "node:crypto";

import { getBytes } from "ethers";

import { decodeHolders } from "../../certificate/shard-map.js";
import type { DeviceShards } from "../../device/shards.js";
import { withSender } from "../../operator/ledger.js";
import { type Run, type ShardOrder } from "../../operator/shard-folder.js";
import { checkHolders, replaceHolders } from "../../operator/shard-keeping.js";
import { batchesFolder } from "../../operator/registrar-folder.js";
import { openMaster } from "../../operator/shard-master.js";
import { type Generator, countOf, generateShards } from "../../operator/shard-runs.js";
import { invalidateShards } from "../../operator/shard-terms.js";
import { SwarmkeepError } from "../../runtime/errors.js";
import { open, seal } from "../../shards/deterministic-aead.js";
import { messageDigest, verifyOnce } from "../../shards/one-time-keys.js";
import { SCHEME } from "../../shards/splitting.js";
import { KEY_TYPE } from "../../statements/cose.js";
import type { Progress } from "../progress.js";
import type { Fleet } from "./fleet-story.js";
import { type LocalMesh, until } from "./local-mesh.js";

const ORDER: Omit<ShardOrder, "fleetId"> = {
  scheme: SCHEME.shamir,
  threshold: 3,
  shards: 5,
  replicas: 3,
  // For a thousand devices in a second or two; a device that signs has a thousand where nobody waits.
  oneTimeKeys: 16,
  oneTimeType: KEY_TYPE.ed25519,
  validSeconds: 86_400,
  graceSeconds: 3_600,
};
const FIRMWARE = new TextEncoder().encode("firmware of the lamp, release 7");

export async function tellShardStory(local: LocalMesh, fleet: Fleet, progress: Progress): Promise<void> {
  const { registrar, lamp } = fleet;
  const { ledger } = local;
  const fleetId = lamp.agent.provisioning.enrolment.fleetId;
  const source = await openMaster(registrar);
  const folder = await registrar.folder.folder("shards");
  const batches = batchesFolder(registrar);
  const { wallet, sealer } = registrar;
  const shards = await lamp.agent.shards();
  try {
    await withSender(ledger.endpoint, wallet, async (sender) => {
      const nowSeconds = (): number => Math.floor(Date.now() / 1000);
      const generator: Generator = { ledger, sender, wallet, sealer, folder, batches, source, nowSeconds };
      const order = { ...ORDER, fleetId };
      const first = await generate(generator, order, progress);
      await useKey(local, shards, first, progress);
      await rotate(local, { generator, order, first, shards }, progress);
    });
  } finally {
    await source.close();
  }
}

async function generate(generator: Generator, order: ShardOrder, progress: Progress): Promise<Run> {
  return progress.step("shards", async () => {
    const run = await generateShards(generator, order);
    const kept = decodeHolders(getBytes(run.holders)).length;
    const detail = `${countOf(run)} devices' keys, ${run.threshold} of ${run.shards} shards each, ${run.replicas} copies with ${kept} holders; one root on the ledger`;
    return { detail, value: run };
  });
}

/** Waits until the members that a device asks have read of a version. */
async function awaitVersion({ running }: LocalMesh, shards: DeviceShards, version: number): Promise<void> {
  await until(running, `the swarm signs version ${version} of the shard map`, 60, async () => {
    try {
      return (await shards.map()).version >= version;
    } catch (error) {
      if (error instanceof SwarmkeepError) return false;
      throw error;
    }
  });
}

async function useKey(local: LocalMesh, shards: DeviceShards, run: Run, progress: Progress): Promise<void> {
  await progress.step("rebuild", async () => {
    await awaitVersion(local, shards, run.version);
    const shown = await shards.withSeed((seed) => createHash("sha256").update(seed).digest("hex").slice(0, 8));
    const detail = `the lamp fetches its shards in mutual TLS, checks each, rebuilds its key (hash ${shown}...), wipes it`;
    return { detail, value: undefined };
  });
  await progress.step("sign once", async () => {
    const digest = await messageDigest([FIRMWARE]);
    const { signature, root } = await shards.signOnce(digest, { offline: true });
    if (!verifyOnce(signature, root, digest)) throw new Error("a one-time signature does not verify");
    const detail = `the lamp signs with one-time key ${signature.index} of ${signature.count}, offline; it verifies with key and path alone`;
    return { detail, value: undefined };
  });
  await progress.step("IV, seal", async () => {
    const [sealed, opened] = await shards.withMessageKeys(
      async (keys, epoch, budget) => {
        const context = { domain: "start", epoch, associatedData: new Uint8Array() };
        const made = await seal(keys, context, FIRMWARE, budget);
        return [made, await open(keys, context, made)] as const;
      },
      { offline: true },
    );
    if (Buffer.compare(opened, FIRMWARE) !== 0) throw new Error("a sealed message opens as another one");
    const iv = Buffer.from(sealed.subarray(1, 17)).toString("hex").slice(0, 8);
    return {
      detail: `${FIRMWARE.length} bytes sealed with the IV ${iv}... that follows from them, and opened`,
      value: undefined,
    };
  });
}

interface Rotating {
  readonly generator: Generator;
  readonly order: ShardOrder;
  readonly first: Run;
  readonly shards: DeviceShards;
}

async function rotate(
  local: LocalMesh,
  { generator, order, first, shards }: Rotating,
  progress: Progress,
): Promise<void> {
  const next = await progress.step("rotate keys", async () => {
    const run = await generateShards(generator, order);
    await awaitVersion(local, shards, run.version);
    const version = await shards.withSeed((_, { terms }) => terms.version);
    return { detail: `version ${version} of all shards; the lamp has moved over`, value: run };
  });
  await progress.step("old refused", async () => {
    await invalidateShards(generator, first);
    const { running } = local;
    const old = { ...first, holders: decodeHolders(getBytes(first.holders)) };
    let left = old.holders.length;
    await until(running, "holders delete the old version", 60, async () => {
      const checks = await checkHolders(generator, first);
      left = checks.filter(({ shards: count }) => count > 0).length;
      return left === 0;
    });
    return {
      detail: `version ${first.version} is invalidated: its ${old.holders.length} holders have deleted it`,
      value: undefined,
    };
  });
  await progress.step("holder lost", async () => {
    const [victim] = local.running.validators;
    if (victim === undefined) throw new Error("there is no validator");
    const known = decodeHolders(getBytes(next.holders));
    process.kill(victim.pid, "SIGSTOP");
    try {
      const failed = (await checkHolders(generator, next)).filter(({ isGood }) => !isGood).map(({ holder }) => holder);
      const after = await replaceHolders(generator, next, failed);
      const copies = decodeHolders(getBytes(after.holders)).length;
      const detail = `${failed.length} of ${known.length} holders is stopped and fails its challenge; the other ${copies} copy what it had, the map follows`;
      return { detail, value: undefined };
    } finally {
      process.kill(victim.pid, "SIGCONT");
    }
  });
}

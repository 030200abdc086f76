/**
 * Devices that no factory gave the root of their shards: the generator has it sealed to the identity keys that the manifest lists
 * (docs/protocol.md, section 20.9), and delivers it with their shards.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { getBytes, hexlify } from "ethers";

import type { DeviceKey } from "../certificate/cose-key.js";
import { SHARD_ROOT_FILE } from "../device/keystore.js";
import { equalBytes } from "../crypto/bytes.js";
import { readIfPresent } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { decodeRecord, deliveryPath, manifestOf, openBatchFolder } from "./batch-folder.js";
import type { MeshLedger } from "./ledger.js";

/** The identity key of a device; undefined for one that has its root, or that is of no batch made here. */
export type RootRecipient = (device: number) => DeviceKey | undefined;

/**
 * @param batches the folder of the registrar's batches
 * @throws SwarmkeepError `batch-damaged`, also where the keys are not those of the manifest on the ledger: who changed them here would
 * get the devices' roots
 */
export async function rootRecipients(
  batches: string,
  { contracts, mesh }: MeshLedger,
  fleetId: number,
): Promise<RootRecipient> {
  const { fleets } = contracts;
  const appended = await fleets.queryFilter(fleets.filters.BatchAppended(fleetId), mesh.deployedBlock);
  const parts: { readonly first: number; readonly end: number; readonly base: number; readonly records: Uint8Array }[] =
    [];
  for (const name of (await readdir(batches).catch(() => [])).filter((one) => !one.startsWith("."))) {
    const { facts, file, records: read } = await openBatchFolder(join(batches, name));
    if (facts.registered?.fleetId !== fleetId) continue;
    const hasRoots = (await readIfPresent(file(...deliveryPath(0), SHARD_ROOT_FILE))) !== undefined;
    const given = hasRoots ? facts.deliveries : 0;
    if (given >= facts.count) continue;
    const records = await read();
    const root = manifestOf(records, facts.base, facts.deviceClass).root();
    const onLedger = appended.find(({ args }) => Number(args.batch) === facts.registered?.batch)?.args.manifestRoot;
    if (onLedger === undefined || !equalBytes(root, getBytes(onLedger))) throw otherManifest(name, root, onLedger);
    parts.push({ first: facts.base + given, end: facts.base + facts.count, base: facts.base, records });
  }
  return (device) => {
    const part = parts.find(({ first, end }) => device >= first && device < end);
    return part && decodeRecord(part.records, device - part.base).key;
  };
}

function otherManifest(name: string, root: Uint8Array, onLedger: string | undefined): SwarmkeepError {
  return new SwarmkeepError(`the keys of the batch ${name} are not those whose manifest is on the ledger`, {
    kind: "environment",
    code: "batch-damaged",
    advice: "Restore the batch's folder from a backup.",
    details: { batch: name, root: hexlify(root), onLedger },
  });
}

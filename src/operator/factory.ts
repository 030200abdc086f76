/**
 * The factory's step: devices get keys, salts and pre-shared keys, and a batch of them one manifest root. Keys may be made here,
 * or elsewhere (in the devices, where they are best), of which only the public halves come here.
 */
import { type KeyObject, randomBytes } from "node:crypto";
import { copyFile, mkdir } from "node:fs/promises";

import { getBytes } from "ethers";

import type { DeviceKey } from "../certificate/cose-key.js";
import { generateDeviceKey, preSharedIdentityKey, softwareIdentity } from "../device/identity.js";
import { DEVICE_KDF, SHARD_ROOT_FILE, sealShardRoot, writeDelivery } from "../device/keystore.js";
import { JOIN_METHOD_BITS, type JoinMethod, type Provisioning, encodeProvisioning } from "../device/provisioning.js";
import { PRE_SHARED_KEY_LENGTH, validatorPreSharedKey } from "../protocol/pre-shared-key.js";
import { PRIVATE_FOLDER, makeFolder, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { type KdfCost, type Sealer, openSealer } from "../runtime/sealed-file.js";
import { type KeySource, deviceRoot } from "../shards/derivation.js";
import type { KeyType } from "../statements/cose.js";
import {
  type BatchFacts,
  type BatchFolder,
  MAXIMUM_BATCH,
  RECORD_LENGTH,
  channelKeysPath,
  channelKeysPurpose,
  createBatchFolder,
  decodeRecord,
  deliveryPath,
  encodeRecord,
  manifestOf,
} from "./batch-folder.js";

/** Devices that get folders of their own at once; others are written when they are asked for. */
export const MAXIMUM_DELIVERIES = 10_000;

/** Some devices of one kind, in the order of their indexes. */
export type DeviceLot =
  /** The factory makes the keys. */
  | { readonly join: "identity-key"; readonly keyType: KeyType; readonly count: number }
  /** The factory makes pre-shared keys, and the devices everything else from them. */
  | { readonly join: "pre-shared-key"; readonly count: number }
  /** The keys were made elsewhere. */
  | { readonly join: "identity-key" | "csr"; readonly publicKeys: readonly DeviceKey[] };

export interface BatchOrder {
  readonly mesh: MeshFile;
  readonly lots: readonly DeviceLot[];
  /** The next index on the ledger that a batch may begin at. */
  readonly base: number;
  readonly deviceClass: number;
  readonly scope: string;
  readonly lifetimeSeconds: number;
  /** `certificatePeriodSeconds` of the mesh. */
  readonly periodSeconds: number;
  /** Validators' endpoints that devices ask for their first trust bundle. */
  readonly validators: readonly string[];
  /** Accounts of validators that get channel keys for devices with pre-shared keys. */
  readonly accounts: readonly string[];
  /** Under which the devices' owner opens what the devices are given. */
  readonly devicePassphrase: string;
  /** Seals what the registrar keeps. */
  readonly sealer: Sealer;
  /** The master from which devices get the roots of their shards; without it they get none. */
  readonly master?: KeySource | undefined;
  readonly deviceCost?: KdfCost;
  /** How many devices, from the first, get folders of their own; all if not given, unless there are very many. */
  readonly deliveries?: number;
}

/** @throws SwarmkeepError `bad-batch-size`, `batch-exists`, and those of files. */
export async function provisionBatch(path: string, order: BatchOrder): Promise<BatchFolder> {
  const count = order.lots.reduce((sum, lot) => sum + sizeOf(lot), 0);
  const madeHere = order.lots.reduce((sum, lot) => sum + ("publicKeys" in lot ? 0 : lot.count), 0);
  if (count < 1 || count > MAXIMUM_BATCH || madeHere > MAXIMUM_DELIVERIES) {
    const limit = `1 to ${MAXIMUM_BATCH} devices, of which ${MAXIMUM_DELIVERIES} may get their keys here`;
    throw new SwarmkeepError(`a batch has ${limit}, not ${count} and ${madeHere}`, {
      kind: "usage",
      code: "bad-batch-size",
      advice: "Make several batches, or let the devices make their keys and give the public ones.",
      details: { count },
    });
  }
  const records = new Uint8Array(count * RECORD_LENGTH);
  const made = makeDevices(order.lots, records);
  const facts: BatchFacts = {
    count,
    base: order.base,
    manifestRoot: manifestOf(records, order.base, order.deviceClass).root(),
    deviceClass: order.deviceClass,
    scope: order.scope,
    lifetimeSeconds: order.lifetimeSeconds,
    deliveries: order.deliveries ?? (count <= MAXIMUM_DELIVERIES ? count : 0),
    registered: undefined,
  };
  try {
    return await createBatchFolder(path, records, facts, async (file) => {
      await sealChannelKeys(file, order, made.preSharedKeys);
      await writeSecrets(file, order, made, facts.deliveries);
      await writeProvisioning(file, records, facts, order, range(facts.deliveries));
    });
  } finally {
    for (const key of made.preSharedKeys.values()) key.fill(0);
  }
}

interface Made {
  readonly privateKeys: ReadonlyMap<number, KeyObject>;
  readonly preSharedKeys: ReadonlyMap<number, Uint8Array>;
}

function sizeOf(lot: DeviceLot): number {
  return "publicKeys" in lot ? lot.publicKeys.length : lot.count;
}

function makeDevices(lots: readonly DeviceLot[], records: Uint8Array): Made {
  const privateKeys = new Map<number, KeyObject>();
  const preSharedKeys = new Map<number, Uint8Array>();
  const salts = randomBytes((records.length / RECORD_LENGTH) * 32);
  let position = 0;
  for (const lot of lots) {
    for (let i = 0; i < sizeOf(lot); i++, position++) {
      const salt = salts.subarray(32 * position, 32 * position + 32);
      encodeRecord({ joinMethod: JOIN_METHOD_BITS[lot.join], key: keyOf(lot, i, position), salt }, records, position);
    }
  }
  return { privateKeys, preSharedKeys };

  function keyOf(lot: DeviceLot, i: number, at: number): DeviceKey {
    if ("publicKeys" in lot) return lot.publicKeys[i] as DeviceKey;
    if (lot.join === "pre-shared-key") {
      const preSharedKey = new Uint8Array(randomBytes(PRE_SHARED_KEY_LENGTH));
      preSharedKeys.set(at, preSharedKey);
      return softwareIdentity(preSharedIdentityKey(preSharedKey)).key;
    }
    const privateKey = generateDeviceKey(lot.keyType);
    privateKeys.set(at, privateKey);
    return softwareIdentity(privateKey).key;
  }
}

type FileOf = (...names: string[]) => string;

/** Each validator's list is a file of its own, so that whoever carries one learns nothing of another's channels. */
async function sealChannelKeys(file: FileOf, order: BatchOrder, preSharedKeys: Made["preSharedKeys"]): Promise<void> {
  if (preSharedKeys.size === 0) return;
  await mkdir(file("psk"), { mode: PRIVATE_FOLDER });
  for (const account of order.accounts) {
    const list = Buffer.alloc(preSharedKeys.size * 36);
    let at = 0;
    for (const [position, preSharedKey] of preSharedKeys) {
      const key = validatorPreSharedKey(preSharedKey, order.mesh.meshId, getBytes(account));
      list.writeUInt32BE(position, at);
      list.set(key, at + 4);
      key.fill(0);
      at += 36;
    }
    await order.sealer.write(file(...channelKeysPath(account)), channelKeysPurpose(account), list);
    list.fill(0);
  }
}

/** One validator's channel keys of a batch, by position. The caller wipes them. */
export async function channelKeys(
  batch: BatchFolder,
  sealer: Sealer,
  account: string,
): Promise<Map<number, Uint8Array>> {
  const list = await sealer.readIfPresent(batch.file(...channelKeysPath(account)), channelKeysPurpose(account));
  if (list === undefined) return new Map();
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  const keys = new Map(
    Array.from({ length: list.length / 36 }, (_, i) => [view.getUint32(36 * i), list.slice(36 * i + 4, 36 * i + 36)]),
  );
  list.fill(0);
  return keys;
}

/** One sealing key for all devices of the batch: each folder gets a copy of its header. */
async function writeSecrets(file: FileOf, order: BatchOrder, made: Made, deliveries: number): Promise<void> {
  const { master } = order;
  if (made.privateKeys.size + made.preSharedKeys.size === 0 && master === undefined) return;
  const header = file("device-seal.json");
  const sealer = await openSealer(header, order.devicePassphrase, order.deviceCost ?? DEVICE_KDF);
  try {
    for (const [position, secret] of [
      ...[...made.privateKeys].map(([at, privateKey]) => [at, { kind: "key", privateKey } as const] as const),
      ...[...made.preSharedKeys].map(
        ([at, preSharedKey]) => [at, { kind: "pre-shared-key", preSharedKey } as const] as const,
      ),
    ]) {
      const inDevice = (name: string): string => file(...deliveryPath(position), name);
      await makeFolder(file(...deliveryPath(position)));
      await copyFile(header, inDevice("seal.json"));
      await writeDelivery(sealer, inDevice, secret);
    }
    for (const position of master === undefined ? [] : range(deliveries)) {
      const inDevice = (name: string): string => file(...deliveryPath(position), name);
      await makeFolder(file(...deliveryPath(position)));
      await copyFile(header, inDevice("seal.json"));
      const root = await deviceRoot(master as KeySource, order.mesh.meshId, order.base + position);
      await sealShardRoot(sealer, inDevice, root).finally(() => root.fill(0));
    }
  } finally {
    sealer.wipe();
  }
}

/** What provisioning files say beside the batch itself. */
export type ProvisioningContext = Pick<BatchOrder, "mesh" | "periodSeconds" | "validators">;

/** Writes the provisioning files of devices by position, into their folders of the batch. */
export async function writeProvisioning(
  file: FileOf,
  records: Uint8Array,
  facts: BatchFacts,
  context: ProvisioningContext,
  positions: Iterable<number>,
): Promise<void> {
  const wanted = [...positions];
  if (wanted.length === 0) return;
  const tree = manifestOf(records, facts.base, facts.deviceClass);
  for (const position of wanted) {
    const { joinMethod, key, salt } = decodeRecord(records, position);
    const provisioning: Provisioning = {
      meshId: context.mesh.meshId,
      chainId: context.mesh.chainId,
      anchor: getBytes(context.mesh.anchor),
      rootFingerprint: context.mesh.rootFingerprint,
      validators: context.validators,
      periodSeconds: context.periodSeconds,
      lifetimeSeconds: facts.lifetimeSeconds,
      scope: facts.scope,
      joinMethod: joinMethodName(joinMethod),
      index: facts.base + position,
      enrolment: {
        fleetId: facts.registered?.fleetId ?? 0,
        batch: facts.registered?.batch ?? 0,
        root: facts.manifestRoot,
        base: facts.base,
        count: facts.count,
        salt,
        key,
        deviceClass: facts.deviceClass,
        path: tree.path(position),
      },
    };
    await makeFolder(file(...deliveryPath(position)));
    await writeAtomically(file(...deliveryPath(position), "provisioning.json"), encodeProvisioning(provisioning));
  }
}

function joinMethodName(bit: number): JoinMethod {
  const found = (Object.keys(JOIN_METHOD_BITS) as JoinMethod[]).find((name) => JOIN_METHOD_BITS[name] === bit);
  if (found !== undefined) return found;
  throw new RangeError(`there is no way to join with bit ${bit}`);
}

/**
 * Moves a batch that is not registered yet to another place in the index space.
 * @throws SwarmkeepError `batch-has-shard-roots`, since these hang on the index
 */
export async function rebaseBatch(
  batch: BatchFolder,
  base: number,
  context: ProvisioningContext,
): Promise<BatchFolder> {
  if ((await readIfPresent(batch.file(...deliveryPath(0), SHARD_ROOT_FILE))) !== undefined) {
    throw new SwarmkeepError("the batch's devices were given roots of shards for the indexes that they had", {
      kind: "usage",
      code: "batch-has-shard-roots",
      advice: "Provision the batch anew, under another name, and give the devices that.",
      details: { batch: batch.path, base: batch.facts.base },
    });
  }
  const records = await batch.records();
  const manifestRoot = manifestOf(records, base, batch.facts.deviceClass).root();
  const moved = await batch.save({ ...batch.facts, base, manifestRoot });
  await writeProvisioning(moved.file, records, moved.facts, context, range(moved.facts.deliveries));
  return moved;
}

export function range(count: number): Iterable<number> {
  return Array.from({ length: count }, (_, i) => i);
}

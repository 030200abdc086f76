/**
 * A device's root on its way to a device that no factory gave it: sealed to the identity key that the manifest lists, and kept by holders
 * beside the shards (docs/protocol.md, section 20.9). Anybody can seal to a public key, so a root is the right one only when an entry
 * under the map's root has the names that follow from it.
 */
import type { KeyObject } from "node:crypto";

import type { DeviceKey } from "../certificate/cose-key.js";
import { TAG } from "../statements/tags.js";
import { sha256, u64, wipe } from "./bytes.js";
import { KEY_LENGTH, type KeySource, type ShardContext, deviceRoot } from "./derivation.js";
import { type HpkeContext, hpkeOpen, hpkeSeal } from "./hpke.js";

/** Under which holders keep it, 32 bytes. Anybody can compute it; holders give it to its device alone. */
export function sealedRootId({ meshId, device, version }: ShardContext): Uint8Array {
  return sha256(TAG.sealedRoot, meshId, u64(device), u64(version));
}

function purposeOf({ meshId, device, version }: ShardContext): HpkeContext {
  return { info: Buffer.from(TAG.sealedRoot), associatedData: Buffer.concat([meshId, u64(device), u64(version)]) };
}

/** The root that follows from the master, sealed to `key`. @throws Error where the key is no point of its curve */
export async function sealRoot(source: KeySource, key: DeviceKey, context: ShardContext): Promise<Uint8Array> {
  const root = await deviceRoot(source, context.meshId, context.device);
  try {
    return await hpkeSeal(key, root, purposeOf(context));
  } finally {
    wipe(root);
  }
}

/** The root, which the caller wipes; undefined where it is not sealed to this key for this device and version. */
export async function openRoot(
  privateKey: KeyObject,
  context: ShardContext,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> {
  const root = await hpkeOpen(privateKey, sealed, purposeOf(context));
  if (root === undefined || root.length === KEY_LENGTH) return root;
  wipe(root);
  return undefined;
}

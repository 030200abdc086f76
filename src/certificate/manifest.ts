/**
 * Manifests: the Merkle tree over a fleet's devices, of which the ledger keeps the root (docs/protocol.md, section 3.5). The
 * device carries its own entry and path, so the ledger names no device.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { CryptoError } from "../crypto/errors.js";
import { chunks, equalBytes, toBytes } from "../crypto/bytes.js";
import { rootFromPath } from "../crypto/merkle.js";
import { PackedTree } from "../crypto/packed-tree.js";
import { MERKLE } from "../statements/tags.js";
import type { DeviceKey } from "./cose-key.js";
import type { ManifestNodes } from "./manifest-nodes.js";
import { Refusal } from "./refusal.js";

const HASH = 32;

/** One device, as the factory lists it. */
export interface ManifestEntry {
  /** The device's index in the mesh. */
  readonly index: number;
  /** 32 random bytes, known to the device: without them nobody can look for a key in the manifest. */
  readonly salt: Uint8Array;
  readonly key: DeviceKey;
  readonly deviceClass: number;
}

/** keccak256(0x00 | u64 index | salt | u8 key type | public key | u8 class) */
export function manifestLeaf({ index, salt, key, deviceClass }: ManifestEntry): Uint8Array {
  const leaf = new Uint8Array(1 + 8 + HASH + 1 + key.bytes.length + 1);
  leaf[0] = MERKLE.leaf;
  leaf.set(toBytes(index, 8), 1);
  leaf.set(salt, 9);
  leaf[9 + HASH] = key.type;
  leaf.set(key.bytes, 10 + HASH);
  leaf[leaf.length - 1] = deviceClass;
  return keccak_256(leaf);
}

/** The tree of one batch. */
export class ManifestTree extends PackedTree {
  /** @param leaves in index order, 32 bytes each (`manifestLeaf`), concatenated; at least one. @throws RangeError */
  constructor(leaves: Uint8Array) {
    super("the manifest", keccak_256, leaves);
  }
}

/** A batch, as the ledger knows it, and a device's place in it. */
export interface ManifestProof {
  readonly root: Uint8Array;
  /** The batch's indexes are base to base + count - 1. */
  readonly base: number;
  readonly count: number;
  /** Siblings bottom-up, 32 bytes each. */
  readonly path: Uint8Array;
}

/**
 * @param nodes what earlier checks of the same batch have hashed, for whoever does many.
 * @throws Refusal `not-listed` if `entry` is not in the batch.
 */
export function checkManifest(
  entry: ManifestEntry,
  { root, base, count, path }: ManifestProof,
  nodes?: ManifestNodes,
): void {
  const position = entry.index - base;
  if (position < 0 || position >= count) {
    const range = `${base} to ${base + count - 1}`;
    throw new Refusal("not-listed", `device ${entry.index} is not in the batch of devices ${range}`);
  }
  const walk = nodes?.walk(root, count);
  let found: Uint8Array;
  try {
    found = rootFromPath(keccak_256, manifestLeaf(entry), position, count, chunks(path, HASH), walk?.node);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new Refusal("not-listed", `the manifest path of device ${entry.index} is wrong: ${error.message}`, {
      cause: error,
    });
  }
  if (!equalBytes(found, root)) {
    throw new Refusal("not-listed", `device ${entry.index} with this key, salt and class is not in the manifest`);
  }
  walk?.keep();
}

/**
 * Merkle trees with an odd node promoted unchanged (docs/protocol.md, sections 3.5 and 4). The leaf's and the node's
 * first byte differ, so that a node never passes as a leaf (RFC 6962, section 2.1).
 */
import { concatBytes } from "@noble/hashes/utils.js";

import { MERKLE } from "../statements/tags.js";
import { CryptoError } from "./errors.js";

/** keccak256 for trees that a contract checks, SHA-256 for those that devices check. 32 bytes out. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

export function merkleLeaf(hash: Hash, ...content: readonly Uint8Array[]): Uint8Array {
  return hash(concatBytes(Uint8Array.of(MERKLE.leaf), ...content));
}

export function merkleNode(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(concatBytes(Uint8Array.of(MERKLE.node), left, right));
}

function levelAbove(hash: Hash, level: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
    const [left, right] = [level[2 * i] as Uint8Array, level[2 * i + 1]];
    return right === undefined ? left : merkleNode(hash, left, right);
  });
}

/** Root over leaf hashes in order. @throws CryptoError `seats` if there are none. */
export function merkleRoot(hash: Hash, leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) throw new CryptoError("seats", "a Merkle tree has at least one leaf");
  let level = leaves;
  while (level.length > 1) level = levelAbove(hash, level);
  return level[0] as Uint8Array;
}

/** Siblings of leaf `position`, bottom-up; where its node is promoted there is none. */
export function merklePath(hash: Hash, leaves: readonly Uint8Array[], position: number): Uint8Array[] {
  if (!Number.isInteger(position) || position < 0 || position >= leaves.length) {
    throw new CryptoError("seats", `position ${position} is not in a tree of ${leaves.length} leaves`);
  }
  const path: Uint8Array[] = [];
  for (let [level, at] = [leaves, position]; level.length > 1; level = levelAbove(hash, level), at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
  }
  return path;
}

/** Where a node of a tree is: leaves have height 0, and positions count from the left. */
export interface NodePlace {
  readonly height: number;
  readonly position: number;
}

/**
 * The root that `leaf` at `position` of `count` leads to along `path`.
 * @throws CryptoError `length` if the path is shorter or longer than the position's, or a sibling is not 32 bytes.
 * @param parent hashes two nodes; `merkleNode` if not given.
 */
export function rootFromPath(
  hash: Hash,
  leaf: Uint8Array,
  position: number,
  count: number,
  path: readonly Uint8Array[],
  parent = (left: Uint8Array, right: Uint8Array, _place: NodePlace): Uint8Array => merkleNode(hash, left, right),
): Uint8Array {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(position) || position < 0 || position >= count) {
    throw new CryptoError("seats", `position ${position} is not in a tree of ${count} leaves`);
  }
  let [node, at, used, height] = [leaf, position, 0, 0];
  for (let width = count; width > 1; width = Math.ceil(width / 2), at = Math.floor(at / 2)) {
    height++;
    if (at % 2 === 0 && at === width - 1) continue;
    const sibling = path[used++];
    if (sibling?.length !== 32) throw new CryptoError("length", `the Merkle path lacks sibling ${used} of 32 bytes`);
    const place = { height, position: Math.floor(at / 2) };
    node = at % 2 === 0 ? parent(node, sibling, place) : parent(sibling, node, place);
  }
  if (used !== path.length) throw new CryptoError("length", `the Merkle path has ${path.length} siblings, not ${used}`);
  return node;
}

/**
 * Upper levels of manifests, as devices have shown them. The devices of one batch share them, so a validator that enrols many
 * hashes each pair of nodes once, and not once for each device. What it answers is the same with and without.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { equalBytes } from "../crypto/bytes.js";
import { type NodePlace, merkleNode } from "../crypto/merkle.js";

const HASH = 32;
/** Levels below the root that are kept: 256 KiB a batch. */
const LEVELS = 12;
/** Batches remembered at once; the one not seen for longest is forgotten first. */
const BATCHES = 64;

/** One batch's walk from a leaf to the root. */
export interface ManifestWalk {
  /** The parent of two nodes. */
  node(left: Uint8Array, right: Uint8Array, place: NodePlace): Uint8Array;
  /** The walk has led to the manifest's root: what was hashed on it is kept. */
  keep(): void;
}

export class ManifestNodes {
  /** By root: nodes in heap order, 1 the root and 2i, 2i + 1 below i; zeros for one that is not known. */
  readonly #batches = new Map<string, Uint8Array>();

  walk(root: Uint8Array, count: number): ManifestWalk {
    const name = bytesToHex(root);
    const nodes = this.#batches.get(name);
    const depth = Math.ceil(Math.log2(count));
    const hashed: [index: number, node: Uint8Array][] = [];
    return {
      node(left, right, { height, position }) {
        const level = depth - height;
        if (level >= LEVELS) return merkleNode(keccak_256, left, right);
        const index = 2 ** level + position;
        if (isAt(nodes, 2 * index, left) && isAt(nodes, 2 * index + 1, right)) return at(nodes, index).slice();
        const parent = merkleNode(keccak_256, left, right);
        hashed.push([index, parent], [2 * index, left], [2 * index + 1, right]);
        return parent;
      },
      keep: () => {
        const kept = nodes ?? new Uint8Array(HASH << (LEVELS + 1));
        for (const [index, node] of hashed) kept.set(node, HASH * index);
        this.#batches.delete(name);
        this.#batches.set(name, kept);
        if (this.#batches.size > BATCHES) this.#batches.delete(this.#batches.keys().next().value as string);
      },
    };
  }
}

function at(nodes: Uint8Array, index: number): Uint8Array {
  return nodes.subarray(HASH * index, HASH * (index + 1));
}

function isAt(nodes: Uint8Array | undefined, index: number, node: Uint8Array): nodes is Uint8Array {
  return nodes !== undefined && equalBytes(at(nodes, index), node);
}

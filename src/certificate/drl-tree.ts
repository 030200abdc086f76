/**
 * The Merkle tree over the revocation list's words (docs/protocol.md, section 3.7): kept up to date word by word, and able
 * to prove any of them.
 *
 * Leaves are hashed with their position, so empty regions have no common hash and each leaf costs one. Only the tree above
 * groups of 64 leaves is kept: a mesh of a billion devices takes 8 MB, and a change or a proof some 150 hashes.
 */
import { sha256 } from "@noble/hashes/sha2.js";

import { MERKLE } from "../statements/tags.js";

const HASH = 32;
const GROUP_DEPTH = 6;
const GROUP = 1 << GROUP_DEPTH;
const EMPTY_WORD = new Uint8Array(HASH);

/** The largest list that a tree is built for: about a billion devices. */
export const MAXIMUM_WORDS = 1 << 22;

const leafInput = new Uint8Array(1 + 4 + HASH).fill(MERKLE.leaf, 0, 1);
const leafPosition = new DataView(leafInput.buffer);
const nodeInput = new Uint8Array(1 + 2 * HASH).fill(MERKLE.node, 0, 1);

/** SHA-256(0x00 | u32 position | word) */
export function drlLeaf(position: number, word: Uint8Array): Uint8Array {
  leafPosition.setUint32(1, position);
  leafInput.set(word, 5);
  return sha256(leafInput);
}

/** SHA-256(0x01 | left | right) */
export function drlNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH);
  return sha256(nodeInput);
}

/** Levels above the leaves of a list of `words` words: its leaves are padded to the next power of two. */
export function drlDepth(words: number): number {
  return words <= 1 ? 0 : 32 - Math.clz32(words - 1);
}

export interface WordProof {
  /** The word at the position, 32 bytes, bit 0 the least significant. */
  readonly word: Uint8Array;
  /** Siblings bottom-up, 32 bytes each. */
  readonly path: Uint8Array;
}

export class DrlTree {
  readonly #content = new Map<number, Uint8Array>();
  /** Levels from the groups' roots (0) to the root, 32 bytes per node. */
  #levels: Uint8Array[] = [];
  readonly #stale = new Set<number>();
  #words = 0;

  /** @param words length of the list: max(1, ceil(devices / 256)). */
  constructor(words: number) {
    this.resize(words);
  }

  get words(): number {
    return this.#words;
  }

  /** Grows the list: as indexes are given out, it only ever grows. @throws RangeError */
  resize(words: number): void {
    if (!Number.isInteger(words) || words < Math.max(1, this.#words) || words > MAXIMUM_WORDS) {
      throw new RangeError(`a list of ${this.#words} words cannot become one of ${words} (at most ${MAXIMUM_WORDS})`);
    }
    const groupsBefore = (this.#levels[0]?.length ?? 0) / HASH;
    this.#words = words;
    const groups = 1 << Math.max(0, drlDepth(words) - GROUP_DEPTH);
    if (groups === groupsBefore && groups > 1) return;
    this.#levels = Array.from({ length: drlDepth(groups) + 1 }, (_, level) => {
      const nodes = new Uint8Array((groups >> level) * HASH);
      nodes.set((this.#levels[level] ?? nodes).subarray(0, nodes.length));
      return nodes;
    });
    for (let group = groupsBefore > 1 ? groupsBefore : 0; group < groups; group++) this.#stale.add(group);
    // What was the root is now one node of several: any one group leads the update up along the new levels.
    this.#stale.add(0);
  }

  /** The word at `position`, 32 bytes. */
  word(position: number): Uint8Array {
    return this.#content.get(position) ?? EMPTY_WORD;
  }

  /** @param word 32 bytes, bit 0 the least significant. @throws RangeError */
  setWord(position: number, word: Uint8Array): void {
    this.#expectPosition(position);
    if (word.length !== HASH) throw new RangeError(`a word of the list takes ${HASH} bytes, not ${word.length}`);
    if (word.every((byte) => byte === 0)) this.#content.delete(position);
    else this.#content.set(position, word.slice());
    this.#stale.add(position >> GROUP_DEPTH);
  }

  root(): Uint8Array {
    this.#update();
    return (this.#levels.at(-1) as Uint8Array).slice();
  }

  /** @throws RangeError if the list has no word at `position`. */
  prove(position: number): WordProof {
    this.#expectPosition(position);
    this.#update();
    const siblings: Uint8Array[] = [];
    let at = position % GROUP;
    for (const level of this.#groupLevels(position >> GROUP_DEPTH).slice(0, -1)) {
      siblings.push(level[at ^ 1] as Uint8Array);
      at >>= 1;
    }
    let node = position >> GROUP_DEPTH;
    for (const level of this.#levels.slice(0, -1)) {
      siblings.push(level.subarray((node ^ 1) * HASH, ((node ^ 1) + 1) * HASH));
      node >>= 1;
    }
    const path = new Uint8Array(siblings.length * HASH);
    for (const [height, sibling] of siblings.entries()) path.set(sibling, height * HASH);
    return { word: this.word(position).slice(), path };
  }

  #expectPosition(position: number): void {
    if (!Number.isInteger(position) || position < 0 || position >= this.#words) {
      throw new RangeError(`the list has words 0 to ${this.#words - 1}, and none at ${position}`);
    }
  }

  /** All levels of one group, from its leaves to its root. */
  #groupLevels(group: number): Uint8Array[][] {
    const width = 1 << Math.min(GROUP_DEPTH, drlDepth(this.#words));
    const first = group << GROUP_DEPTH;
    const levels = [Array.from({ length: width }, (_, i) => drlLeaf(first + i, this.word(first + i)))];
    for (let below = levels[0] as Uint8Array[]; below.length > 1; below = levels.at(-1) as Uint8Array[]) {
      levels.push(
        Array.from({ length: below.length / 2 }, (_, i) =>
          drlNode(below[2 * i] as Uint8Array, below[2 * i + 1] as Uint8Array),
        ),
      );
    }
    return levels;
  }

  #update(): void {
    let changed = new Set(this.#stale);
    for (const group of changed) {
      const [root] = this.#groupLevels(group).at(-1) as [Uint8Array];
      (this.#levels[0] as Uint8Array).set(root, group * HASH);
    }
    for (let height = 1; height < this.#levels.length; height++) {
      const [below, level] = [this.#levels[height - 1], this.#levels[height]] as [Uint8Array, Uint8Array];
      changed = new Set([...changed].map((node) => node >> 1));
      for (const node of changed) {
        const left = 2 * node * HASH;
        const hash = drlNode(below.subarray(left, left + HASH), below.subarray(left + HASH, left + 2 * HASH));
        level.set(hash, node * HASH);
      }
    }
    this.#stale.clear();
  }
}

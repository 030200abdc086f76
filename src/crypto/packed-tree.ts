/**
 * The tree of `merkle.ts` over many leaves, kept whole: levels as flat bytes, so that a million leaves take 64 MB and every path is
 * read off without a hash.
 */
import { MERKLE } from "../statements/tags.js";
import type { Hash } from "./merkle.js";

const HASH = 32;

export class PackedTree {
  /** Levels from the leaves to the root, 32 bytes per node. */
  readonly #levels: Uint8Array[];
  readonly #name: string;

  /**
   * @param name of what it is the tree of, for errors.
   * @param leaves in order, 32 bytes each, concatenated; at least one. They are not copied. @throws RangeError
   */
  constructor(name: string, hash: Hash, leaves: Uint8Array) {
    if (leaves.length === 0 || leaves.length % HASH !== 0) {
      throw new RangeError(`${name} takes one or more leaves of ${HASH} bytes, not ${leaves.length} bytes`);
    }
    this.#name = name;
    this.#levels = [leaves];
    for (let below = leaves; below.length > HASH; below = this.#levels.at(-1) as Uint8Array) {
      this.#levels.push(levelAbove(hash, below));
    }
  }

  get count(): number {
    return (this.#levels[0] as Uint8Array).length / HASH;
  }

  root(): Uint8Array {
    return (this.#levels.at(-1) as Uint8Array).slice();
  }

  /** Siblings of the leaf at `position`, bottom-up, concatenated; a promoted node has none. @throws RangeError */
  path(position: number): Uint8Array {
    if (!Number.isInteger(position) || position < 0 || position >= this.count) {
      throw new RangeError(`${this.#name} has positions 0 to ${this.count - 1}, and none at ${position}`);
    }
    const path: number[] = [];
    for (const [height, level] of this.#levels.slice(0, -1).entries()) {
      const sibling = ((position >> height) ^ 1) * HASH;
      path.push(...level.subarray(sibling, sibling + HASH));
    }
    return Uint8Array.from(path);
  }
}

function levelAbove(hash: Hash, below: Uint8Array): Uint8Array {
  const width = below.length / HASH;
  const level = new Uint8Array(Math.ceil(width / 2) * HASH);
  const node = new Uint8Array(1 + 2 * HASH).fill(MERKLE.node, 0, 1);
  for (let left = 0; left + 1 < width; left += 2) {
    node.set(below.subarray(left * HASH, (left + 2) * HASH), 1);
    level.set(hash(node), (left / 2) * HASH);
  }
  if (width % 2 === 1) level.set(below.subarray(-HASH), level.length - HASH);
  return level;
}

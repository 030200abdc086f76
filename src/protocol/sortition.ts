/**
 * The weighted draw off the ledger, from weights that anyone can read there (docs/protocol.md, section 13;
 * `contracts/libraries/Sortition.sol` and `SumTree.sol`, byte for byte). A beacon and the weights at the freeze fix one
 * permutation of the candidates: member k is drawn among those that members 0 to k - 1 leave, each with the probability of
 * its weight over the sum of the weights left.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { SORTITION } from "../statements/sortition.js";
import { TAG } from "../statements/tags.js";

/** How one member of the permutation came about. */
export interface DrawStep {
  /** Position in the permutation, from 0. */
  readonly k: number;
  /** The leaf drawn, which is the candidate's number. */
  readonly leaf: number;
  readonly weight: number;
  /** Sum of the weights that were left before it. */
  readonly sum: number;
  /** What the beacon gave, below `sum`: the leaf's stretch [`from`, `from + weight`) has it. */
  readonly point: number;
  readonly from: number;
}

const DRAW_TAG = utf8ToBytes(TAG.draw);

/** keccak256(tag | beacon | u32 k) modulo `sum`: a bias of at most sum / 2^256, below 2^-224. */
export function drawPoint(beacon: Uint8Array, k: number, sum: number): number {
  const counter = Uint8Array.of(k >>> 24, (k >>> 16) & 255, (k >>> 8) & 255, k & 255);
  return Number(BigInt(`0x${bytesToHex(keccak_256(concatBytes(DRAW_TAG, beacon, counter)))}`) % BigInt(sum));
}

/**
 * The permutation from its first member on; it ends where the weights do.
 * @param weights by leaf; a leaf without weight is never drawn.
 * @throws RangeError naming the weight, the number of leaves or the beacon's length that is out of range.
 */
export function* permutation(weights: readonly number[], beacon: Uint8Array): Generator<DrawStep, void, void> {
  if (beacon.length !== 32) throw new RangeError(`a beacon has 32 bytes, not ${beacon.length}`);
  if (weights.length > SORTITION.capacity) {
    throw new RangeError(`a draw is among at most ${SORTITION.capacity} candidates, not ${weights.length}`);
  }
  for (const [leaf, weight] of weights.entries()) {
    if (!Number.isInteger(weight) || weight < 0 || weight > SORTITION.maximumWeight) {
      throw new RangeError(`the weight of leaf ${leaf} is 0 to ${SORTITION.maximumWeight}, not ${weight}`);
    }
  }

  const left = new PrefixSums(weights);
  for (let k = 0; left.sum > 0; k++) {
    const { sum } = left;
    const point = drawPoint(beacon, k, sum);
    const { leaf, from } = left.find(point);
    const weight = weights[leaf] as number;
    left.take(leaf, weight);
    yield { k, leaf, weight, sum, point, from };
  }
}

/**
 * Leaves of members `from` to `from + count - 1`; fewer where the weights end before.
 * @throws RangeError as {@link permutation} does.
 */
export function drawMembers(weights: readonly number[], beacon: Uint8Array, from: number, count: number): number[] {
  const members: number[] = [];
  for (const { k, leaf } of permutation(weights, beacon)) {
    if (k >= from + count) break;
    if (k >= from) members.push(leaf);
  }
  return members;
}

/** A binary indexed tree (Fenwick 1994): the same answers as the ledger's tree, which has its radix from the price of a word. */
class PrefixSums {
  sum = 0;
  readonly #sums: Float64Array;
  readonly #top: number;

  constructor(weights: readonly number[]) {
    const size = weights.length;
    this.#sums = new Float64Array(size + 1);
    for (let node = 1; node <= size; node++) {
      const weight = weights[node - 1] as number;
      this.sum += weight;
      this.#sums[node] = (this.#sums[node] as number) + weight;
      const parent = node + (node & -node);
      if (parent <= size) this.#sums[parent] = (this.#sums[parent] as number) + (this.#sums[node] as number);
    }
    this.#top = size === 0 ? 0 : 2 ** Math.floor(Math.log2(size));
  }

  /** The leaf whose stretch has `point`, and where that begins. */
  find(point: number): { leaf: number; from: number } {
    let node = 0;
    let from = 0;
    for (let step = this.#top; step > 0; step >>= 1) {
      const next = node + step;
      if (next < this.#sums.length && from + (this.#sums[next] as number) <= point) {
        node = next;
        from += this.#sums[next] as number;
      }
    }
    return { leaf: node, from };
  }

  take(leaf: number, weight: number): void {
    this.sum -= weight;
    for (let node = leaf + 1; node < this.#sums.length; node += node & -node) {
      this.#sums[node] = (this.#sums[node] as number) - weight;
    }
  }
}

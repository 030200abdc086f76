/** The revocation bitmap as it was at any block (docs/protocol.md, section 3.6). */
import { History } from "./history.js";

/** The two maps of one word, 256 bits each. */
export interface RevocationWord {
  /** Final. */
  readonly revoked: bigint;
  /** By the registrar, until released. */
  readonly held: bigint;
}

const EMPTY: RevocationWord = { revoked: 0n, held: 0n };

export class RevocationBitmap {
  readonly #words = new Map<number, History<RevocationWord>>();
  /** Words in the order in which they were touched, for comparing two blocks without reading all. */
  readonly #touched: { readonly block: number; readonly word: number }[] = [];

  /** Changes some words in `block`. */
  change(
    block: number,
    words: readonly bigint[],
    masks: readonly bigint[],
    to: (before: RevocationWord, mask: bigint) => RevocationWord,
  ): void {
    for (const [index, position] of words.entries()) {
      const word = Number(position);
      const history = this.#words.get(word) ?? new History<RevocationWord>();
      this.#words.set(word, history);
      history.set(block, to(history.latest ?? EMPTY, masks[index] ?? 0n));
      this.#touched.push({ block, word });
    }
  }

  /** Both maps of a word after all of `block`. */
  at(word: number, block: number): RevocationWord {
    return this.#words.get(word)?.at(block) ?? EMPTY;
  }

  /** What heads commit to: revoked | held. */
  effective(word: number, block: number): bigint {
    const { revoked, held } = this.at(word, block);
    return revoked | held;
  }

  /** Words that were ever touched, ascending: all others are zero. */
  touchedWords(): readonly number[] {
    return [...this.#words.keys()].sort((a, b) => a - b);
  }

  /** Whether any effective word differs between two blocks; a hold released in between does not count. */
  differs(fromBlock: number, toBlock: number): boolean {
    for (let index = this.#touched.length - 1; index >= 0; index--) {
      const touched = this.#touched[index];
      if (touched === undefined || touched.block <= fromBlock) return false;
      if (touched.block > toBlock) continue;
      if (this.effective(touched.word, fromBlock) !== this.effective(touched.word, toBlock)) return true;
    }
    return false;
  }
}

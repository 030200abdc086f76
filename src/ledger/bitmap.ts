/** The revocation bitmap as it was at any block (docs/protocol.md, section 3.6). */
import { History } from "./history.js";

/** The two maps of one word, 256 bits each. */
export interface RevocationWord {
  /** Final. */
  readonly revoked: bigint;
  /** By the registrar, until released. */
  readonly held: bigint;
}

/** Hex digits of an entry, and of the word's number at its beginning. */
const ENTRY_DIGITS = 72;
const WORD_DIGITS = 8;

const EMPTY: RevocationWord = { revoked: 0n, held: 0n };

export class RevocationBitmap {
  readonly #words = new Map<number, History<RevocationWord>>();
  /** Words in the order in which they were touched, for comparing two blocks without reading all. */
  readonly #touched: { readonly block: number; readonly word: number }[] = [];

  /**
   * Changes some words in `block`.
   * @param entries of an event: 36 bytes each in hex, word in 4 bytes and mask in 32.
   */
  change(block: number, entries: string, to: (before: RevocationWord, mask: bigint) => RevocationWord): void {
    for (let at = 2; at < entries.length; at += ENTRY_DIGITS) {
      const word = Number.parseInt(entries.slice(at, at + WORD_DIGITS), 16);
      const mask = BigInt(`0x${entries.slice(at + WORD_DIGITS, at + ENTRY_DIGITS)}`);
      const history = this.#words.get(word) ?? new History<RevocationWord>();
      this.#words.set(word, history);
      history.set(block, to(history.latest ?? EMPTY, mask));
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

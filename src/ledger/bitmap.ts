/** The revocation bitmap as it was at any block (docs/protocol.md, section 3.6). */
import { History } from "./history.js";

/** The two maps of one word, 256 bits each. */
export interface RevocationWord {
  /** Final. */
  readonly revoked: bigint;
  /** By the registrar, until released. */
  readonly held: bigint;
}

/** A bit that is set in the effective word. */
export interface ListedBit {
  readonly bit: number;
  /** The block since which it has been set without a break. */
  readonly since: number;
  /** Held and not revoked. */
  readonly held: boolean;
}

/** Hex digits of an entry, and of the word's number at its beginning. */
const ENTRY_DIGITS = 72;
const WORD_DIGITS = 8;
const WORD_BITS = 256;

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

  /** Whether a device is revoked or held as things stand, or after all of `block`. */
  lists(index: number, block?: number): boolean {
    const word = Math.floor(index / WORD_BITS);
    const { revoked, held } = block === undefined ? (this.#words.get(word)?.latest ?? EMPTY) : this.at(word, block);
    return (((revoked | held) >> BigInt(index % WORD_BITS)) & 1n) === 1n;
  }

  /** What heads commit to: revoked | held. */
  effective(word: number, block: number): bigint {
    const { revoked, held } = this.at(word, block);
    return revoked | held;
  }

  /** The bits set in a word after all of `block`, ascending. */
  listedSince(word: number, block: number): ListedBit[] {
    const now = this.at(word, block);
    let open = now.revoked | now.held;
    const since = new Map<number, number>();
    // Backwards: a bit has been set since the earliest version up to which it is set in all.
    for (const version of this.#words.get(word)?.before(block) ?? []) {
      open &= version.value.revoked | version.value.held;
      if (open === 0n) break;
      for (const bit of bitsOf(open)) since.set(bit, version.block);
    }
    return [...since]
      .map(([bit, from]) => ({ bit, since: from, held: ((now.revoked >> BigInt(bit)) & 1n) === 0n }))
      .sort((a, b) => a.bit - b.bit);
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

function bitsOf(word: bigint): number[] {
  const bits: number[] = [];
  for (let rest = word, bit = 0; rest > 0n; rest >>= 1n, bit++) if ((rest & 1n) === 1n) bits.push(bit);
  return bits;
}

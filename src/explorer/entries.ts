/** The `entries` of the revocation list's events: 36 bytes for each word, as device indexes that people read. */

export interface Entry {
  readonly word: number;
  /** 32 bytes, device 256 * word in the lowest bit of the last. */
  readonly mask: Uint8Array;
}

const DIGITS = 72;
const WORD_DIGITS = 8;
const WORD_BITS = 256;

/** @param entries in hexadecimal; what is no whole entry at the end is left out. */
export function* entriesOf(entries: string): Generator<Entry> {
  for (let at = 2; at + DIGITS <= entries.length; at += DIGITS) {
    yield {
      word: Number.parseInt(entries.slice(at, at + WORD_DIGITS), 16),
      mask: new Uint8Array(Buffer.from(entries.slice(at + WORD_DIGITS, at + DIGITS), "hex")),
    };
  }
}

export function bitsOf(mask: Uint8Array): number {
  let bits = 0;
  for (let byte of mask) for (; byte !== 0; byte &= byte - 1) bits++;
  return bits;
}

/** Runs of neighbouring devices, `[first, last]`, at most `limit` of them. */
export function runsOf({ word, mask }: Entry, limit: number): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let bit = 0; bit < WORD_BITS; bit++) {
    if ((((mask[31 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 0) continue;
    const index = word * WORD_BITS + bit;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else if (runs.length === limit) break;
    else runs.push([index, index]);
  }
  return runs;
}

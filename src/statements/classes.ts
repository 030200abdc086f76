/** Coarse classes from 0 to 15, packed 4 bits each from the least significant on (`contracts/libraries/Classes.sol`). */
export const CLASSES = {
  bits: 4n,
  best: 15,
  /** How many are in a word. */
  inWord: 64,
} as const;

export function classAt(packed: bigint, position: number): number {
  return Number((packed >> (CLASSES.bits * BigInt(position))) & BigInt(CLASSES.best));
}

/** @throws RangeError for more classes than a word has, or one that is not 0 to 15. */
export function packClasses(classes: readonly number[]): bigint {
  if (classes.length > CLASSES.inWord)
    throw new RangeError(`a word has ${CLASSES.inWord} classes, not ${classes.length}`);
  return classes.reduceRight((packed, value) => {
    if (!Number.isInteger(value) || value < 0 || value > CLASSES.best) {
      throw new RangeError(`a class is 0 to ${CLASSES.best}, not ${value}`);
    }
    return (packed << CLASSES.bits) | BigInt(value);
  }, 0n);
}

export function unpackClasses(packed: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, position) => classAt(packed, position));
}

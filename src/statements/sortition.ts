/** Sizes of the draw (docs/protocol.md, section 13; `contracts/libraries/SumTree.sol`, with which a test compares them). */
export const SORTITION = {
  /** Leaves of the sum tree, 8^5. */
  capacity: 32_768,
  /** The largest weight of one candidate, 2^17 - 1: all together stay below 2^32. */
  maximumWeight: 131_071,
} as const;

/** What a candidate's weight is made of (`contracts/libraries/CandidateWeight.sol`). */
export const WEIGHT = {
  /** What the minimum stake weighs at the best quality and reputation. */
  units: 1_000n,
  /** Factors, in 256ths, of class 0; those of class 15 are 256. */
  leastQuality: 128n,
  leastReputation: 192n,
  one: 256n,
  /** The reputation of whom nobody has seen in office yet. */
  neutral: 8,
} as const;

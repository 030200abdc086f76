/** Sizes of the draw (docs/protocol.md, section 13; `contracts/libraries/SumTree.sol`, with which a test compares them). */
export const SORTITION = {
  /** Leaves of the sum tree, 8^5. */
  capacity: 32_768,
  /** The largest weight of one candidate, 2^17 - 1: all together stay below 2^32. */
  maximumWeight: 131_071,
  /** What the minimum stake weighs (`contracts/libraries/CandidateWeight.sol`). */
  unitsOfMinimumStake: 1_000n,
} as const;

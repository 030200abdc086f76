/** Sizes of a committee, computed and never configured (docs/protocol.md, section 1; `contracts/libraries/Quorum.sol`). */
export interface Quorum {
  /** Seats of the committee. */
  readonly n: number;
  /** Members that may be faulty: floor((n - 1) / 3). */
  readonly f: number;
  /** Shares that make a signature: floor((n + f) / 2) + 1, so that any two signatures share an honest signer. */
  readonly t: number;
  /** Acknowledgements that put a committee into office: n - f. */
  readonly a: number;
}

/** The smallest committee that tolerates a fault. */
export const MINIMUM_COMMITTEE = 4;
/**
 * The smallest committee for open admission: with a fifth of the weight an attacker gets t seats in a year of daily epochs with a
 * probability below 1e-5 (`npm run simulate -- sybil`; docs/threat-model.md).
 */
export const MINIMUM_OPEN_COMMITTEE = 31;
/** The parameter `admission` of a mesh in which whoever stakes is a candidate. */
export const OPEN_ADMISSION = 1;
/** The largest committee whose dealing fits the gas figures. */
export const MAXIMUM_COMMITTEE = 32;

/** @throws RangeError if `n` is not an integer from 4 to 32. */
export function quorumOf(n: number): Quorum {
  if (!Number.isInteger(n) || n < MINIMUM_COMMITTEE || n > MAXIMUM_COMMITTEE) {
    throw new RangeError(`a committee has ${MINIMUM_COMMITTEE} to ${MAXIMUM_COMMITTEE} seats, not ${n}`);
  }
  const f = Math.floor((n - 1) / 3);
  return { n, f, t: Math.floor((n + f) / 2) + 1, a: n - f };
}

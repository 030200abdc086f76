/**
 * What a candidate weighs in the draw: stake x measured quality x reputation (docs/protocol.md, section 13.4;
 * `contracts/libraries/CandidateWeight.sol`, with which a test compares this).
 */
import { CLASSES } from "../statements/classes.js";
import { SORTITION, WEIGHT } from "../statements/sortition.js";

export interface WeightInputs {
  /** Wei; zero for a candidate that must not be drawn: not active, jailed, or under half of the minimum. */
  readonly stake: bigint;
  /** Wei, above zero. */
  readonly minimumStake: bigint;
  /** Classes, 0 to 15. */
  readonly quality: number;
  readonly reputation: number;
}

export interface Weight {
  /** 1,000 x stake / minimum stake, at most what a leaf holds. */
  readonly units: number;
  /** In 256ths. */
  readonly qualityFactor: number;
  readonly reputationFactor: number;
  readonly weight: number;
}

/** @throws RangeError for a class, a stake or a minimum that is out of range. */
export function candidateWeight({ stake, minimumStake, quality, reputation }: WeightInputs): Weight {
  if (minimumStake <= 0n || stake < 0n) throw new RangeError(`a stake of ${stake} is no part of ${minimumStake}`);
  const all = (WEIGHT.units * stake) / minimumStake;
  const most = BigInt(SORTITION.maximumWeight);
  const units = all > most ? most : all;
  const qualityFactor = factor(WEIGHT.leastQuality, quality);
  const reputationFactor = factor(WEIGHT.leastReputation, reputation);
  return {
    units: Number(units),
    qualityFactor: Number(qualityFactor),
    reputationFactor: Number(reputationFactor),
    weight: Number((units * qualityFactor * reputationFactor) / (WEIGHT.one * WEIGHT.one)),
  };
}

function factor(least: bigint, value: number): bigint {
  if (!Number.isInteger(value) || value < 0 || value > CLASSES.best) {
    throw new RangeError(`a class is 0 to ${CLASSES.best}, not ${value}`);
  }
  return least + ((WEIGHT.one - least) * BigInt(value)) / BigInt(CLASSES.best);
}

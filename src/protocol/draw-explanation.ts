/**
 * Why a candidate was drawn into a committee, or was not: a draw replayed from what the ledger says, in numbers and in words
 * (docs/protocol.md, section 13.4).
 */
import { CLASSES } from "../statements/classes.js";
import { SwarmkeepError } from "../statements/errors.js";
import { formatEther } from "../statements/ether.js";
import { WEIGHT } from "../statements/sortition.js";
import { type DrawStep, permutation } from "./sortition.js";
import { type Weight, type WeightInputs, candidateWeight } from "./weight.js";

/** A candidate as it was when its weight was computed last before the freeze. */
export interface DrawCandidate {
  readonly account: string;
  /** What its weight was made of; undefined where it never had one. */
  readonly weighedBy: WeightInputs | undefined;
  /** Why it weighs nothing: not active, jailed, too little stake. */
  readonly barred: string | undefined;
}

export interface DrawInputs {
  readonly epoch: bigint;
  /** 32 bytes. */
  readonly beacon: Uint8Array;
  readonly seats: number;
  /** By rank, as frozen. */
  readonly weights: readonly number[];
  /** By rank. */
  readonly candidates: readonly DrawCandidate[];
  /** Accounts that took office; undefined where the turn has not come that far. */
  readonly committee: readonly string[] | undefined;
  /** Whether the epoch began without the drawn: by a re-key, a recovery, or because office went back. */
  readonly isDisplaced?: boolean;
}

export interface Explanation extends DrawCandidate {
  readonly rank: number;
  /** The weight as frozen, and how stake, quality and reputation made it. */
  readonly weight: number;
  readonly made: Weight | undefined;
  /** Its part of all weights, 0 to 1. */
  readonly share: number;
  /** Position in the permutation, from 1; undefined without a weight. */
  readonly position: number | undefined;
  /** How the draw came to it: see {@link DrawStep}. */
  readonly step: DrawStep | undefined;
  readonly outcome: "seated" | "drawn, not seated" | "replacement, seated" | "not drawn" | "no weight";
  readonly words: string;
}

/**
 * All candidates of a draw, in the order of the permutation, those without weight last.
 * @throws SwarmkeepError `weight-differs` if a weight is not what stake, quality and reputation make.
 */
export function explainDraw(inputs: DrawInputs): Explanation[] {
  const { weights, candidates, beacon } = inputs;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const steps = new Map([...permutation(weights, beacon)].map((step) => [step.leaf, step]));
  return candidates
    .map((candidate, rank) => explain(inputs, candidate, rank, steps.get(rank), total))
    .toSorted((a, b) => (a.position ?? Infinity) - (b.position ?? Infinity) || a.rank - b.rank);
}

function explain(
  { epoch, seats, weights, committee, isDisplaced = false }: DrawInputs,
  candidate: DrawCandidate,
  rank: number,
  step: DrawStep | undefined,
  total: number,
): Explanation {
  const weight = weights[rank] ?? 0;
  const made = candidate.weighedBy === undefined ? undefined : candidateWeight(candidate.weighedBy);
  if ((made?.weight ?? 0) !== weight) {
    const { account } = candidate;
    throw new SwarmkeepError(
      `${account} weighs ${made?.weight ?? 0} by what is known of it, and ${weight} in the draw`,
      {
        kind: "refused",
        code: "weight-differs",
        advice: "The events that the ledger's endpoint gave contradict one another: ask another endpoint.",
        details: { account, expected: made?.weight ?? 0, found: weight },
      },
    );
  }
  const share = total === 0 ? 0 : weight / total;
  const position = step === undefined ? undefined : step.k + 1;
  const isSeated = committee?.some((account) => account.toLowerCase() === candidate.account.toLowerCase());
  const outcome = outcomeOf(position, seats, isSeated);
  const facts = { ...candidate, rank, weight, made, share, position, step, outcome };
  const stands = committee !== undefined ? "in office" : isDisplaced ? "displaced" : "drawn";
  return { ...facts, words: wordsOf(facts, epoch, seats, stands) };
}

function outcomeOf(position: number | undefined, seats: number, isSeated: boolean | undefined): Explanation["outcome"] {
  if (position === undefined) return "no weight";
  if (position <= seats) return isSeated === false ? "drawn, not seated" : "seated";
  return isSeated === true ? "replacement, seated" : "not drawn";
}

/** How each sentence begins, by what became of the draw. */
const PLACES = {
  "in office": (epoch: bigint): string => `in the committee of epoch ${epoch}`,
  drawn: (epoch: bigint): string => `drawn for the committee of epoch ${epoch}, which is not in office yet`,
  displaced: (epoch: bigint): string =>
    `among the drawn of epoch ${epoch}, whose committee came by a re-key, a recovery or a reversion instead`,
} as const;

function wordsOf(facts: Omit<Explanation, "words">, epoch: bigint, seats: number, stands: keyof typeof PLACES): string {
  const { account, weighedBy, made, weight, share, position, step, outcome, barred } = facts;
  if (position === undefined || step === undefined || weighedBy === undefined || made === undefined) {
    return `${account} could not be drawn for epoch ${epoch}: ${barred ?? "it had no weight when the weights were locked"}.`;
  }
  const chance = `${(100 * share).toFixed(2)}% of all`;
  const { stake, quality, reputation } = weighedBy;
  const parts =
    `its stake of ${formatEther(stake)} counted ${made.units}, times ${percent(made.qualityFactor)} for quality ` +
    `${quality} of ${CLASSES.best}, times ${percent(made.reputationFactor)} for reputation ${reputation} of ${CLASSES.best}`;
  const weighed = `It weighed ${weight} (${chance}): ${parts}.`;
  const drawn = `The beacon gave ${step.point} of ${step.sum} for place ${position}, and ${step.from} to ${step.from + weight - 1} were its.`;
  const verdicts: Record<Exclude<Explanation["outcome"], "no weight">, string> = {
    seated: `it came at place ${position}, within the ${seats} seats`,
    "drawn, not seated": `it came at place ${position} of ${seats}, but did not take its seat in time, so the next one did`,
    "replacement, seated": `it came at place ${position}, after the ${seats} seats, and replaced one that did not come`,
    "not drawn": `it came at place ${position}, after the ${seats} seats`,
  };
  const verdict = verdicts[outcome as keyof typeof verdicts];
  const is = outcome === "seated" || outcome === "replacement, seated" ? "is" : "is not";
  return `${account} ${is} ${PLACES[stands](epoch)}: ${verdict}. ${weighed} ${drawn}`;
}

function percent(factor: number): string {
  return `${((100 * factor) / Number(WEIGHT.one)).toFixed(1)}%`;
}

/**
 * Why a candidate was drawn into a committee, or was not: a draw replayed from what the ledger says, in numbers and in words
 * (docs/protocol.md, section 13.4).
 */
import { type DrawStep, permutation } from "./sortition.js";

/** A candidate as it was when its weight was computed last before the freeze. */
export interface DrawCandidate {
  readonly account: string;
  /** Wei; undefined where the account is not registered. */
  readonly stake: bigint | undefined;
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
}

export interface Explanation extends DrawCandidate {
  readonly rank: number;
  readonly weight: number;
  /** Its part of all weights, 0 to 1. */
  readonly share: number;
  /** Position in the permutation, from 1; undefined without a weight. */
  readonly position: number | undefined;
  /** How the draw came to it: see {@link DrawStep}. */
  readonly step: DrawStep | undefined;
  readonly outcome: "seated" | "drawn, not seated" | "replacement, seated" | "not drawn" | "no weight";
  readonly words: string;
}

/** All candidates of a draw, in the order of the permutation, those without weight last. */
export function explainDraw(inputs: DrawInputs): Explanation[] {
  const { weights, candidates, beacon } = inputs;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const steps = new Map([...permutation(weights, beacon)].map((step) => [step.leaf, step]));
  return candidates
    .map((candidate, rank) => explain(inputs, candidate, rank, steps.get(rank), total))
    .toSorted((a, b) => (a.position ?? Infinity) - (b.position ?? Infinity) || a.rank - b.rank);
}

function explain(
  { epoch, seats, weights, committee }: DrawInputs,
  candidate: DrawCandidate,
  rank: number,
  step: DrawStep | undefined,
  total: number,
): Explanation {
  const weight = weights[rank] ?? 0;
  const share = total === 0 ? 0 : weight / total;
  const position = step === undefined ? undefined : step.k + 1;
  const isSeated = committee?.some((account) => account.toLowerCase() === candidate.account.toLowerCase());
  const outcome = outcomeOf(position, seats, isSeated);
  const facts = { ...candidate, rank, weight, share, position, step, outcome };
  return { ...facts, words: wordsOf(facts, epoch, seats) };
}

function outcomeOf(position: number | undefined, seats: number, isSeated: boolean | undefined): Explanation["outcome"] {
  if (position === undefined) return "no weight";
  if (position <= seats) return isSeated === false ? "drawn, not seated" : "seated";
  return isSeated === true ? "replacement, seated" : "not drawn";
}

function wordsOf(facts: Omit<Explanation, "words">, epoch: bigint, seats: number): string {
  const { account, stake, weight, share, position, step, outcome, barred } = facts;
  if (position === undefined || step === undefined) {
    return `${account} could not be drawn for epoch ${epoch}: ${barred ?? "it had no weight when the weights were locked"}.`;
  }
  const chance = `${(100 * share).toFixed(2)}% of all`;
  const made = `It weighed ${weight} (${chance}) by its stake of ${ether(stake ?? 0n)} ETH.`;
  const drawn = `The beacon gave ${step.point} of ${step.sum} for place ${position}, and ${step.from} to ${step.from + weight - 1} were its.`;
  const verdicts: Record<Exclude<Explanation["outcome"], "no weight">, string> = {
    seated: `it came at place ${position}, within the ${seats} seats`,
    "drawn, not seated": `it came at place ${position} of ${seats}, but did not take its seat in time, so the next one did`,
    "replacement, seated": `it came at place ${position}, after the ${seats} seats, and replaced one that did not come`,
    "not drawn": `it came at place ${position}, after the ${seats} seats`,
  };
  const verdict = verdicts[outcome as keyof typeof verdicts];
  const is = outcome === "seated" || outcome === "replacement, seated" ? "is" : "is not";
  return `${account} ${is} in the committee of epoch ${epoch}: ${verdict}. ${made} ${drawn}`;
}

/** Every digit of it. */
function ether(wei: bigint): string {
  const digits = wei.toString().padStart(19, "0");
  return `${digits.slice(0, -18)}.${digits.slice(-18)}`.replace(/\.?0+$/, "");
}

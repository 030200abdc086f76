/**
 * What an attacker with a share of the weight gets of a drawn committee: exact probabilities of f + 1 seats, with which it can
 * halt the mesh, and of t seats, with which it is the mesh (docs/threat-model.md).
 *
 * - `open`: anyone may stake under as many names as it likes, so many candidates share the weight and a seat is one draw with
 *   probability p: binomial. This is the limit that the hypergeometric law comes to from below the larger the swarm is.
 * - `permissioned`: one candidate for each operator; an attacker that controls m of N candidates of equal weight: hypergeometric.
 */
import { quorumOf } from "../statements/quorum.js";

/** log of n! for small n, exact to double precision by summation. */
const LOG_FACTORIALS: number[] = [0];

function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= n; i++) {
    LOG_FACTORIALS.push((LOG_FACTORIALS[i - 1] as number) + Math.log(i));
  }
  return LOG_FACTORIALS[n] as number;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** P(exactly k of n seats), each seat the attacker's with probability p, independently. */
export function binomial(n: number, p: number, k: number): number {
  if (k < 0 || k > n) return 0;
  if (p === 0 || p === 1) return k === n * p ? 1 : 0;
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/** P(exactly k of `seats` seats) for an attacker with `bad` of `candidates` candidates of equal weight. */
export function hypergeometric(candidates: number, bad: number, seats: number, k: number): number {
  if (k < 0 || k > seats || k > bad || seats - k > candidates - bad) return 0;
  return Math.exp(logChoose(bad, k) + logChoose(candidates - bad, seats - k) - logChoose(candidates, seats));
}

/** Who may be a candidate; `permissioned` with the number of candidates, of equal weight. */
export type Admission = { readonly mode: "open" } | { readonly mode: "permissioned"; readonly candidates: number };

/** Probabilities in one epoch. */
export interface CommitteeOdds {
  /** Of f + 1 seats or more: the others are fewer than t, so nothing is signed against the attacker's will. */
  readonly halt: number;
  /** Of t seats or more: the attacker signs alone. */
  readonly capture: number;
}

/**
 * @param share of the weight that is the attacker's, 0 to 1. In permissioned mode it is rounded to whole candidates.
 * @throws RangeError for a share or a number of candidates that is out of range, and for a committee of no size.
 */
export function committeeOdds(n: number, share: number, admission: Admission): CommitteeOdds {
  const { f, t } = quorumOf(n);
  if (!(share >= 0 && share <= 1)) throw new RangeError(`a share of the weight is 0 to 1, not ${share}`);
  const seats = distribution(n, share, admission);
  return { halt: atLeast(seats, f + 1), capture: atLeast(seats, t) };
}

/** P(k seats) for k = 0 to n. */
export function distribution(n: number, share: number, admission: Admission): number[] {
  const range = Array.from({ length: n + 1 }, (_, k) => k);
  if (admission.mode === "open") return range.map((k) => binomial(n, share, k));
  const { candidates } = admission;
  if (!Number.isInteger(candidates) || candidates < n || candidates > 1_000_000) {
    throw new RangeError(`a committee of ${n} is drawn from ${n} to 1000000 candidates, not ${candidates}`);
  }
  const bad = Math.round(share * candidates);
  return range.map((k) => hypergeometric(candidates, bad, n, k));
}

/** P(at least once in `epochs`), exact also where p is tiny. */
export function cumulative(p: number, epochs: number): number {
  return p >= 1 ? 1 : -Math.expm1(epochs * Math.log1p(-p));
}

function atLeast(probabilities: readonly number[], least: number): number {
  // Smallest first, so that nothing is lost in the sum.
  return Math.min(
    1,
    probabilities
      .slice(least)
      .sort((a, b) => a - b)
      .reduce((sum, one) => sum + one, 0),
  );
}

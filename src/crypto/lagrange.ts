/** Polynomials over a scalar field: evaluation, commitments, interpolation (Shamir 1979; Feldman 1987). */
import type { Randomness } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { commit, modulo, randomScalar, smallMultiple, type Group, type GroupPoint } from "./group.js";

/** Inverse of a public value by Fermat's little theorem. */
function inverse(value: bigint, prime: bigint): bigint {
  let [result, base, exponent] = [1n, modulo(value, prime), prime - 2n];
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % prime;
    base = (base * base) % prime;
  }
  return result;
}

/** @throws CryptoError `seats` unless all are distinct integers from 1 to 2^16 - 1. */
export function expectSeats(seats: readonly number[]): void {
  const wrong = seats.find(
    (seat, i) => !Number.isInteger(seat) || seat < 1 || seat > 0xffff || seats.indexOf(seat) !== i,
  );
  if (wrong !== undefined) {
    throw new CryptoError("seats", `seat ${wrong} is repeated or out of range: seats are distinct and count from 1`);
  }
}

/** Coefficients at zero: f(0) = sum of coefficient[i] * f(seats[i]) for every f of degree below seats.length. */
export function lagrangeAtZero(seats: readonly number[], order: bigint): bigint[] {
  return lagrangeAt(seats, 0, order);
}

/** The same at `point`, an integer that is zero or another seat. */
export function lagrangeAt(seats: readonly number[], point: number, order: bigint): bigint[] {
  expectSeats(seats);
  return seats.map((seat) => {
    let [numerator, denominator] = [1n, 1n];
    for (const other of seats) {
      if (other === seat) continue;
      numerator = modulo(numerator * BigInt(other - point), order);
      denominator = modulo(denominator * BigInt(other - seat), order);
    }
    return (numerator * inverse(denominator, order)) % order;
  });
}

/** A polynomial of degree t - 1 with f(0) = `constant`, or a random one. Lowest coefficient first. */
export function randomPolynomial<P extends GroupPoint<P>>(
  group: Group<P>,
  t: number,
  random: Randomness,
  constant?: bigint,
): bigint[] {
  const coefficients = Array.from({ length: t }, () => randomScalar(group, random));
  if (constant !== undefined) coefficients[0] = constant;
  return coefficients;
}

/** f(seat) modulo `order` by Horner's rule. */
export function evaluate(coefficients: readonly bigint[], seat: number, order: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => (sum * BigInt(seat) + coefficient) % order, 0n);
}

/** Feldman commitments: coefficient[k] * base. */
export function commitments<P extends GroupPoint<P>>(group: Group<P>, coefficients: readonly bigint[]): P[] {
  return coefficients.map((coefficient) => commit(group, coefficient));
}

/** f(seat) * base from the commitments to f, by Horner's rule: seats are small, so this is a few doublings a step. */
export function evaluateCommitments<P extends GroupPoint<P>>(
  group: Group<P>,
  committed: readonly P[],
  seat: number,
): P {
  return committed.reduceRight((sum, commitment) => smallMultiple(group, sum, seat).add(commitment), group.zero);
}

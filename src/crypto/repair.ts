/**
 * Share repair: t helpers give a member that was late, or lost its disk, its share of both group keys, and learn nothing by it
 * (Stinson and Wei 2018, section 2.4, "enrollment"; as in ZcashFoundation/frost, module `repairable`). The key, all other
 * shares and the verification keys stay as they are.
 *
 * 1. Each helper i splits lambda_i(late) * s_i into random parts, one for each helper, and commits to them.
 * 2. Each helper j adds up the parts it got, delta_1j + ... + delta_tj, and gives the sum sigma_j to the late member.
 * 3. The late member adds up all sums: f(late).
 *
 * A sum hides every share as long as one helper keeps its parts to itself. The commitments make it verifiable: the parts of
 * helper i add up to lambda_i * V_i, and each part and sum is what was committed to, so that a wrong one has a name. Parts and sums
 * are secrets: they travel on channels between two members, and are wiped after use.
 */
import type { Randomness } from "./bytes.js";
import { CryptoError } from "./errors.js";
import {
  commit,
  decodeScalar,
  ed,
  encodeScalar,
  g1,
  modulo,
  randomScalar,
  type EdPoint,
  type G1Point,
  type Group,
  type GroupPoint,
} from "./group.js";
import { expectSeats, lagrangeAt } from "./lagrange.js";
import type { VerificationKey } from "./outcome.js";
import type { SharePair } from "./sealing.js";

/** Whose share is repaired, and who helps. */
export interface RepairPlan {
  /** t seats or more, ascending, none of them `late`. */
  readonly helpers: readonly number[];
  readonly late: number;
}

/** A helper's commitments to its parts, in the order of helpers: part * base. */
export interface PartCommitments {
  /** 48 bytes each. */
  readonly g1: readonly Uint8Array[];
  /** 32 bytes each. */
  readonly ed25519: readonly Uint8Array[];
}

export interface Contribution {
  /** In the order of helpers: each goes to its helper alone. */
  readonly parts: readonly SharePair[];
  /** Goes to all helpers and to the late member. */
  readonly commitments: PartCommitments;
}

/** @throws CryptoError `seats` where the seats are repeated or out of range, or the late member helps itself. */
function expectPlan({ helpers, late }: RepairPlan): void {
  expectSeats([...helpers, late]);
  if (helpers.length === 0) throw new CryptoError("seats", "a share is repaired by t helpers, not by none");
}

function positionOf({ helpers }: RepairPlan, helper: number): number {
  const position = helpers.indexOf(helper);
  if (position === -1) throw new CryptoError("seats", `seat ${helper} is none of the helpers ${helpers.join(", ")}`);
  return position;
}

/** lambda_i(late) * share in parts that are random but for their sum. */
function split<P extends GroupPoint<P>>(
  group: Group<P>,
  plan: RepairPlan,
  helper: number,
  share: Uint8Array,
  random: Randomness,
): { parts: Uint8Array[]; commitments: Uint8Array[] } {
  const lambda = lagrangeAt(plan.helpers, plan.late, group.order)[positionOf(plan, helper)] as bigint;
  const parts = plan.helpers.slice(1).map(() => randomScalar(group, random));
  const sum = parts.reduce((total, part) => total + part, 0n);
  parts.push(modulo(lambda * decodeScalar(group, share) - sum, group.order));
  return {
    parts: parts.map(encodeScalar),
    commitments: parts.map((part) => commit(group, part).toBytes()),
  };
}

/**
 * Step 1, of one helper.
 * @param share its combined shares. @param random 64 bytes for each part and key.
 * @throws CryptoError `seats`, `length`, `scalar`
 */
export function contributeToRepair(
  plan: RepairPlan,
  helper: number,
  share: SharePair,
  random: Randomness,
): Contribution {
  expectPlan(plan);
  const bls = split(g1, plan, helper, share.g1, random);
  const edwards = split(ed, plan, helper, share.ed25519, random);
  return {
    parts: bls.parts.map((part, i) => ({ g1: part, ed25519: edwards.parts[i] as Uint8Array })),
    commitments: { g1: bls.commitments, ed25519: edwards.commitments },
  };
}

function decodeAll<P extends GroupPoint<P>>(group: Group<P>, encoded: readonly Uint8Array[], helper: number): P[] {
  try {
    return encoded.map((bytes) => group.decode(bytes));
  } catch (cause) {
    throw blame(helper, `commits to points of ${group.name} that do not decode`, cause);
  }
}

function scalarOf<P extends GroupPoint<P>>(group: Group<P>, encoded: Uint8Array, helper: number): bigint {
  try {
    return decodeScalar(group, encoded);
  } catch (cause) {
    throw blame(helper, `gave what is no scalar of ${group.name}`, cause);
  }
}

function blame(helper: number, what: string, cause?: unknown): CryptoError {
  return new CryptoError("proof", `helper ${helper} ${what}`, [helper], cause);
}

/**
 * Whether a helper's parts add up to what it owes: anybody can tell from its verification key.
 * @throws CryptoError `proof` naming the helper; `seats`
 */
export function checkPartCommitments(
  plan: RepairPlan,
  helper: number,
  commitments: PartCommitments,
  verificationKey: VerificationKey,
): void {
  expectPlan(plan);
  const position = positionOf(plan, helper);
  const check = <P extends GroupPoint<P>>(group: Group<P>, encoded: readonly Uint8Array[], owed: Uint8Array): void => {
    if (encoded.length !== plan.helpers.length) {
      throw blame(helper, `commits to ${encoded.length} parts, and there are ${plan.helpers.length} helpers`);
    }
    const lambda = lagrangeAt(plan.helpers, plan.late, group.order)[position] as bigint;
    const sum = decodeAll(group, encoded, helper).reduce((total, point) => total.add(point), group.zero);
    if (!sum.equals(group.decode(owed).multiplyUnsafe(lambda))) {
      throw blame(helper, `commits to parts of ${group.name} that are not parts of its share`);
    }
  };
  check<G1Point>(g1, commitments.g1, verificationKey.g1);
  check<EdPoint>(ed, commitments.ed25519, verificationKey.ed25519);
}

/**
 * Step 2, of helper `own`: the sum of the parts that it got from all helpers, itself included, each checked.
 * @param received in the order of helpers. @param commitments of each helper in the same order, checked before.
 * @throws CryptoError `proof` naming the helper whose part is not what it committed to; `seats`, `length`, `scalar`
 */
export function sumParts(
  plan: RepairPlan,
  own: number,
  received: readonly SharePair[],
  commitments: readonly PartCommitments[],
): SharePair {
  expectPlan(plan);
  const position = positionOf(plan, own);
  expectOneEach(plan, received.length, commitments.length);
  const add = <P extends GroupPoint<P>>(
    group: Group<P>,
    part: (pair: SharePair) => Uint8Array,
    committed: (all: PartCommitments) => readonly Uint8Array[],
  ): Uint8Array => {
    let sum = 0n;
    for (const [i, helper] of plan.helpers.entries()) {
      const value = scalarOf(group, part(received[i] as SharePair), helper);
      const [point] = decodeAll(
        group,
        committed(commitments[i] as PartCommitments).slice(position, position + 1),
        helper,
      );
      if (point === undefined || !commit(group, value).equals(point)) {
        throw blame(helper, `gave helper ${own} another part of ${group.name} than it committed to`);
      }
      sum += value;
    }
    return encodeScalar(sum % group.order);
  };
  return {
    g1: add<G1Point>(
      g1,
      (pair) => pair.g1,
      (all) => all.g1,
    ),
    ed25519: add<EdPoint>(
      ed,
      (pair) => pair.ed25519,
      (all) => all.ed25519,
    ),
  };
}

/**
 * Step 3, of the late member: its shares from the sums of all helpers.
 * @param sums in the order of helpers. @param commitments of each helper in the same order, checked before.
 * @param verificationKey of the late member: the shares are right if and only if they match it.
 * @throws CryptoError `proof` naming the helpers whose sums are not what all committed to; `seats`, `length`, `scalar`
 */
export function repairShare(
  plan: RepairPlan,
  sums: readonly SharePair[],
  commitments: readonly PartCommitments[],
  verificationKey: VerificationKey,
): SharePair {
  expectPlan(plan);
  expectOneEach(plan, sums.length, commitments.length);
  const repair = <P extends GroupPoint<P>>(
    group: Group<P>,
    sumOf: (pair: SharePair) => Uint8Array,
    committed: (all: PartCommitments) => readonly Uint8Array[],
    expected: Uint8Array,
  ): Uint8Array => {
    const values = sums.map((pair, j) => scalarOf(group, sumOf(pair), plan.helpers[j] as number));
    const share = values.reduce((total, value) => total + value, 0n) % group.order;
    if (commit(group, share).equals(group.decode(expected))) return encodeScalar(share);
    const culprits = plan.helpers.filter((_, j) => {
      const points = commitments.map((all, i) =>
        decodeAll(group, committed(all).slice(j, j + 1), plan.helpers[i] as number).reduce(
          (total, point) => total.add(point),
          group.zero,
        ),
      );
      const promised = points.reduce((total, point) => total.add(point), group.zero);
      return !commit(group, values[j] as bigint).equals(promised);
    });
    throw new CryptoError(
      "proof",
      `the repaired share of ${group.name} of seat ${plan.late} is not the one that the committee's verification key is of`,
      culprits,
    );
  };
  return {
    g1: repair<G1Point>(
      g1,
      (pair) => pair.g1,
      (all) => all.g1,
      verificationKey.g1,
    ),
    ed25519: repair<EdPoint>(
      ed,
      (pair) => pair.ed25519,
      (all) => all.ed25519,
      verificationKey.ed25519,
    ),
  };
}

function expectOneEach({ helpers }: RepairPlan, ...counts: readonly number[]): void {
  for (const count of counts) {
    if (count !== helpers.length) {
      throw new CryptoError("seats", `${helpers.length} helpers each give one value, and there are ${count}`);
    }
  }
}

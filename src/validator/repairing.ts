/**
 * Share repair (docs/protocol.md, section 4.9). As a helper, this member gives parts of what makes another one's share, each to one
 * other helper, and the sum of those that it was given to the late member. As the late member it asks t others, leaves out
 * whoever does not answer or answers wrongly, and tries again with others.
 */
import { randomBytes, randomInt } from "node:crypto";

import { CryptoError } from "../crypto/errors.js";
import {
  type Contribution,
  type PartCommitments,
  type RepairPlan,
  checkPartCommitments,
  repairShare,
  sumParts,
} from "../crypto/repair.js";
import type { SharePair } from "../crypto/sealing.js";
import { RemoteError } from "../net/error-body.js";
import { expectToken } from "../net/server-errors.js";
import { TokenBuckets } from "../net/token-buckets.js";
import { PATH } from "../protocol/api.js";
import {
  type RepairOrder,
  decodePartCommitments,
  decodeRepairOrder,
  decodeSharePair,
  decodeSumRequest,
  encodePartCommitments,
  encodeRepairOrder,
  encodeSharePair,
  encodeSumRequest,
  repairId,
} from "../protocol/repair.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type Caller, expectMember, expectValidator } from "./caller.js";
import type { Committee } from "./committee.js";
import type { Peers } from "./peers.js";
import type { Signer } from "./signer.js";
import type { InOffice, Standing } from "./standing.js";

/** Milliseconds for which a helper keeps its parts. */
const KEPT = 60_000;
/** Milliseconds for another helper's part: less than the late member waits for the sum. */
const PART_TIMEOUT = 2_000;
/** How often a member may begin the repair of its share. */
const RATE = { perSecond: 0.5, burst: 8 } as const;
/** Milliseconds until the next try. */
const RETRY = 5_000;

/** What a helper keeps between the calls of one repair: no more than one for each late member. */
interface Kept {
  readonly id: string;
  readonly contribution: Contribution;
  /** Whose share it was made from: that of one office. */
  readonly signer: Signer;
  readonly until: number;
}

export class RepairHelper {
  readonly #standing: Standing;
  readonly #clock: Clock;
  readonly #begun = new TokenBuckets(RATE);
  /** By the late member's seat. */
  readonly #kept = new Map<number, Kept>();

  constructor(standing: Standing, clock: Clock) {
    this.#standing = standing;
    this.#clock = clock;
  }

  /** Step 1, for the late member. @throws as `#expectOrder`; CryptoError */
  commit(body: Uint8Array, caller: Caller): Uint8Array {
    const order = decodeRepairOrder(body);
    const { signer } = this.#expectOrder(order);
    expectMember(caller, this.#standing, order.late);
    const id = repairId(order);
    const known = this.#kept.get(order.late);
    if (known?.id === id) return encodePartCommitments(known.contribution.commitments);
    expectToken(this.#begun.take(String(order.late)), `of repairs for seat ${order.late}`);
    const contribution = signer.contributeToRepair(order, (length) => randomBytes(length));
    this.#forget(order.late);
    this.#kept.set(order.late, { id, contribution, signer, until: this.#clock.now() + KEPT });
    return encodePartCommitments(contribution.commitments);
  }

  /** A helper's part, for that helper. @throws as `#expectOrder`; SwarmkeepError `not-a-member`, `session-unknown` */
  part(body: Uint8Array, caller: Caller): Uint8Array {
    const order = decodeRepairOrder(body);
    const { committee } = this.#expectOrder(order);
    const { account } = expectValidator(caller);
    const position = order.helpers.findIndex((seat) => isSame(committee.accounts.get(seat), account));
    if (position < 0) {
      throw new SwarmkeepError(`${account} is no helper of this repair`, {
        kind: "refused",
        code: "not-a-member",
        advice: "Ask for parts of an order that names this member's seat.",
        details: { account },
      });
    }
    return encodeSharePair(this.#contribution(order).parts[position] as SharePair);
  }

  /** Step 2, for the late member: asks the other helpers for their parts. @throws as `commit`, and of the way to them */
  async sum(body: Uint8Array, caller: Caller, peers: Peers, signal: AbortSignal): Promise<Uint8Array> {
    const { order, commitments } = decodeSumRequest(body);
    const { committee, signer } = this.#expectOrder(order);
    expectMember(caller, this.#standing, order.late);
    const own = this.#contribution(order);
    const asked = encodeRepairOrder(order);
    checkAll(order, commitments, committee);
    const parts = await Promise.all(
      order.helpers.map(async (seat, position) =>
        seat === signer.seat ? (own.parts[position] as SharePair) : await partOf(peers, seat, asked, signal),
      ),
    );
    const sum = sumParts(order, signer.seat, parts, commitments);
    for (const part of parts) if (!own.parts.includes(part)) wipePair(part);
    return encodeSharePair(sum);
  }

  /** Wipes what is kept: of repairs that are over, or of all. */
  forget(isAll = false): void {
    for (const [late, { until }] of this.#kept) if (isAll || until < this.#clock.now()) this.#forget(late);
  }

  #forget(late: number): void {
    for (const part of this.#kept.get(late)?.contribution.parts ?? []) wipePair(part);
    this.#kept.delete(late);
  }

  #contribution(order: RepairOrder): Contribution {
    const kept = this.#kept.get(order.late);
    const isOfNow = kept?.signer === this.#standing.signer && kept !== undefined && kept.until >= this.#clock.now();
    if (isOfNow && kept.id === repairId(order)) return kept.contribution;
    throw new SwarmkeepError("this member has made no parts for this repair, or no longer has them", {
      kind: "refused",
      code: "session-unknown",
      advice: "Begin the repair again.",
    });
  }

  /** @throws SwarmkeepError `wrong-ceremony`, `bad-request`, and those of `Standing.inOffice` */
  #expectOrder({ ceremony, late, helpers }: RepairOrder): InOffice {
    this.forget();
    const inOffice = this.#standing.inOffice();
    const { committee, signer, projection } = inOffice;
    const { office } = this.#standing;
    // Shares of two committees in one sum would tell more than a share.
    if (office?.ceremony !== BigInt(ceremony) || office !== projection.office) {
      throw new SwarmkeepError(`the committee in office is not that of ceremony ${ceremony}`, {
        kind: "refused",
        code: "wrong-ceremony",
        advice: "Ask again when both have read the ledger as far.",
        details: { ceremony, expected: String(office?.ceremony) },
      });
    }
    const isPlan =
      helpers.length === committee.quorum.t &&
      helpers.every((seat, i) => seat > (helpers[i - 1] ?? 0) && committee.accounts.has(seat) && seat !== late);
    if (isPlan && helpers.includes(signer.seat)) return inOffice;
    throw new SwarmkeepError(
      `a share is repaired by ${committee.quorum.t} seats in ascending order, this one among them`,
      {
        kind: "refused",
        code: "bad-request",
        advice: "Name as many helpers as sign together, and not the seat that is repaired.",
        details: { late, helpers: helpers.join(", ") },
      },
    );
  }
}

/** @throws CryptoError `proof` naming the helper, whatever it did instead: what it says of others is not passed on. */
async function partOf(peers: Peers, seat: number, asked: Uint8Array, signal: AbortSignal): Promise<SharePair> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(PART_TIMEOUT)]);
  try {
    return decodeSharePair(await peers.post(seat, PATH.repairPart, asked, inTime));
  } catch (cause) {
    throw new CryptoError("proof", `helper ${seat} gave no part`, [seat], cause);
  }
}

export interface LateOptions {
  readonly committee: Committee;
  readonly ceremony: number;
  /** This member's, which has no share. */
  readonly seat: number;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Asks again and again until the shares are there. @throws the signal's reason */
export async function repairOwnShare(options: LateOptions): Promise<SharePair> {
  const { committee, seat, peers, clock, log, signal } = options;
  /** Who failed, and who says that another one did: then one of the two lies. */
  let [failed, quarrels]: [Set<number>, Quarrel[]] = [new Set(), []];
  for (;;) {
    signal.throwIfAborted();
    const left = peers.seats.filter((one) => !failed.has(one));
    const helpers = withoutQuarrel(left, quarrels, committee.quorum.t);
    if (helpers === undefined) {
      // All of them once more: whoever was away may be back.
      [failed, quarrels] = [new Set(), []];
      await clock.sleep(RETRY, signal);
      continue;
    }
    const attempted = await attempt(options, helpers);
    if ("shares" in attempted) return attempted.shares;
    log.info({ seat, helpers, error: attempted.error }, "the share was not repaired; others are asked");
    for (const one of attempted.failed) failed.add(one);
    quarrels.push(...attempted.quarrels);
    if (attempted.failed.length + attempted.quarrels.length === 0) await clock.sleep(RETRY, signal);
  }
}

type Quarrel = readonly [accuser: number, accused: number];

type Attempted =
  | { readonly shares: SharePair }
  | { readonly failed: readonly number[]; readonly quarrels: readonly Quarrel[]; readonly error: unknown };

async function attempt(
  { committee, ceremony, seat, peers, signal }: LateOptions,
  helpers: readonly number[],
): Promise<Attempted> {
  const order: RepairOrder = { ceremony, late: seat, helpers, nonce: Uint8Array.from(randomBytes(16)) };
  const [failed, quarrels]: [number[], Quarrel[]] = [[], []];
  let first: unknown;
  const askAll = async <Answer>(path: string, body: Uint8Array, read: (answer: Uint8Array) => Answer) =>
    Promise.all(
      helpers.map(async (helper) => {
        try {
          return read(await peers.post(helper, path, body, signal));
        } catch (error) {
          signal.throwIfAborted();
          first ??= error;
          const accused = accusedBy(error, helper, helpers);
          if (accused !== undefined) quarrels.push([helper, accused]);
          // Who was asked too often has not failed.
          else if (!(error instanceof RemoteError && error.code === "too-many-requests")) failed.push(helper);
          return undefined;
        }
      }),
    );
  const commitments = await askAll(PATH.repairCommit, encodeRepairOrder(order), decodePartCommitments);
  if (first !== undefined) return { failed, quarrels, error: first };
  try {
    const all = commitments as PartCommitments[];
    checkAll(order, all, committee);
    const sums = await askAll(PATH.repairSum, encodeSumRequest({ order, commitments: all }), decodeSharePair);
    if (first !== undefined) return { failed, quarrels, error: first };
    const own = committee.keys.verificationKeys.find((key) => key.seat === seat);
    if (own === undefined) throw new RangeError(`there is no seat ${seat}`);
    const shares = repairShare(order, sums as SharePair[], all, own);
    for (const sum of sums as SharePair[]) wipePair(sum);
    return { shares };
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    return { failed: error.culprits.length > 0 ? error.culprits : helpers, quarrels: [], error };
  }
}

/** Another helper that a helper says did not give it its part. */
function accusedBy(error: unknown, helper: number, helpers: readonly number[]): number | undefined {
  if (!(error instanceof RemoteError)) return undefined;
  const accused = Number(error.details["culprits"]);
  return accused !== helper && helpers.includes(accused) ? accused : undefined;
}

/**
 * Seats at random among which nobody has accused another, ascending; undefined where there are too few. Honest members accuse none of
 * one another, so that there are as many of them as it takes whatever liars say.
 */
function withoutQuarrel(seats: readonly number[], quarrels: readonly Quarrel[], count: number): number[] | undefined {
  if (seats.length < count) return undefined;
  const quarrel = quarrels.find(([one, other]) => seats.includes(one) && seats.includes(other));
  if (quarrel === undefined) return chosen(seats, count);
  const [one, other] = randomInt(2) === 0 ? quarrel : [quarrel[1], quarrel[0]];
  return (
    withoutQuarrel(
      seats.filter((seat) => seat !== one),
      quarrels,
      count,
    ) ??
    withoutQuarrel(
      seats.filter((seat) => seat !== other),
      quarrels,
      count,
    )
  );
}

/** @throws CryptoError `proof` naming the helper */
function checkAll(plan: RepairPlan, commitments: readonly PartCommitments[], { keys }: Committee): void {
  for (const [i, helper] of plan.helpers.entries()) {
    const key = keys.verificationKeys.find(({ seat }) => seat === helper);
    const given = commitments[i];
    if (key === undefined || given === undefined) {
      throw new CryptoError("seats", `there are commitments of ${commitments.length} helpers, or no seat ${helper}`);
    }
    checkPartCommitments(plan, helper, given, key);
  }
}

/** As many of the seats, at random, ascending. */
function chosen(seats: readonly number[], count: number): number[] {
  const left = [...seats];
  while (left.length > count) left.splice(randomInt(left.length), 1);
  return left.sort((a, b) => a - b);
}

function wipePair({ g1, ed25519 }: SharePair): void {
  g1.fill(0);
  ed25519.fill(0);
}

function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

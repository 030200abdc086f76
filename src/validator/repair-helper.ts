/**
 * Share repair as a helper (docs/protocol.md, section 4.9): this member gives parts of what makes another one's share, each to one other
 * helper, and the sum of those that it was given to the late member.
 */
import { randomBytes } from "node:crypto";

import { CryptoError } from "../crypto/errors.js";
import {
  type Contribution,
  type PartCommitments,
  type RepairPlan,
  checkPartCommitments,
  sumParts,
} from "../crypto/repair.js";
import type { SharePair } from "../crypto/sealing.js";
import { expectToken } from "../net/server-errors.js";
import { TokenBuckets } from "../net/token-buckets.js";
import { PATH } from "../protocol/api.js";
import {
  type RepairOrder,
  decodeRepairOrder,
  decodeSharePair,
  decodeSumRequest,
  encodePartCommitments,
  encodeRepairOrder,
  encodeSharePair,
  repairId,
} from "../protocol/repair.js";
import type { Clock } from "../runtime/clock.js";
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
  /** A sum takes the check of t^2 commitments, and t - 1 requests to others. */
  readonly #summed = new TokenBuckets(RATE);
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
    expectToken(this.#summed.take(String(order.late)), `of repairs for seat ${order.late}`);
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

/** @throws CryptoError `proof` naming the helper */
export function checkAll(plan: RepairPlan, commitments: readonly PartCommitments[], { keys }: Committee): void {
  for (const [i, helper] of plan.helpers.entries()) {
    const key = keys.verificationKeys.find(({ seat }) => seat === helper);
    const given = commitments[i];
    if (key === undefined || given === undefined) {
      throw new CryptoError("seats", `there are commitments of ${commitments.length} helpers, or no seat ${helper}`);
    }
    checkPartCommitments(plan, helper, given, key);
  }
}

export function wipePair({ g1, ed25519 }: SharePair): void {
  g1.fill(0);
  ed25519.fill(0);
}

function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

/**
 * Share repair as the late member (docs/protocol.md, section 4.9): it asks t others, leaves out whoever does not answer or answers wrongly,
 * and tries again with others.
 */
import { randomBytes, randomInt } from "node:crypto";

import { CryptoError } from "../crypto/errors.js";
import { type PartCommitments, repairShare } from "../crypto/repair.js";
import type { SharePair } from "../crypto/sealing.js";
import type { Office, Projection } from "../ledger/projection.js";
import { RemoteError } from "../net/error-body.js";
import { PATH } from "../protocol/api.js";
import {
  type RepairOrder,
  decodePartCommitments,
  decodeSharePair,
  encodeRepairOrder,
  encodeSumRequest,
} from "../protocol/repair.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Committee } from "./committee.js";
import { type MemberChannel, type Peers, registeredPeers } from "./peers.js";
import { checkAll, wipePair } from "./repair-helper.js";

/** Milliseconds until the next try. */
const RETRY = 5_000;

export interface OwnRepairOptions {
  readonly channel: MemberChannel;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRepaired: (office: Office, shares: SharePair) => void;
}

/** The repair of this member's own share, while its committee is in office. */
export class OwnRepair {
  readonly #options: OwnRepairOptions;
  #stop: AbortController | undefined;

  constructor(options: OwnRepairOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  begin(office: Office, committee: Committee, seat: number): void {
    this.close();
    const { channel, projection, clock, log, onRepaired } = this.#options;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const peers = registeredPeers(projection, committee.accounts, seat, channel);
    const ceremony = Number(office.ceremony);
    repairOwnShare({ committee, ceremony, seat, peers, clock, log, signal })
      .then((shares) => {
        log.info({ seat, ceremony }, "the share was repaired");
        onRepaired(office, shares);
      })
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ error }, "the share is not repaired");
      })
      .finally(() => peers.close());
  }

  close(): void {
    this.#stop?.abort(new Error("another committee took office, or the validator stops"));
    this.#stop = undefined;
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

/** As many of the seats, at random, ascending. */
function chosen(seats: readonly number[], count: number): number[] {
  const left = [...seats];
  while (left.length > count) left.splice(randomInt(left.length), 1);
  return left.sort((a, b) => a - b);
}

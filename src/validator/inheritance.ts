/**
 * The handover of what was issued. A new committee signs nothing for a period that the one before could have signed for
 * until it knows for which numbers that was: each member asks all those of before, who answer once they have left office
 * themselves, and takes over what more than f of them report (docs/protocol.md, section 7).
 */
import { ZeroAddress } from "ethers";

import { malformed } from "../certificate/refusal.js";
import type { Office } from "../ledger/projection.js";
import { PATH } from "../protocol/api.js";
import {
  type CountersReport,
  type IssuedRecord,
  MAXIMUM_COUNTERS,
  MAXIMUM_COUNTERS_BYTES,
  MAXIMUM_REPORTED,
  decodeCountersAnswer,
  decodeCountersRequest,
  encodeCountersAnswer,
  encodeCountersRequest,
  inheritedRecords,
  isChainWhole,
} from "../protocol/counters.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { quorumOf } from "../statements/quorum.js";
import { officeName, seatOf } from "./committee.js";
import type { IssuedBook } from "./issued.js";
import { type MemberChannel, type Peers, registeredPeers } from "./peers.js";
import { pollMembers } from "./polling.js";
import type { Standing } from "./standing.js";

/** Milliseconds for those that have not answered, once n - f have. */
const GRACE_MILLISECONDS = 4_000;
const RETRY = 200;

export interface InheritanceOptions {
  readonly standing: Standing;
  readonly issued: IssuedBook;
  readonly channel: MemberChannel;
  /** This member's. */
  readonly account: string;
  /** File that says up to which office everything is inherited. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who was in office before. */
interface Before {
  readonly office: Office;
  /** Whether another process signed in this validator's place then, so that its own book is not all of it. */
  readonly isDisputed: boolean;
}

interface Pending {
  readonly office: Office;
  /** Periods after this one cannot have been signed for by the committee before. */
  readonly lastPeriod: number;
  readonly stop: AbortController;
}

export class Inheritance {
  readonly #options: InheritanceOptions;
  #pending: Pending | undefined;
  /** The office at whose beginning this validator knew all that was signed before, by its name. */
  #known: string | undefined;
  /** Whether its own book lacks what another process signed in its place. */
  #isDisputed = false;

  constructor(options: InheritanceOptions) {
    this.#options = options;
  }

  /**
   * A committee took office.
   * @param time of the block in which it did, seconds.
   * @param holdsSeat whether this validator sits in it.
   */
  async begin(office: Office, before: Before | undefined, time: number, holdsSeat: boolean): Promise<void> {
    this.close();
    const { path, standing } = this.#options;
    const { parameters } = standing.projection.genesis ?? {};
    const done = await lastDone(path);
    this.#known = done;
    this.#isDisputed = before?.isDisputed === true;
    if (done === officeName(office) || !holdsSeat || parameters === undefined) return;
    if (before === undefined) {
      await this.#write(office);
      return;
    }
    const lastPeriod = Math.floor((time + CLOCK_SKEW_SECONDS) / Number(parameters.certificatePeriodSeconds));
    const pending = { office, lastPeriod, stop: new AbortController() };
    this.#pending = pending;
    const patience = 1000 * Number(parameters.phaseSeconds);
    this.#inherit(pending, before, patience).catch((error: unknown) => {
      if (!pending.stop.signal.aborted) this.#options.log.error({ error }, "counters were not inherited");
    });
  }

  /** @throws SwarmkeepError `counters-pending` while it is not known what was signed in this period before. */
  expectKnown(period: number): void {
    if (this.#pending === undefined || period > this.#pending.lastPeriod) return;
    throw new SwarmkeepError("this validator does not know yet what the committee before it has signed", {
      kind: "network",
      code: "counters-pending",
      advice: "Ask again in some seconds.",
      details: { period },
    });
  }

  /**
   * Answers a validator that takes over.
   * @throws SwarmkeepError `statement-unknown` as long as this one has not read of it; `place-in-doubt` where its own book is not whole
   */
  answer(body: Uint8Array): Uint8Array {
    const request = decodeCountersRequest(body);
    const { standing, issued } = this.#options;
    const { office } = standing.projection;
    const isFollowed = standing.committee?.epoch === Number(office?.epoch);
    // An old folder's book is not all that was signed in its place.
    standing.expectPlace();
    if (office?.ceremony !== BigInt(request.ceremony) || !isFollowed) throw unknownYet(request.ceremony);
    if (this.#isDisputed) throw notWhole();
    const records = issued.records(request.offset, MAXIMUM_COUNTERS);
    const next = records.length < MAXIMUM_COUNTERS ? null : request.offset + records.length;
    return encodeCountersAnswer({ records, next, known: this.#known ?? null });
  }

  close(): void {
    this.#pending?.stop.abort(new Error("another committee took office, or the validator stops"));
    this.#pending = undefined;
  }

  /**
   * From the committee before; and where too few of that knew all, from those before it: a member that came back too late to take
   * over in its own office has signed nothing that others could have, and says so.
   */
  async #inherit(pending: Pending, before: Before, patience: number): Promise<void> {
    const { issued, standing, clock, log } = this.#options;
    const { office, stop } = pending;
    // Its own book counts as its report, unless another process signed in its place: which it may have to ask first.
    while (standing.doubts() !== undefined && !standing.isDisputed) await clock.sleep(RETRY, stop.signal);
    const isOwnWhole = !before.isDisputed && !standing.isDisputed;
    const names = new Set([officeName(office)]);
    let [reports, slots] = [0, 0];
    for (let from: Office | undefined = before.office; from !== undefined && !names.has(officeName(from));) {
      names.add(officeName(from));
      // A committee that office was taken from again may be gone for good.
      const isGone = office.ceremony < from.ceremony;
      const told = await this.#reportsOf(from, pending, isOwnWhole, isGone ? patience : undefined);
      const { f } = quorumOf(from.committee.length);
      const records = inheritedRecords(
        told.map(({ records: all }) => all),
        f,
      );
      failpoint("inheritance.before-write");
      await issued.inherit(records);
      [reports, slots] = [reports + told.length, slots + records.length];
      if (isGone || isChainWhole(told, names, f)) break;
      from = standing.projection.takeoverOf(from)?.before;
    }
    await this.#write(office);
    failpoint("inheritance.after-write");
    stop.signal.throwIfAborted();
    this.#pending = undefined;
    log.info({ reports, slots, offices: names.size - 1 }, "counters inherited");
  }

  async #write(office: Office): Promise<void> {
    await writeAtomically(this.#options.path, `${officeName(office)}\n`);
    this.#known = officeName(office);
  }

  /** What n - f members of a committee report, this one among them; of fewer, where `patience` is given and over. */
  async #reportsOf(
    from: Office,
    { office, stop }: Pending,
    isOwnWhole: boolean,
    patience: number | undefined,
  ): Promise<readonly CountersReport[]> {
    const { issued, account, standing, clock, channel } = this.#options;
    const accounts = new Map(
      from.committee.flatMap((member, i) => (member === ZeroAddress ? [] : [[i + 1, member] as const])),
    );
    const own = seatOf(accounts, account);
    const counts = own !== undefined && isOwnWhole;
    const { n, f } = quorumOf(from.committee.length);
    const peers = registeredPeers(standing.projection, accounts, own, channel);
    try {
      // Each is away, or still in office by what it has read, until it answers.
      const reports = await pollMembers({
        seats: peers.seats,
        ask: (seat, signal) => this.#report(peers, seat, Number(office.ceremony), signal),
        needed: n - f - (counts ? 1 : 0),
        graceMilliseconds: GRACE_MILLISECONDS,
        ...(patience === undefined ? {} : { patienceMilliseconds: patience }),
        clock,
        signal: stop.signal,
      });
      if (!counts) return reports;
      return [...reports, { records: issued.records(0, Number.MAX_SAFE_INTEGER), known: this.#known ?? null }];
    } finally {
      peers.close();
    }
  }

  async #report(peers: Peers, seat: number, ceremony: number, signal: AbortSignal): Promise<CountersReport> {
    const records: IssuedRecord[] = [];
    let known: string | null = null;
    for (let offset: number | null = 0; offset !== null;) {
      const from: number = offset;
      const body = encodeCountersRequest({ ceremony, offset: from });
      const answer = decodeCountersAnswer(await peers.post(seat, PATH.counters, body, signal, MAXIMUM_COUNTERS_BYTES));
      for (const record of answer.records) records.push(record);
      ({ next: offset, known } = answer);
      const goesOn = offset === null || (answer.records.length === MAXIMUM_COUNTERS && offset === records.length);
      if (!goesOn) throw malformed("countersAnswer.next", `is ${offset} after ${records.length} records`);
      if (records.length > MAXIMUM_REPORTED) throw malformed("countersAnswer.records", `are ${records.length} by now`);
    }
    return { records, known };
  }
}

function notWhole(): SwarmkeepError {
  return new SwarmkeepError("another process signed in this validator's place, so that its book is not whole", {
    kind: "refused",
    code: "place-in-doubt",
    advice: "Go by what the other members report.",
  });
}

function unknownYet(ceremony: number): SwarmkeepError {
  return new SwarmkeepError(`by what this validator has read, ceremony ${ceremony} put nobody into office yet`, {
    kind: "refused",
    code: "statement-unknown",
    advice: "Ask again when this member's ledger has come as far.",
    details: { ceremony },
  });
}

/** The office up to which everything was inherited when this validator last wrote it down. */
async function lastDone(path: string): Promise<string | undefined> {
  const bytes = await readIfPresent(path, 4_096);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8").trim();
}

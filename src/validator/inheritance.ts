/**
 * The handover of what was issued. A new committee signs nothing for a period that the one before could have signed for
 * until it knows for which numbers that was: each member asks all those of before, who answer once they have left office
 * themselves, and takes over what more than f of them report (docs/protocol.md, section 7).
 */
import { ZeroAddress } from "ethers";

import type { Office } from "../ledger/projection.js";
import { PATH } from "../protocol/api.js";
import {
  type IssuedRecord,
  MAXIMUM_COUNTERS,
  MAXIMUM_COUNTERS_BYTES,
  decodeCountersAnswer,
  decodeCountersRequest,
  encodeCountersAnswer,
  encodeCountersRequest,
  inheritedRecords,
} from "../protocol/counters.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { quorumOf } from "../statements/quorum.js";
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
  /** Whether this validator knows all that the committee before the present one could sign: it tells that, or nothing. */
  #tells = false;

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
    const knewBefore = before !== undefined && !before.isDisputed && done === nameOf(before.office);
    this.#tells = done === nameOf(office) || knewBefore;
    if (done === nameOf(office) || !holdsSeat || parameters === undefined) return;
    if (before === undefined) {
      await writeAtomically(path, `${nameOf(office)}\n`);
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
   * @throws SwarmkeepError `statement-unknown` as long as this one is in office itself, or does not know all
   */
  answer(body: Uint8Array): Uint8Array {
    const request = decodeCountersRequest(body);
    const { standing, issued } = this.#options;
    const { office } = standing.projection;
    const isFollowed = standing.committee?.epoch === Number(office?.epoch);
    // An old folder's book is not all that was signed in its place.
    standing.expectPlace();
    if (office?.ceremony !== BigInt(request.ceremony) || !isFollowed || !this.#tells)
      throw unknownYet(request.ceremony);
    const records = issued.records(request.offset, MAXIMUM_COUNTERS);
    const next = records.length < MAXIMUM_COUNTERS ? null : request.offset + records.length;
    return encodeCountersAnswer({ records, next });
  }

  close(): void {
    this.#pending?.stop.abort(new Error("another committee took office, or the validator stops"));
    this.#pending = undefined;
  }

  async #inherit(pending: Pending, { office: before, isDisputed }: Before, patience: number): Promise<void> {
    const { issued, path, log, account, standing, clock } = this.#options;
    const { office, stop } = pending;
    const accounts = new Map(
      before.committee.flatMap((member, i) => (member === ZeroAddress ? [] : [[i + 1, member] as const])),
    );
    const own = [...accounts].find(([, member]) => member.toLowerCase() === account.toLowerCase())?.[0];
    // Its own book counts as its report, unless another process signed in its place: which it may have to ask first.
    while (standing.doubts() !== undefined && !standing.isDisputed) await clock.sleep(RETRY, stop.signal);
    const isWhole = own !== undefined && !isDisputed && !standing.isDisputed;
    const { n, f } = quorumOf(before.committee.length);
    const peers = registeredPeers(standing.projection, accounts, own, this.#options.channel);
    try {
      // Each is away, or still in office by what it has read, until it answers.
      const reports = await pollMembers({
        seats: peers.seats,
        ask: (seat, signal) => this.#report(peers, seat, Number(office.ceremony), signal),
        needed: n - f - (isWhole ? 1 : 0),
        graceMilliseconds: GRACE_MILLISECONDS,
        // A committee that office was taken from again may be gone for good.
        ...(office.ceremony < before.ceremony ? { patienceMilliseconds: patience } : {}),
        clock,
        signal: stop.signal,
      });
      const all = isWhole ? [...reports, issued.records(0, Number.MAX_SAFE_INTEGER)] : reports;
      const records = inheritedRecords(all, f);
      failpoint("inheritance.before-write");
      await issued.inherit(records);
      await writeAtomically(path, `${nameOf(office)}\n`);
      failpoint("inheritance.after-write");
      stop.signal.throwIfAborted();
      this.#pending = undefined;
      this.#tells = true;
      log.info({ reports: all.length, slots: records.length }, "counters inherited");
    } finally {
      peers.close();
    }
  }

  async #report(peers: Peers, seat: number, ceremony: number, signal: AbortSignal): Promise<readonly IssuedRecord[]> {
    const records: IssuedRecord[] = [];
    for (let offset: number | null = 0; offset !== null;) {
      const from: number = offset;
      const body = encodeCountersRequest({ ceremony, offset: from });
      const answer = decodeCountersAnswer(await peers.post(seat, PATH.counters, body, signal, MAXIMUM_COUNTERS_BYTES));
      for (const record of answer.records) records.push(record);
      offset = answer.next;
    }
    return records;
  }
}

function unknownYet(ceremony: number): SwarmkeepError {
  return new SwarmkeepError(`by what this validator has read, ceremony ${ceremony} put nobody into office yet`, {
    kind: "refused",
    code: "statement-unknown",
    advice: "Ask again when this member's ledger has come as far.",
    details: { ceremony },
  });
}

const nameOf = ({ generation, epoch, ceremony }: Office): string => `${generation}/${epoch}/${ceremony}`;

/** The office up to which everything was inherited when this validator last wrote it down. */
async function lastDone(path: string): Promise<string | undefined> {
  const bytes = await readIfPresent(path, 4_096);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8").trim();
}

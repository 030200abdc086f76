/**
 * A round of measurements (docs/protocol.md, section 15.4): what a member reports, and what it does next so that the round of an epoch
 * comes to its end. Commit, reveal and settle are those of `contracts/Measurement.sol`; credit and allot follow from a settled
 * round. No I/O: the caller says what the ledger shows, and sends what is due.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { type Reader, bytes, list, tuple, uint } from "../certificate/reader.js";
import { bytesToNumberBE, concatBytes, toBytes } from "../crypto/bytes.js";
import { CLASSES, packClasses } from "../statements/classes.js";
import { MAXIMUM_COMMITTEE } from "../statements/quorum.js";

/** Candidates that a round measures: `sampled` of them in order from number `first`, a multiple of 64. */
export interface Sample {
  readonly first: number;
  readonly sampled: number;
}

/**
 * As the ledger chooses one of the words in which classes are kept.
 * @param candidates how many are registered.
 * @param verificationRoot of the committee in office, 32 bytes: nobody knows it before the committee has its shares.
 */
export function sampleOf(candidates: number, verificationRoot: Uint8Array, epoch: bigint): Sample {
  if (candidates === 0) return { first: 0, sampled: 0 };
  const words = Math.ceil(candidates / CLASSES.inWord);
  const hash = keccak_256(concatBytes(verificationRoot, toBytes(epoch, 32)));
  const first = Number(bytesToNumberBE(hash) % BigInt(words)) * CLASSES.inWord;
  return { first, sampled: Math.min(CLASSES.inWord, candidates - first) };
}

/** Numbers of the candidates of a sample, in the order of a report. */
export function ranksOf({ first, sampled }: Sample): number[] {
  return Array.from({ length: sampled }, (_, i) => first + i);
}

/** What a member reports of an epoch, and what hides it until all have committed. */
export interface Report {
  readonly epoch: number;
  readonly sample: Sample;
  /** Classes of the sample's candidates, in order. */
  readonly qualities: readonly number[];
  /** Classes of the seats, from seat 1 on. */
  readonly participation: readonly number[];
  /** Random, 32 bytes. */
  readonly salt: Uint8Array;
}

/** keccak256(abi.encode(epoch, account, qualities, participation, salt)), 32 bytes. @param account 20 bytes. */
export function commitmentOf({ epoch, qualities, participation, salt }: Report, account: Uint8Array): Uint8Array {
  const words = [epoch, bytesToNumberBE(account), packClasses(qualities), packClasses(participation)];
  return keccak_256(concatBytes(...words.map((value) => toBytes(value, 32)), salt));
}

const LIMITS: CborLimits = { maximumLength: 256, maximumDepth: 2 };
const classes = (maximum: number): Reader<number[]> => list(uint(CLASSES.best), 0, maximum);
const readReport = tuple<Report>({
  epoch: uint(),
  sample: tuple<Sample>({ first: uint(0xffff), sampled: uint(CLASSES.inWord) }),
  qualities: classes(CLASSES.inWord),
  participation: classes(MAXIMUM_COMMITTEE),
  salt: bytes(32),
});

/** For the disk. */
export function encodeReport({ epoch, sample, qualities, participation, salt }: Report): Uint8Array {
  return encodeCbor([epoch, [sample.first, sample.sampled], [...qualities], [...participation], salt]);
}

/** @throws Refusal `malformed` */
export function decodeReport(encoded: Uint8Array): Report {
  return readReport(decodeCbor(encoded, "report", LIMITS), "report");
}

/** What is left of an epoch for a round once it is in its second half: commit, reveal, settle, credit, and as much again. */
const PHASES_FOR_A_ROUND = 6;

/**
 * When members commit: as late in the epoch as leaves time for the round, and not all in one second. Until then they probe.
 * @param since when the committee took office; all in seconds.
 * @returns the first second for it, and by how many it may be later.
 */
export function commitTime(
  since: number,
  epochSeconds: number,
  phaseSeconds: number,
): { readonly from: number; readonly spread: number } {
  const from = since + Math.max(Math.ceil(epochSeconds / 2), epochSeconds - PHASES_FOR_A_ROUND * phaseSeconds);
  return { from, spread: Math.floor(Math.min(phaseSeconds, epochSeconds / 8) / 2) };
}

/** How many of an epoch's probes are left at `now`, between `since` and `until`: at least one as long as there is time. */
export function probesLeft(probesPerEpoch: number, since: number, until: number, now: number): number {
  const left = Math.min(until - now, until - since);
  return left <= 0 ? 0 : Math.ceil((probesPerEpoch * left) / (until - since));
}

/** A round as the ledger shows it. Times are seconds since 1970. */
export interface RoundFacts {
  /** Last second in which commitments are taken; those of all seats end it before. */
  readonly commitDeadline: number;
  /** Last second in which reports are taken; those of all who committed end it before. */
  readonly revealDeadline: number;
  readonly sample: Sample;
  readonly commitments: ReadonlySet<number>;
  readonly reports: ReadonlySet<number>;
  /** Undefined until it is settled; then, whether there were enough reports. */
  readonly isMeasured: boolean | undefined;
  readonly isCredited: boolean;
  /** Or there is nothing to pay. */
  readonly isPaid: boolean;
}

export type RoundPhase = "none" | "commit" | "reveal" | "settle" | "settled";

/** @param seats how many the committee has. */
export function roundPhase(round: RoundFacts | undefined, seats: number, now: number): RoundPhase {
  if (round === undefined) return "none";
  if (round.isMeasured !== undefined) return "settled";
  const { commitments, reports, commitDeadline, revealDeadline } = round;
  if (now <= commitDeadline && commitments.size < seats) return "commit";
  return now <= revealDeadline && reports.size < commitments.size ? "reveal" : "settle";
}

export type RoundStep = "commit" | "reveal" | "settle" | "credit" | "allot";

/** What this member does for its own seat, while it is in office. */
export interface OwnPart {
  readonly seat: number;
  /** Ledger time at which it wants to commit. */
  readonly commitAt: number;
  /** Of the report that it has on disk; undefined before. */
  readonly sample: Sample | undefined;
}

export interface RoundView {
  /** Of the epoch that is looked at. */
  readonly round: RoundFacts | undefined;
  readonly seats: number;
  readonly now: number;
  readonly own: OwnPart | undefined;
}

/** What is due, if anything. Commit and reveal are this member's own; the others anybody's. */
export function dueStep({ round, seats, now, own }: RoundView): RoundStep | undefined {
  switch (roundPhase(round, seats, now)) {
    case "none":
      return own !== undefined && now >= own.commitAt ? "commit" : undefined;
    case "commit":
      // Whoever sees that the round has begun waits no longer.
      return own === undefined || round?.commitments.has(own.seat) === true ? undefined : "commit";
    case "reveal": {
      if (round === undefined || own?.sample === undefined) return undefined;
      const isOwed = round.commitments.has(own.seat) && !round.reports.has(own.seat);
      return isOwed && isReportOn(own.sample, round.sample) ? "reveal" : undefined;
    }
    case "settle":
      return "settle";
    case "settled":
      if (round?.isMeasured !== true) return undefined;
      if (!round.isCredited) return "credit";
      return round.isPaid ? undefined : "allot";
  }
}

/**
 * Whether a report on one sample says the truth of another one: the same, or with newcomers at its end, of whom nobody has seen anything
 * yet. Candidates that are admitted before the first commitment may move the sample; a report on another one is not given.
 */
function isReportOn(reported: Sample, asked: Sample): boolean {
  return reported.first === asked.first && reported.sampled <= asked.sampled;
}

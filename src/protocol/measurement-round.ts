/**
 * A round of measurements (docs/protocol.md, section 15.4): what a member reports, and what it does next so that the round of an epoch
 * comes to its end. Commit, reveal and settle are those of `contracts/Measurement.sol`; credit and allot follow from a settled
 * round. No I/O: the caller says what the ledger shows, and sends what is due.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, tuple, uint } from "../certificate/reader.js";
import { bytesToNumberBE, concatBytes, toBytes } from "../crypto/bytes.js";
import { CLASSES } from "../statements/classes.js";

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
  /** Classes of the sample's candidates, four bits each from the least significant, as 32 bytes. */
  readonly qualities: Uint8Array;
  /** Classes of the seats, likewise, as 16 bytes. */
  readonly participation: Uint8Array;
  /** Random, 32 bytes. */
  readonly salt: Uint8Array;
}

/** keccak256(abi.encode(epoch, account, qualities, participation, salt)), 32 bytes. @param account 20 bytes. */
export function commitmentOf({ epoch, qualities, participation, salt }: Report, account: Uint8Array): Uint8Array {
  return keccak_256(concatBytes(toBytes(epoch, 32), padded(account), qualities, padded(participation), salt));
}

const LIMITS: CborLimits = { maximumLength: 256, maximumDepth: 2 };
const readReport = tuple<Report>({
  epoch: uint(),
  sample: tuple<Sample>({ first: uint(0xffff), sampled: uint(CLASSES.inWord) }),
  qualities: bytes(32),
  participation: bytes(16),
  salt: bytes(32),
});

/** For the disk. */
export function encodeReport({ epoch, sample, qualities, participation, salt }: Report): Uint8Array {
  return encodeCbor([epoch, [sample.first, sample.sampled], qualities, participation, salt]);
}

/** @throws Refusal `malformed` */
export function decodeReport(encoded: Uint8Array): Report {
  return readReport(decodeCbor(encoded, "report", LIMITS), "report");
}

/** A round as the ledger shows it. Times are seconds since 1970. */
export interface Round {
  readonly epoch: bigint;
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
  readonly isAllotted: boolean;
}

export type RoundPhase = "none" | "commit" | "reveal" | "settle" | "settled";

/** @param seats how many the committee has. */
export function roundPhase(round: Round | undefined, seats: number, now: number): RoundPhase {
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
  readonly round: Round | undefined;
  readonly seats: number;
  readonly now: number;
  readonly own: OwnPart | undefined;
  /** Whether there is something to allot. */
  readonly hasRewards: boolean;
}

/** What is due, if anything. Commit and reveal are this member's own; the others anybody's. */
export function dueStep({ round, seats, now, own, hasRewards }: RoundView): RoundStep | undefined {
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
      return hasRewards && !round.isAllotted ? "allot" : undefined;
  }
}

/**
 * Whether a report on one sample says the truth of another one: the same, or with newcomers at its end, of whom nobody has seen anything
 * yet. Candidates that are admitted before the first commitment may move the sample; a report on another one is not given.
 */
function isReportOn(reported: Sample, asked: Sample): boolean {
  return reported.first === asked.first && reported.sampled <= asked.sampled;
}

function padded(value: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(32 - value.length), value);
}

/** How well candidates serve: what the committee measured of them, their reputation, and what they were paid. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = { name: "service", title: "Service", order: 16, paths: ["/service"] };

/** The reward pool as it stands; amounts are wei. */
export interface Pool {
  /** Ten-thousandths of it that an epoch pays out; 0 in a mesh without rewards. */
  readonly rewardBps: number;
  readonly paidIn: string;
  readonly unallotted: string;
  readonly owed: string;
  readonly claimed: string;
}

export type RoundState = "commitments" | "reports" | "to be settled" | "measured" | "too few reports";

/** The measurement of an epoch. */
export interface RoundLine {
  readonly epoch: number;
  readonly state: RoundState;
  /** Seconds since 1970; until then commitments, and reports, are taken. */
  readonly commitDeadline: number;
  readonly revealDeadline: number;
  readonly sampled: number;
  readonly committed: number;
  readonly reported: number;
  /** Of its last step. */
  readonly source: Source;
}

export interface RoundDetail extends RoundLine {
  /** What the seats did, as the others saw it; empty until the round was measured. */
  readonly seats: readonly SeatMeasured[];
  /** Quality of the sample's candidates since; empty until the round was measured. */
  readonly candidates: readonly CandidateMeasured[];
}

export interface SeatMeasured {
  readonly seat: number;
  readonly account: string;
  /** Whether it told what it saw of the others. */
  readonly reported: boolean;
  /** Class of what it did of what it owed. */
  readonly participated: number;
}

export interface CandidateMeasured {
  readonly account: string;
  readonly quality: number;
}

/** The round of an epoch; absent where there was none. */
export interface RoundOf {
  readonly round?: RoundDetail;
}

export interface Standing {
  readonly account: string;
  /** Classes, 0 to 15. */
  readonly quality: number;
  readonly reputation: number;
}

/** An epoch for which a validator was credited. */
export interface ServedEpoch {
  readonly epoch: number;
  readonly participated: number;
  readonly score: number;
  readonly earned: string;
  readonly source: Source;
}

/** How one validator serves, and what it has from that. */
export interface ServiceOf extends Standing {
  readonly earned: string;
  readonly owed: string;
  readonly items: readonly ServedEpoch[];
}

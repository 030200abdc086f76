/** Key ceremonies step by step: who did what, who failed, and what it cost. */
import type { EventLine, Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "ceremonies",
  title: "Ceremonies",
  order: 20,
  paths: ["/ceremonies", "/ceremonies/:ceremony"],
};

export interface CeremonyLine {
  readonly ceremony: string;
  readonly kind: "key generation" | "resharing" | "re-key";
  readonly seats: number;
  readonly threshold: number;
  readonly attempts: number;
  readonly phase: Phase;
  /** Seconds since 1970; 0 when it is over. */
  readonly deadline: number;
  readonly failures: number;
  readonly started: Source;
  readonly ended?: Source;
}

export type Phase = "accept" | "deal" | "complain" | "acknowledge" | "active" | "failed";

/** One thing that somebody did, and the transaction that shows it. */
export interface Step {
  readonly words: string;
  readonly source: Source;
}

/** One validator in one attempt. */
export interface Participant {
  readonly account: string;
  /** 0 before seats are given. */
  readonly seat: number;
  readonly accepted?: Source;
  readonly dealt?: Source;
  readonly acknowledged?: Source | undefined;
  /** Whether its dealing counts. */
  readonly counted: boolean;
}

export interface Failure {
  readonly account: string;
  readonly seat: number;
  readonly words: string;
  /** Wei; "0" where nothing was taken. */
  readonly cost: string;
  readonly source: Source;
}

export interface Attempt {
  readonly attempt: number;
  readonly phase: Phase;
  readonly deadline: number;
  readonly participants: readonly Participant[];
  /** Dealers, where they are others than the receivers: the committee in office. */
  readonly dealers: readonly Participant[];
  readonly failures: readonly Failure[];
  /** Gas of all its transactions. */
  readonly gas: number;
}

export interface CeremonyDetail extends CeremonyLine {
  readonly list: readonly Attempt[];
  readonly events: readonly EventLine[];
  readonly gas: number;
  /** What comes next, in one sentence. */
  readonly next: string;
}

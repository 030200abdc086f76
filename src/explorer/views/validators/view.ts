/** The candidates for the committee: stake, state and history. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "validators",
  title: "Validators",
  order: 10,
  paths: ["/validators", "/validators/:account"],
};

export type ValidatorState = "admitted" | "active" | "exiting" | "exited";

export interface ValidatorLine {
  readonly account: string;
  readonly state: ValidatorState;
  readonly operator: string;
  /** Wei. */
  readonly stake: string;
  readonly endpoint: string;
  readonly scope: string;
  /** Of the committee in office; 0 for none. */
  readonly seat: number;
  /** Classes, 0 to 15. */
  readonly quality: number;
  readonly reputation: number;
  /** What came last of it. */
  readonly source: Source;
}

export interface Slash {
  readonly offence: string;
  /** Wei. */
  readonly amount: string;
  readonly left: string;
  readonly source: Source;
}

/** Part of a validator in one ceremony, with the reason where it has none. */
export interface CeremonyPart {
  readonly ceremony: string;
  readonly attempt: number;
  readonly seat: number;
  readonly words: string;
  /** Whether something went wrong on its side. */
  readonly failed: boolean;
}

export interface ValidatorDetail extends ValidatorLine {
  readonly tlsPin: string;
  /** Seconds since 1970 from which its stake is free; 0 before it leaves. */
  readonly withdrawable: number;
  /** Whether it may be invited: active, with half of the minimum stake. */
  readonly eligible: boolean;
  readonly minimumStake: string;
  readonly slashes: readonly Slash[];
  readonly parts: readonly CeremonyPart[];
}

export interface ValidatorCounts {
  readonly all: number;
  readonly active: number;
  readonly admitted: number;
  readonly exiting: number;
  readonly exited: number;
}

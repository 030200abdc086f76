/** Epochs: how each committee was drawn, explained from the ledger and replayed. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = { name: "draws", title: "Epochs", order: 15, paths: ["/epochs", "/epochs/:epoch"] };

export interface EpochLine {
  readonly epoch: number;
  readonly generation: number;
  readonly seats: number;
  /** How its committee came into office. */
  readonly how: "key generation" | "drawn" | "went back";
  readonly ceremony: string;
  readonly source: Source;
}

/** One member of the permutation, in its order. */
export interface DrawnMember {
  readonly place: number;
  readonly account: string;
  readonly weight: number;
  /** Chance of being drawn in this place, of those that were left. */
  readonly chance: number;
  /** Whether it sits in the committee that came of it. */
  readonly inOffice: boolean;
}

export interface Turn {
  readonly epoch: number;
  readonly seats: number;
  readonly candidates: number;
  readonly totalWeight: number;
  readonly frozen: Source;
  readonly frozenBlock: number;
  readonly prevrandao: string;
  readonly beacon?: { readonly value: string; readonly previous: string; readonly source: Source };
  /** The first of the permutation: those with seats, and the first reserves. Empty before the beacon. */
  readonly drawn: readonly DrawnMember[];
}

export interface EpochDetail {
  readonly epoch: number;
  /** Undefined while its committee is not in office yet. */
  readonly office?: EpochLine & {
    readonly committee: readonly string[];
    /** Where another committee took office; undefined for the one in office now. */
    readonly ended?: Source;
  };
  readonly turn?: Turn;
}

/** Why a validator was drawn, or was not, in one turn. */
export interface Explanation {
  readonly epoch: number;
  readonly place: number;
  readonly words: string;
}

/** A validator in the draws: what it weighs in the next one, and how the last ones went. */
export interface DrawsOf {
  readonly weight: number;
  /** Of all candidates. */
  readonly total: number;
  readonly items: readonly Explanation[];
}

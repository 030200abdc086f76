/** The mesh at a glance: is it healthy, and if not, what is wrong. */
import type { EventLine, Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";
import type { CeremonyLine } from "../ceremonies/view.js";
import type { HeadLine } from "../revocation/view.js";

export const manifest: Manifest = { name: "overview", title: "Overview", order: 0, paths: ["/"] };

export type Level = "good" | "note" | "warning" | "bad";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  readonly title: string;
  readonly detail: string;
  /** Where it is told at length. */
  readonly path?: string;
}

export interface Seat {
  readonly seat: number;
  readonly account: string;
  readonly endpoint: string;
  readonly scope: string;
  /** Whether it still counts: active, with enough stake. */
  readonly sound: boolean;
  readonly words: string;
  /** What it did not do when it was last asked in a ceremony; undefined where it did its part. */
  readonly silent?: string;
}

export interface Deadline {
  readonly title: string;
  /** Seconds since 1970. */
  readonly at: number;
  readonly path: string;
}

export interface Overview {
  readonly meshId: string;
  readonly genesis?: Source;
  readonly findings: readonly Finding[];
  readonly office?: {
    readonly generation: number;
    readonly epoch: number;
    readonly n: number;
    readonly t: number;
    readonly f: number;
    readonly seats: readonly Seat[];
    /** Seats that count beyond the t that a signature needs. */
    readonly margin: number;
    /** Seconds since 1970 until which it is in office; undefined where nothing ends its term. */
    readonly until?: number;
    readonly source: Source;
  };
  /** What drew, or draws, the committee of `epoch`; undefined before the first draw. */
  readonly beacon?: { readonly epoch: number; readonly value: string; readonly source: Source };
  readonly ceremony?: CeremonyLine;
  readonly head?: HeadLine;
  readonly deadlines: readonly Deadline[];
  readonly totals: {
    readonly validators: number;
    readonly fleets: number;
    readonly devices: number;
    readonly revoked: number;
    readonly gasToday: number;
  };
  readonly parameters: Readonly<Record<string, string>>;
  /** Newest first. */
  readonly recent: readonly EventLine[];
  /** Seconds since 1970: what `findings` say is as of then. */
  readonly asOf: number;
}

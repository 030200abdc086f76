/** What the judge of signed objects says. It works apart from the page, so that nothing that is dropped can hold the page up. */
import type { Trust } from "../views/certificates/view.js";

export interface Case {
  /** Hexadecimal. */
  readonly bytes: string;
  readonly trust: Trust;
  /** Seconds since 1970. */
  readonly time: number;
  /** The device that a revocation proof is of, where that is known. */
  readonly index?: number;
}

/** One thing that was checked. */
export interface Check {
  readonly title: string;
  readonly state: "passed" | "failed" | "open";
  readonly words: string;
  readonly code?: string;
}

export interface Verdict {
  /** "certificate", "presentation", ...; undefined for bytes that are none of them. */
  readonly kind?: string;
  readonly accepted: boolean;
  readonly code?: string;
  readonly words: string;
  readonly advice?: string;
  readonly checks: readonly Check[];
  /** What the object says, by name. Nothing of it is believed unless it was accepted. */
  readonly facts: readonly (readonly [string, string])[];
  /** The device that it is of. */
  readonly index?: number;
  /** Names of facts that are times in seconds. */
  readonly times: readonly string[];
}

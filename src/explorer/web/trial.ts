/** The checks of one object in their order, and the verdict that follows from them. */
import { Refusal } from "../../certificate/refusal.js";
import type { Check, Verdict } from "./verdict.js";

export type Facts = (readonly [string, string])[];

/** Names of facts that are times in seconds. */
const TIMES = ["Valid from", "Expires", "Head issued", "Head ends", "Issued", "Next update"];

/** Checks in order; after the first that fails the others stay open. */
export class Trial {
  readonly checks: Check[] = [];
  #failure: Refusal | undefined;

  try(title: string, passed: string, work: () => void): void {
    if (this.#failure !== undefined) {
      this.checks.push({ title, state: "open", words: "not looked at" });
      return;
    }
    try {
      work();
      this.checks.push({ title, state: "passed", words: passed });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#failure = error;
      this.checks.push({ title, state: "failed", words: error.message, code: error.code });
    }
  }

  open(title: string, words: string): void {
    this.checks.push({ title, state: "open", words });
  }

  verdict(kind: string, accepted: string, facts: Facts, index?: number): Verdict {
    const of = { kind, checks: this.checks, facts, times: TIMES, ...(index === undefined ? {} : { index }) };
    const failure = this.#failure;
    if (failure === undefined) return { ...of, accepted: true, words: accepted };
    return {
      ...of,
      accepted: false,
      code: failure.code,
      words: `${capital(failure.message)}.`,
      advice: failure.advice,
    };
  }
}

/** A verdict on what could not be tried at all. */
export function none(code: string, words: string): Verdict {
  return { accepted: false, code, words, checks: [], facts: [], times: [] };
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

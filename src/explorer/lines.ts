/** Events and transactions as lists show them. */
import type { Sentence } from "./sentence.js";

/** Where a fact comes from. */
export interface Source {
  readonly hash: string;
  readonly block: number;
  readonly time: number;
}

export interface EventLine extends Source {
  readonly id: number;
  readonly place: number;
  readonly contract: string;
  readonly name: string;
  readonly words: Sentence;
}

export interface TransactionLine extends Source {
  readonly id: number;
  readonly sender: string;
  readonly recipient: string | null;
  readonly contract: string | null;
  readonly method: string | null;
  readonly value: string;
  readonly ok: boolean;
  readonly gasUsed: number;
  readonly gasPrice: string;
  readonly purpose: string;
  /** What the sender did, without the sender. */
  readonly words: Sentence;
}

/** One page of a list, and the cursor of the next one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: number;
}

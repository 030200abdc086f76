/**
 * How much of what each member owed this one saw it do (docs/protocol.md, section 15.3), as a class from 0 to 15 for each seat. Counted are
 * things of several kinds: votes on statements that were decided, requests to sign that were answered or not, what a ceremony
 * asked of a member on the ledger, probes. Each kind counts the same, however often its things happen. Memory is bounded:
 * late votes are told from repeated ones among the last statements only.
 */
import { CLASSES } from "../statements/classes.js";

/** Statements of which it is known who voted: as many as a book of votes keeps. */
const REMEMBERED_STATEMENTS = 64;

export type Duty = "vote" | "signature" | "ceremony" | "probe";

interface Share {
  owed: number;
  done: number;
}

export class Participation {
  readonly #seats: readonly number[];
  readonly #shares = new Map<string, Share>();
  /** Seats that voted, by statement. */
  readonly #votes = new Map<string, { readonly seats: Set<number>; isDecided: boolean }>();

  /** @param seats of the other members. */
  constructor(seats: readonly number[]) {
    this.#seats = seats;
  }

  /** A seat did, or did not do, one thing that it owed. */
  count(duty: Duty, seat: number, isDone: boolean): void {
    const name = `${duty} ${seat}`;
    const share = this.#shares.get(name) ?? { owed: 0, done: 0 };
    this.#shares.set(name, share);
    share.owed++;
    if (isDone) share.done++;
  }

  /** A seat's vote on a statement came in: it counts once, when or after the statement is decided. */
  voted(statement: string, seat: number): void {
    const { seats, isDecided } = this.#ballot(statement);
    if (!this.#seats.includes(seat) || seats.has(seat)) return;
    seats.add(seat);
    // Owed it was when the statement was decided.
    const share = this.#shares.get(`vote ${seat}`);
    if (isDecided && share !== undefined) share.done++;
  }

  /** A statement has its signature: every seat owed its vote. */
  decided(statement: string): void {
    const ballot = this.#ballot(statement);
    if (ballot.isDecided) return;
    ballot.isDecided = true;
    for (const seat of this.#seats) this.count("vote", seat, ballot.seats.has(seat));
  }

  /** The share of its duties that a seat did, each kind counted the same: 0 to 15; 0 for a seat that owed nothing. */
  classOf(seat: number): number {
    const parts = (["vote", "signature", "ceremony", "probe"] satisfies Duty[]).flatMap((duty) => {
      const share = this.#shares.get(`${duty} ${seat}`);
      return share === undefined ? [] : [share.done / share.owed];
    });
    if (parts.length === 0) return 0;
    // Rounded to the nearest: sums of fractions are not exact.
    return Math.round((CLASSES.best * parts.reduce((sum, part) => sum + part, 0)) / parts.length);
  }

  #ballot(statement: string): { readonly seats: Set<number>; isDecided: boolean } {
    const known = this.#votes.get(statement);
    if (known !== undefined) return known;
    const ballot = { seats: new Set<number>(), isDecided: false };
    this.#votes.set(statement, ballot);
    if (this.#votes.size > REMEMBERED_STATEMENTS) this.#votes.delete(this.#votes.keys().next().value as string);
    return ballot;
  }
}

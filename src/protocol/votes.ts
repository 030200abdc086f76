/**
 * Ordered statements (activation, DRL heads, checkpoints, committee lists) are a function of the finalised chain: every
 * honest member builds the same bytes, and signs them once. This book collects the members' partial signatures until t
 * of them make the swarm signature (docs/protocol.md, sections 2 and 3.7). No I/O, bounded memory.
 *
 * A partial may arrive before this member has built the statement itself: it waits, one per seat and statement, and is
 * checked when the statement is known. A partial that does not verify is thrown away and its sender named.
 */
export interface VoteBookOptions {
  /** Shares that make a signature. */
  readonly threshold: number;
  /** Seats that may vote. */
  readonly seats: readonly number[];
  /** Whether `partial` is the seat's partial signature over `message`. */
  readonly verify: (seat: number, message: Uint8Array, partial: Uint8Array) => boolean;
  /** The swarm signature from exactly `threshold` verified partials. */
  readonly combine: (partials: ReadonlyMap<number, Uint8Array>) => Uint8Array;
  /** Statements kept at a time; the oldest goes first. */
  readonly capacity?: number;
}

export type VoteOutcome =
  | { readonly kind: "waiting"; readonly votes: number }
  | { readonly kind: "complete"; readonly signature: Uint8Array }
  | { readonly kind: "refused"; readonly reason: "not-a-seat" | "bad-partial" | "already-voted" };

interface Ballot {
  message: Uint8Array | undefined;
  readonly partials: Map<number, Uint8Array>;
  signature: Uint8Array | undefined;
}

const DEFAULT_CAPACITY = 64;

export class VoteBook {
  readonly #options: VoteBookOptions;
  readonly #ballots = new Map<string, Ballot>();

  constructor(options: VoteBookOptions) {
    this.#options = options;
  }

  /** This member has built statement `id` itself: `message` is what a partial has to sign. */
  propose(id: string, message: Uint8Array): { readonly outcome: VoteOutcome; readonly liars: readonly number[] } {
    const ballot = this.#ballot(id);
    const liars: number[] = [];
    if (ballot.message === undefined) {
      ballot.message = message;
      for (const [seat, partial] of ballot.partials) {
        if (!this.#options.verify(seat, message, partial)) {
          ballot.partials.delete(seat);
          liars.push(seat);
        }
      }
    }
    return { outcome: this.#count(ballot), liars };
  }

  /** A partial signature of `seat` over statement `id`. */
  add(id: string, seat: number, partial: Uint8Array): VoteOutcome {
    if (!this.#options.seats.includes(seat)) return { kind: "refused", reason: "not-a-seat" };
    const ballot = this.#ballot(id);
    if (ballot.signature !== undefined) return { kind: "complete", signature: ballot.signature };
    if (ballot.partials.has(seat)) return { kind: "refused", reason: "already-voted" };
    if (ballot.message !== undefined && !this.#options.verify(seat, ballot.message, partial)) {
      return { kind: "refused", reason: "bad-partial" };
    }
    ballot.partials.set(seat, partial);
    return this.#count(ballot);
  }

  /** The finished signature over statement `id`, if there is one. */
  signature(id: string): Uint8Array | undefined {
    return this.#ballots.get(id)?.signature;
  }

  #ballot(id: string): Ballot {
    let ballot = this.#ballots.get(id);
    if (ballot === undefined) {
      ballot = { message: undefined, partials: new Map(), signature: undefined };
      this.#ballots.set(id, ballot);
      if (this.#ballots.size > (this.#options.capacity ?? DEFAULT_CAPACITY)) {
        const oldest = this.#ballots.keys().next().value;
        if (oldest !== undefined) this.#ballots.delete(oldest);
      }
    }
    return ballot;
  }

  #count(ballot: Ballot): VoteOutcome {
    if (ballot.signature === undefined && ballot.message !== undefined) {
      if (ballot.partials.size >= this.#options.threshold) {
        const counted = new Map([...ballot.partials].slice(0, this.#options.threshold));
        ballot.signature = this.#options.combine(counted);
      }
    }
    if (ballot.signature !== undefined) return { kind: "complete", signature: ballot.signature };
    return { kind: "waiting", votes: ballot.partials.size };
  }
}

/**
 * Ordered statements (activation, DRL heads, checkpoints, committee lists) are a function of the finalised chain: every
 * honest member builds the same bytes, and signs them once. This book collects the members' partial signatures until t
 * of them make the swarm signature (docs/protocol.md, sections 2 and 3.7). No I/O, bounded memory.
 *
 * Only statements that this member has built itself are counted on, so nobody can fill the book: the sender of a vote that
 * comes too early tries again. A partial that does not verify is refused, and never takes its seat's place.
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
  | { readonly kind: "refused"; readonly reason: "unknown-statement" | "not-a-seat" | "bad-partial" };

interface Ballot {
  readonly message: Uint8Array;
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
  propose(id: string, message: Uint8Array): void {
    if (this.#ballots.has(id)) return;
    this.#ballots.set(id, { message, partials: new Map(), signature: undefined });
    if (this.#ballots.size > (this.#options.capacity ?? DEFAULT_CAPACITY)) {
      const oldest = this.#ballots.keys().next().value;
      if (oldest !== undefined) this.#ballots.delete(oldest);
    }
  }

  /** A partial signature of `seat` over statement `id`. */
  add(id: string, seat: number, partial: Uint8Array): VoteOutcome {
    const ballot = this.#ballots.get(id);
    if (ballot === undefined) return { kind: "refused", reason: "unknown-statement" };
    if (!this.#options.seats.includes(seat)) return { kind: "refused", reason: "not-a-seat" };
    if (ballot.signature !== undefined) return { kind: "complete", signature: ballot.signature };
    if (!ballot.partials.has(seat)) {
      if (!this.#options.verify(seat, ballot.message, partial)) return { kind: "refused", reason: "bad-partial" };
      ballot.partials.set(seat, partial);
    }
    if (ballot.partials.size < this.#options.threshold) return { kind: "waiting", votes: ballot.partials.size };
    ballot.signature = this.#options.combine(ballot.partials);
    return { kind: "complete", signature: ballot.signature };
  }

  /** The finished signature over statement `id`, if there is one. */
  signature(id: string): Uint8Array | undefined {
    return this.#ballots.get(id)?.signature;
  }
}

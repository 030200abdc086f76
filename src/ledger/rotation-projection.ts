/**
 * The epoch clock as its events tell it: weights of the candidates, the turn under way, and the chain of beacons. What a turn was
 * frozen with is kept for each, so that its draw can be replayed.
 */
import type { WeightInputs } from "../protocol/weight.js";
import type { LedgerEvent } from "./events.js";

export interface Turn {
  /** Of the committee that it leads to. */
  readonly epoch: bigint;
  readonly blockNumber: bigint;
  readonly prevrandao: string;
  readonly seats: number;
  readonly candidates: number;
  /** Weights by rank, as the freeze locked them. */
  readonly weights: readonly number[];
  /** By rank, what each weight was made of. */
  readonly weighedBy: readonly (WeightInputs | undefined)[];
  /** The block in which it was frozen, and the one in which its beacon was posted. */
  readonly frozenIn: number;
  readonly beacon: Beacon | undefined;
}

export interface Beacon {
  readonly epoch: bigint;
  readonly value: string;
  readonly previous: string;
  /** The swarm's signature in EIP-2537 encoding, as eight words. */
  readonly signature: Readonly<Record<string, bigint>>;
  readonly postedIn: number;
}

export class RotationProjection {
  /** By the epoch that each leads to. */
  readonly turns = new Map<bigint, Turn>();
  /** Seats of committees from the next freeze on; undefined for what the genesis says. */
  seats: number | undefined;
  latest: Turn | undefined;
  readonly #weights: number[] = [];
  readonly #weighedBy: (WeightInputs | undefined)[] = [];
  readonly #inputsOf: (rank: number, account: string) => WeightInputs;

  /** @param inputsOf what `refresh` reads of a candidate, as it stands at the event that is applied */
  constructor(inputsOf: (rank: number, account: string) => WeightInputs) {
    this.#inputsOf = inputsOf;
  }

  apply(event: Extract<LedgerEvent, { contract: "rotation" }>): void {
    switch (event.name) {
      case "WeightChanged": {
        const rank = Number(event.args.rank);
        while (this.#weights.length <= rank) this.#weights.push(0);
        this.#weights[rank] = Number(event.args.weight);
        this.#weighedBy[rank] = this.#inputsOf(rank, event.args.account);
        return;
      }
      case "CommitteeResized":
        this.seats = Number(event.args.seats);
        return;
      case "Frozen": {
        const { epoch, blockNumber, prevrandao, seats, candidates } = event.args;
        const weights = this.#weights.slice(0, Number(candidates));
        const weighedBy = this.#weighedBy.slice(0, Number(candidates));
        const turn = {
          epoch,
          blockNumber,
          prevrandao,
          weights,
          weighedBy,
          frozenIn: event.blockNumber,
          beacon: undefined,
        };
        this.#set({ ...turn, seats: Number(seats), candidates: Number(candidates) });
        return;
      }
      case "BeaconPosted": {
        const { epoch, beacon, previous, signature } = event.args;
        const turn = this.turns.get(epoch);
        if (turn === undefined) return;
        const found = { epoch, value: beacon, previous, signature: { ...signature }, postedIn: event.blockNumber };
        this.#set({ ...turn, beacon: found });
        return;
      }
      default:
    }
  }

  /** The weight of the candidate with this number in the registry, as it stands. */
  weightOf(rank: number): number {
    return this.#weights[rank] ?? 0;
  }

  /** All beacons in the order of their turns. */
  beacons(): readonly Beacon[] {
    return [...this.turns.values()].flatMap(({ beacon }) => (beacon === undefined ? [] : [beacon]));
  }

  #set(turn: Turn): void {
    this.turns.set(turn.epoch, turn);
    this.latest = turn;
  }
}

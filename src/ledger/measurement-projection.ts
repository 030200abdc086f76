/**
 * What the committee measured, as the events tell it: rounds, the quality of each candidate, and the reputation of whoever was
 * in office (docs/protocol.md, section 15).
 */
import { CLASSES, classAt } from "../statements/classes.js";
import { WEIGHT } from "../statements/sortition.js";
import type { LedgerEvent, LedgerEventNamed } from "./events.js";

/** The round of an epoch. An object is never changed: each event makes a new one. */
export interface Round {
  readonly epoch: bigint;
  /** Number of the first candidate of the sample, and how many there are. */
  readonly first: number;
  readonly sampled: number;
  /** Seconds since 1970. */
  readonly commitDeadline: bigint;
  readonly revealDeadline: bigint;
  /** Seats that committed. */
  readonly committed: readonly number[];
  /** Reports by seat, packed as on the ledger. */
  readonly reports: ReadonlyMap<number, { readonly qualities: bigint; readonly participation: bigint }>;
  /** Undefined until it is settled. */
  readonly result: RoundResult | undefined;
}

export interface RoundResult {
  /** Whether there were enough reports; nothing changed otherwise. */
  readonly isMeasured: boolean;
  /** Classes of the sample from then on, and of what each seat did; packed. */
  readonly qualities: bigint;
  readonly participation: bigint;
  readonly settledIn: number;
}

/** What an account was credited with for an epoch in office. */
export interface Credit {
  readonly epoch: bigint;
  /** Class of what it did in that epoch, and its score afterwards; 0 to 15. */
  readonly participated: number;
  readonly score: number;
  readonly blockNumber: number;
}

export class MeasurementProjection {
  readonly rounds = new Map<bigint, Round>();
  /** The last epoch whose members were credited; 0 before the first. */
  lastCredited = 0n;
  readonly #qualities: number[] = [];
  readonly #credits = new Map<string, readonly Credit[]>();

  apply(event: Extract<LedgerEvent, { contract: "measurement" | "reputation" }>): void {
    switch (event.name) {
      case "RoundOpened": {
        const { epoch, commitDeadline, revealDeadline, first, sampled } = event.args;
        const sample = { first: Number(first), sampled: Number(sampled) };
        const none = { committed: [], reports: new Map<number, never>(), result: undefined };
        this.rounds.set(epoch, { epoch, commitDeadline, revealDeadline, ...sample, ...none });
        return;
      }
      case "ReportCommitted": {
        const { epoch, seat } = event.args;
        this.#change(epoch, ({ committed }) => ({ committed: [...committed, Number(seat)] }));
        return;
      }
      case "ReportRevealed": {
        const { epoch, seat, qualities, participation } = event.args;
        const report = { qualities, participation };
        this.#change(epoch, ({ reports }) => ({ reports: new Map([...reports, [Number(seat), report]]) }));
        return;
      }
      case "RoundSettled":
        this.#settle(event);
        return;
      case "Credited": {
        const { account, epoch, participated, score } = event.args;
        const credit = { epoch, participated: Number(participated), score: Number(score) };
        const key = account.toLowerCase();
        const credits = this.#credits.get(key) ?? [];
        this.#credits.set(key, [...credits, { ...credit, blockNumber: event.blockNumber }]);
        this.lastCredited = epoch;
        return;
      }
      default:
    }
  }

  /** Class of the candidate with this number in the registry, 0 to 15; 0 until it was measured. */
  qualityOf(rank: number): number {
    return this.#qualities[rank] ?? 0;
  }

  /** Score of an account, 0 to 15; in the middle until it was in office. */
  scoreOf(account: string): number {
    return this.creditsOf(account).at(-1)?.score ?? WEIGHT.neutral;
  }

  /** What an account was credited with, in order. */
  creditsOf(account: string): readonly Credit[] {
    return this.#credits.get(account.toLowerCase()) ?? [];
  }

  #settle({ args, blockNumber }: LedgerEventNamed<"RoundSettled">): void {
    const { epoch, isMeasured, qualities, participation } = args;
    const round = this.#change(epoch, () => ({
      result: { isMeasured, qualities, participation, settledIn: blockNumber },
    }));
    if (round === undefined || !isMeasured) return;
    const end = round.first + Math.min(round.sampled, CLASSES.inWord);
    while (this.#qualities.length < end) this.#qualities.push(0);
    for (let rank = round.first; rank < end; rank++) this.#qualities[rank] = classAt(qualities, rank - round.first);
  }

  #change(epoch: bigint, change: (round: Round) => Partial<Round>): Round | undefined {
    const before = this.rounds.get(epoch);
    if (before === undefined) return undefined;
    const round = { ...before, ...change(before) };
    this.rounds.set(epoch, round);
    return round;
  }
}

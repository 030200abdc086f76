/**
 * Follows the finalised chain and hands out the logs of some contracts, each once and in order, from a cursor that the
 * consumer keeps. Passing faults are waited out and shown in `health`; a change of finalised history ends it.
 */
import { Backoff } from "./backoff.js";
import { LedgerError, isPassing } from "./errors.js";
import { HeadSignal } from "./heads.js";
import type { LedgerLog, LedgerSource } from "./source.js";
import type { VerifiedHeader } from "./state-proof.js";

/** The last block whose logs were taken. */
export interface Cursor {
  readonly number: number;
  /** Absent only before the first block: then no history is compared. */
  readonly hash?: string;
}

/** Logs of the blocks after the previous batch, up to and including `through`; there may be none. */
export interface Batch<Event> {
  readonly events: readonly Event[];
  /** The next cursor: to be kept together with what was made of the events. */
  readonly through: VerifiedHeader;
  /** Whether `through` is the finalised block as last seen: false while catching up. */
  readonly upToDate: boolean;
}

export interface FollowerHealth {
  /** Whether the last look at the chain succeeded. A validator signs nothing while it is false. */
  readonly ok: boolean;
  /** The finalised block as last seen. */
  readonly finalised: VerifiedHeader | undefined;
  readonly error: LedgerError | undefined;
}

export interface FollowerOptions<Event> {
  readonly source: LedgerSource;
  /** Contracts whose logs are wanted. */
  readonly addresses: readonly string[];
  readonly cursor: Cursor;
  /** @throws LedgerError `bad-log`, which ends the follower. */
  readonly decode: (log: LedgerLog) => Event;
  readonly onHealth?: (health: FollowerHealth) => void;
  readonly signal?: AbortSignal;
  /** Blocks asked for at a time, default 2000; fewer where the endpoint refuses so many. */
  readonly rangeBlocks?: number;
  /** Milliseconds between looks where no WebSocket tells of blocks, default 1000. */
  readonly pollMs?: number;
}

export class Follower<Event> implements AsyncIterable<Batch<Event>> {
  readonly #options: FollowerOptions<Event>;
  readonly #maximumRange: number;
  #range: number;
  #health: FollowerHealth = { ok: false, finalised: undefined, error: undefined };

  constructor(options: FollowerOptions<Event>) {
    this.#options = options;
    this.#maximumRange = options.rangeBlocks ?? 2000;
    this.#range = this.#maximumRange;
  }

  get health(): FollowerHealth {
    return this.#health;
  }

  /**
   * Batches as they become final; the next is fetched when the consumer asks for it. Ends when the signal is aborted.
   * @throws LedgerError `reorganised`, `wrong-chain`, `bad-log`, `bad-header`: somebody has to look.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<Event>, void, undefined> {
    const { source, signal, pollMs } = this.#options;
    const heads = new HeadSignal(source.endpoints, pollMs);
    // The consumer may never ask for another batch, and then nothing below runs again.
    signal?.addEventListener("abort", () => heads.close(), { once: true });
    const backoff = new Backoff();
    let { cursor } = this.#options;
    try {
      for (;;) {
        if (signal?.aborted === true) return;
        let batch: Batch<Event> | undefined;
        try {
          batch = await this.#next(cursor);
        } catch (error) {
          const failure = asLedgerError(error);
          this.#report({ ok: false, finalised: this.#health.finalised, error: failure });
          if (!isPassing(failure)) throw failure;
          await backoff.wait(signal);
          continue;
        }
        backoff.reset();
        if (batch !== undefined) {
          cursor = batch.through;
          yield batch;
        }
        if (batch === undefined || batch.upToDate) await heads.wait(signal);
      }
    } finally {
      heads.close();
    }
  }

  async #next(cursor: Cursor): Promise<Batch<Event> | undefined> {
    const { source, addresses, decode } = this.#options;
    const finalised = await source.finalised();
    if (finalised.number < cursor.number) {
      throw new LedgerError(
        "behind",
        `the ledger endpoint's finalised block ${finalised.number} is below block ${cursor.number}, which was acted upon`,
        { finalised: finalised.number, cursor: cursor.number },
      );
    }
    if (cursor.hash !== undefined) {
      const hash = await this.#hashAt(cursor.number, finalised);
      if (hash !== cursor.hash) throw reorganised(cursor, hash);
    }
    this.#report({ ok: true, finalised, error: undefined });
    if (finalised.number === cursor.number) return undefined;

    const from = cursor.number + 1;
    const to = Math.min(finalised.number, from + this.#range - 1);
    const logs = await this.#logs(addresses, from, to);
    if (logs === undefined) return this.#next(cursor);
    const through = to === finalised.number ? finalised : await source.block(to);
    return { events: logs.map(decode), through, upToDate: to === finalised.number };
  }

  /** What the chain that ends with `finalised` has at a number. Its parent's hash is in the header itself. */
  async #hashAt(number: number, finalised: VerifiedHeader): Promise<string> {
    if (number === finalised.number) return finalised.hash;
    if (number === finalised.number - 1) return finalised.parentHash;
    return (await this.#options.source.block(number)).hash;
  }

  /** Undefined if the range was too much for an endpoint and is smaller now. */
  async #logs(addresses: readonly string[], from: number, to: number): Promise<readonly LedgerLog[] | undefined> {
    try {
      const logs = await this.#options.source.logs(addresses, from, to);
      this.#range = Math.min(this.#maximumRange, this.#range * 2);
      return logs;
    } catch (error) {
      const tooMuch = error instanceof LedgerError && (error.code === "rpc" || error.code === "timeout") && to > from;
      if (!tooMuch) throw error;
      this.#range = Math.max(1, Math.floor((to - from + 1) / 2));
      return undefined;
    }
  }

  #report(health: FollowerHealth): void {
    this.#health = health;
    this.#options.onHealth?.(health);
  }
}

function reorganised(cursor: Cursor, hash: string): LedgerError {
  return new LedgerError("reorganised", `block ${cursor.number} was final as ${cursor.hash} and is ${hash} now`, {
    number: cursor.number,
    before: cursor.hash,
    now: hash,
  });
}

function asLedgerError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  throw error;
}

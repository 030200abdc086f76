/** Waiting between attempts: exponential with full jitter, so that clients of a node that comes back do not come all at once. */
import { setTimeout as delay } from "node:timers/promises";

export class Backoff {
  readonly #firstMs: number;
  readonly #maximumMs: number;
  #attempt = 0;

  constructor(firstMs = 250, maximumMs = 15_000) {
    this.#firstMs = firstMs;
    this.#maximumMs = maximumMs;
  }

  /** Call after a success. */
  reset(): void {
    this.#attempt = 0;
  }

  /** Resolves after the next waiting time, or at once when `signal` is aborted. */
  async wait(signal?: AbortSignal): Promise<void> {
    const ceiling = Math.min(this.#maximumMs, this.#firstMs * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 30);
    await pause(ceiling * (0.5 + Math.random() / 2), signal);
  }
}

/** Resolves after `ms`, or at once when `signal` is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Tells when an endpoint may have a new block: by subscription where a WebSocket is offered, else by the clock. */
import { Backoff, pause } from "./backoff.js";
import type { Endpoint } from "./endpoint.js";

/** While subscribed, polling goes on this many times more slowly, in case a subscription dies in silence. */
const SUBSCRIBED_FACTOR = 10;

export class HeadSignal {
  readonly #pollMs: number;
  readonly #stop = new AbortController();
  #waiting: (() => void)[] = [];
  #fresh = false;
  #subscriptions = 0;

  constructor(endpoints: readonly Endpoint[], pollMs = 1000) {
    this.#pollMs = pollMs;
    for (const endpoint of endpoints) void this.#subscribe(endpoint);
    void this.#poll();
  }

  /** Resolves at the next sign of a new block; at once if there was one since the last call. Also when `signal` is aborted. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#fresh && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        // The signal outlives the wait, and there is one for each block.
        const wake = (): void => {
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.push(wake);
        signal?.addEventListener("abort", wake);
      });
    }
    this.#fresh = false;
  }

  close(): void {
    this.#stop.abort();
    this.#notify();
  }

  #notify(): void {
    this.#fresh = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await pause(this.#pollMs * (this.#subscriptions > 0 ? SUBSCRIBED_FACTOR : 1), signal);
      this.#notify();
    }
  }

  async #subscribe(endpoint: Endpoint): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const subscription = await endpoint.subscribeHeads(() => this.#notify());
        if (subscription === undefined) return;
        this.#subscriptions++;
        backoff.reset();
        this.#notify();
        await Promise.race([subscription.closed, aborted(signal)]);
        this.#subscriptions--;
      } catch {
        // Polling goes on, and whoever uses the endpoint sees and reports why it does not answer.
      }
      await backoff.wait(signal);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

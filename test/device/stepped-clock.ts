import type { Clock } from "../../src/runtime/clock.js";

/** The real time; its sleeper sleeps until it is told to wake up. */
export class SteppedClock implements Clock {
  #wake: () => void = () => undefined;
  #onSleep: () => void = () => undefined;
  #asleep = false;
  now = (): number => Date.now();

  sleep(_milliseconds: number, signal?: AbortSignal): Promise<void> {
    const slept = new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    this.#asleep = true;
    this.#onSleep();
    return slept;
  }

  /** Resolves when somebody sleeps. */
  async asleep(): Promise<void> {
    if (!this.#asleep) await new Promise<void>((resolve) => (this.#onSleep = resolve));
  }

  /** Wakes the sleeper, and resolves when it sleeps again. */
  async step(): Promise<void> {
    this.#asleep = false;
    this.#wake();
    await this.asleep();
  }
}

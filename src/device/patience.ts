/** How often, and after which waits, a device asks again when too few members answered well. */
import type { GatherError } from "../protocol/gather.js";
import { backoffMilliseconds, handoverMilliseconds } from "./backoff.js";
import { isHandingOver, tooFewAnswers } from "./refusals.js";

/**
 * Rounds for which a handover is waited out, about a second before each, besides the attempts. Members that lie about one cost no more
 * than these; whoever is refused for want of time comes back in waits that double.
 */
const HANDOVER_ROUNDS = 60;

export class Patience {
  readonly #attempts: number;
  readonly #random: () => number;
  #failed = 0;
  #handovers = 0;

  /** @param attempts rounds that may fail for any other reason than a handover. */
  constructor(attempts: number, random: () => number) {
    this.#attempts = attempts;
    this.#random = random;
  }

  /**
   * Milliseconds until the next round, after one that failed.
   * @throws SwarmkeepError `too-few-validators` after the last
   */
  after<Member>(error: GatherError<Member>): number {
    if (isHandingOver(error) && this.#handovers < HANDOVER_ROUNDS) {
      this.#handovers += 1;
      return handoverMilliseconds(this.#random());
    }
    this.#failed += 1;
    if (this.#failed >= this.#attempts) throw tooFewAnswers(error);
    return backoffMilliseconds(this.#failed, this.#random());
  }
}

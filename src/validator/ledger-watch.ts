/**
 * Whether what this validator sees of the ledger is good enough to sign about (docs/protocol.md, section 10): endpoints that agree,
 * blocks that come, and a clock that fits their time. A minute between honest clocks is nothing; more is said for what it is.
 */
import type { FollowerHealth } from "../ledger/follower.js";
import type { Projection } from "../ledger/projection.js";
import type { Clock } from "../runtime/clock.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";

export class LedgerWatch {
  readonly #projection: Pick<Projection, "genesis">;
  readonly #clock: Clock;
  /** The newest final block, and when this process first saw it or a look at it last went well, milliseconds. */
  #newest = { number: -1, since: -Infinity };
  #lastGoodLook = -Infinity;
  /** Seconds by which the clock is ahead of the newest final block's time, as that was first seen. */
  #ahead: number | undefined;

  constructor(projection: Pick<Projection, "genesis">, clock: Clock) {
    this.#projection = projection;
    this.#clock = clock;
  }

  /** Seconds from the newest final block's time to this clock, when it was first seen: finality, and what the clock is off. */
  get blockAge(): number | undefined {
    return this.#ahead;
  }

  /** Takes what the follower saw. @returns why nothing may be signed; undefined where something may */
  look({ ok, error, finalised }: FollowerHealth): string | undefined {
    const now = this.#clock.now();
    if (finalised !== undefined && finalised.number > this.#newest.number) {
      this.#newest = { number: finalised.number, since: now };
      this.#ahead = now / 1000 - finalised.timestamp;
    }
    if (ok) this.#lastGoodLook = now;
    // At once: one of them lies.
    if (error?.code === "endpoints-disagree" || error?.code === "bad-proof") return error.message;
    const { genesis } = this.#projection;
    // Before genesis was read nothing is signed anyway.
    if (genesis === undefined || this.#ahead === undefined || finalised === undefined) return undefined;
    // For as long as a head lives nobody's revocation is missed that a verifier would still accept.
    const lifetime = Number(genesis.parameters.headLifetimeSeconds);
    if (now > this.#lastGoodLook + 1000 * lifetime) return error?.message ?? "the ledger does not answer";
    if (this.#ahead < -CLOCK_SKEW_SECONDS) {
      return `this machine's clock is ${seconds(-this.#ahead)} behind the time of the newest final block: set it right`;
    }
    if (this.#ahead > lifetime + CLOCK_SKEW_SECONDS) {
      return `the newest final block is ${seconds(this.#ahead)} old by this machine's clock: the clock is ahead, or the ledger's node is behind`;
    }
    if (now > this.#newest.since + 1000 * lifetime) return "the ledger makes no blocks";
    return undefined;
  }
}

const seconds = (count: number): string => `${Math.round(count)} s`;

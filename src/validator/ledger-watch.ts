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
  /** The newest final block, and when this process first saw it, milliseconds. */
  #newest = { number: -1, since: -Infinity };
  #lastGoodLook = -Infinity;
  #clockAhead: number | undefined;

  constructor(projection: Pick<Projection, "genesis">, clock: Clock) {
    this.#projection = projection;
    this.#clock = clock;
  }

  /** Seconds from the time of the newest block, final or not, to this clock, when that was last looked at. */
  get clockAhead(): number | undefined {
    return this.#clockAhead;
  }

  /** What is wrong with the clock, or may be: blocks are some seconds old when they are seen, and none is from the future. */
  get clockWarning(): string | undefined {
    const ahead = this.#clockAhead ?? 0;
    if (ahead < -CLOCK_SKEW_SECONDS) return clockBehind(-ahead);
    return ahead > CLOCK_SKEW_SECONDS ? clockAheadOf("the newest block", ahead) : undefined;
  }

  /** @param time of the newest block, seconds since 1970; undefined where nobody told it. */
  compare(time: number | undefined): void {
    if (time !== undefined) this.#clockAhead = this.#clock.now() / 1000 - time;
  }

  /** Takes what the follower saw. @returns why nothing may be signed; undefined where something may */
  look({ ok, error, finalised }: FollowerHealth): string | undefined {
    const now = this.#clock.now();
    if (finalised !== undefined && finalised.number > this.#newest.number) {
      this.#newest = { number: finalised.number, since: now };
    }
    if (ok) this.#lastGoodLook = now;
    // At once: one of them lies.
    if (error?.code === "endpoints-disagree" || error?.code === "bad-proof") return error.message;
    const { genesis } = this.#projection;
    // Before genesis was read nothing is signed anyway.
    if (genesis === undefined || finalised === undefined) return undefined;
    // For as long as a head lives nobody's revocation is missed that a verifier would still accept.
    const lifetime = Number(genesis.parameters.headLifetimeSeconds);
    if (now > this.#lastGoodLook + 1000 * lifetime) return error?.message ?? "the ledger does not answer";
    if (now > this.#newest.since + 1000 * lifetime) return "the ledger makes no blocks";
    const age = now / 1000 - finalised.timestamp;
    if (age > lifetime + CLOCK_SKEW_SECONDS) return clockAheadOf("the newest final block", age);
    const ahead = Math.min(age, this.#clockAhead ?? age);
    return ahead < -CLOCK_SKEW_SECONDS ? clockBehind(-ahead) : undefined;
  }
}

function clockBehind(by: number): string {
  return `this machine's clock is ${seconds(by)} behind the time of the newest block: set it right`;
}

function clockAheadOf(block: string, age: number): string {
  return `${block} is ${seconds(age)} old by this machine's clock: the clock is ahead, or the ledger's node is behind`;
}

const seconds = (count: number): string => `${Math.round(count)} s`;

/**
 * What to make of several members' answers when too few were good. At most f members lie, so what more than f of them say is
 * so; what fewer say may be a lie, and another try decides.
 */
import { RemoteError } from "../net/error-body.js";
import type { GatherError } from "../protocol/gather.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Quorum } from "../statements/quorum.js";

/** (device, period, k) stands for another certificate already. */
export const SERIAL_TAKEN = "serial-taken";
const MAXIMUM_K = 0xffff_ffff;
/** Refusals that another try ends: those asked have left office, with their sessions of FROST; another list says who is in it now. */
const PASSING: ReadonlySet<string> = new Set(["not-in-office", "session-unknown"]);
/** Refusals for as long as one committee hands over to the next: some seconds, after which the same request is answered. */
const HANDING_OVER: ReadonlySet<string> = new Set([...PASSING, "counters-pending"]);
/** The ledger's time is in another period; `details.current` says in which. */
export const WRONG_PERIOD = "wrong-period";

export type Verdict =
  /** An honest member signed another certificate for this k. */
  | { readonly next: "serial"; readonly k: number }
  | { readonly next: "period"; readonly period: number }
  /** An honest member refuses, so all of them do. */
  | { readonly next: "give-up"; readonly error: SwarmkeepError }
  /** After a while. `isBlocked`: no more than f, who may lie, say that this k is taken, and the round lacked just them. */
  | { readonly next: "try-again"; readonly isBlocked: boolean };

/** @param k the one that was asked for. */
export function judgeFailures<Member>(error: GatherError<Member>, { f }: Quorum, k: number): Verdict {
  const { failures, good, needed } = error;
  const answers = failures.map(({ error }) => error).filter((error) => error instanceof RemoteError);
  const taken = answers.filter(({ code }) => code === SERIAL_TAKEN);
  const named = taken.map(({ details }) => Number(details["next"])).filter((next) => next > k && next <= MAXIMUM_K);
  // The lowest: a liar can cost one more round with it, but not burn the fleet's quota.
  if (taken.length > f) return { next: "serial", k: Math.min(...(named.length > 0 ? named : [k + 1])) };

  const periods = answers.filter(({ code }) => code === WRONG_PERIOD).map(({ details }) => Number(details["current"]));
  const period = periods.find((one) => Number.isSafeInteger(one) && count(periods, one) > f);
  if (period !== undefined) return { next: "period", period };

  const refusals = answers.filter(({ kind, code }) => kind === "refused" && !PASSING.has(code));
  const codes = refusals.map(({ code }) => code);
  const refusal = refusals.find(({ code }) => count(codes, code) > f && code !== SERIAL_TAKEN);
  if (refusal !== undefined) return { next: "give-up", error: refusal };
  return { next: "try-again", isBlocked: taken.length > 0 && good + taken.length >= needed };
}

/** Whether somebody says that a handover is under way. It may be a lie: who believes it does so for a while only. */
export function isHandingOver<Member>({ failures }: GatherError<Member>): boolean {
  return failures.some(({ error }) => error instanceof RemoteError && HANDING_OVER.has(error.code));
}

function count<T>(items: readonly T[], item: T): number {
  return items.filter((other) => other === item).length;
}

/** After the last try: what the members did, as one error. */
export function tooFewAnswers<Member>(error: GatherError<Member>): SwarmkeepError {
  return new SwarmkeepError(error.message, {
    kind: "network",
    code: "too-few-validators",
    advice: "Check the network and this device's clock, and try again; what was asked for is kept.",
    details: { good: error.good, needed: error.needed },
    cause: error,
  });
}

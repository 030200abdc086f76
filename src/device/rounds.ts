/** Asks the members again while too few answer well: with a newer committee list where there is one, else after a while. */
import { GatherError } from "../protocol/gather.js";
import { backoffMilliseconds } from "./backoff.js";
import type { IssuanceContext } from "./issuance.js";
import { judgeFailures, tooFewAnswers } from "./refusals.js";

export interface RoundsOptions {
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * @param ask one round; whatever it throws but a GatherError ends it.
 * @throws SwarmkeepError of kind `refused` with the validators' reason, or `too-few-validators`; what `ask` throws; the signal's reason
 */
export async function askInRounds<T>(
  { mesh, clock, random }: Pick<IssuanceContext, "mesh" | "clock" | "random">,
  { attempts, signal }: RoundsOptions,
  ask: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GatherError)) throw error;
      const verdict = judgeFailures(error, mesh.quorum, 0);
      if (verdict.next === "give-up") throw verdict.error;
      if (attempt >= attempts) throw tooFewAnswers(error);
      if (!(await mesh.refresh([], signal))) await clock.sleep(backoffMilliseconds(attempt, random()), signal);
    }
  }
}

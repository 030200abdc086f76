/** Asks the members again while too few answer well: with a newer committee list where there is one, else after a while. */
import { GatherError } from "../protocol/gather.js";
import type { IssuanceContext } from "./issuance.js";
import { Patience } from "./patience.js";
import { judgeFailures } from "./refusals.js";

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
  const patience = new Patience(attempts, random);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GatherError)) throw error;
      const verdict = judgeFailures(error, mesh.quorum, 0);
      if (verdict.next === "give-up") throw verdict.error;
      const wait = patience.after(error);
      if (!(await mesh.refresh([], signal))) await clock.sleep(wait, signal);
    }
  }
}

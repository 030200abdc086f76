/**
 * The Ed25519 signature on a revocation head, gathered by the member whose turn it is. Members that are a little behind are
 * asked again.
 */
import { PATH, encodeFrostCommitRequest } from "../protocol/api.js";
import type { Clock } from "../runtime/clock.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type Combining, combineShares, postForCommitment } from "./combining.js";

/** Milliseconds after which a member that does not know the head yet is asked again. */
const BEHIND_MILLISECONDS = 200;

export interface HeadSigning extends Combining {
  readonly clock: Clock;
}

/**
 * @param message the head's Sig_structure.
 * @throws GatherError once fewer than t members are left; the signal's reason
 */
export function signHeadByFrost(
  signing: HeadSigning,
  { number, message }: { readonly number: number; readonly message: Uint8Array },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { signer, peers, clock } = signing;
  const body = (binding: Uint8Array): Uint8Array =>
    encodeFrostCommitRequest(signer.commitRequest(number, message, binding));
  return combineShares(
    signing,
    {
      message,
      what: `head ${number}`,
      async ask(seat, abort) {
        for (;;) {
          try {
            return await postForCommitment(peers, seat, PATH.frostCommit, body, abort);
          } catch (error) {
            if (!(error instanceof SwarmkeepError) || error.code !== "statement-unknown") throw error;
            await clock.sleep(BEHIND_MILLISECONDS, abort);
          }
        }
      },
    },
    signal,
  );
}

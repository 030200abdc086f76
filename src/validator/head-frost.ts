/**
 * The Ed25519 signature on a revocation head, gathered by the member whose turn it is. Members that are a little behind are
 * asked again; one that is away in the second round, or answers wrongly, is left out of the next session, so that up to f of
 * them cost rounds and not the signature.
 */
import { CryptoError } from "../crypto/errors.js";
import { type NonceCommitment, type SigningSession, aggregateShares, verifySignatureShare } from "../crypto/frost.js";
import {
  PATH,
  decodeCommitmentAnswer,
  decodeShareAnswer,
  encodeFrostCommitRequest,
  encodeFrostSignRequest,
} from "../protocol/api.js";
import { gather } from "../protocol/gather.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Committee } from "./committee.js";
import type { Peers } from "./peers.js";
import type { Signer } from "./signer.js";

/** Milliseconds after which a member that does not know the head yet is asked again. */
const BEHIND_MILLISECONDS = 200;

export interface HeadSigning {
  readonly committee: Committee;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * @param message the head's Sig_structure.
 * @throws GatherError once fewer than t members are left; the signal's reason
 */
export async function signHeadByFrost(
  { committee, signer, peers, clock, log }: HeadSigning,
  head: { readonly number: number; readonly message: Uint8Array },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { message, number } = head;
  const key = committee.edKey;
  const request = (binding: Uint8Array): Uint8Array =>
    encodeFrostCommitRequest(signer.commitRequest(number, message, binding));
  const leftOut = new Set<number>();
  const leaveOut = (seat: number, error: unknown): void => {
    log.warn({ seat, head: number, error }, "left out of the Ed25519 signature");
    leftOut.add(seat);
  };

  const commitment = async (seat: number, abort: AbortSignal): Promise<NonceCommitment & { session: Uint8Array }> => {
    for (;;) {
      try {
        return { ...decodeCommitmentAnswer(await peers.post(seat, PATH.frostCommit, request, abort)), seat };
      } catch (error) {
        if (!(error instanceof SwarmkeepError) || error.code !== "statement-unknown") throw error;
        await clock.sleep(BEHIND_MILLISECONDS, abort);
      }
    }
  };

  for (;;) {
    const members = peers.seats.filter((seat) => !leftOut.has(seat));
    const { parts } = await gather({ members, needed: key.t - 1, signal, ask: commitment });
    const others = parts.map(({ part }) => part);
    const own = signer.commit(message, `seat ${signer.seat}`);
    const commitments = [own.commitment, ...others].map(({ seat, hiding, binding }) => ({ seat, hiding, binding }));
    const session: SigningSession = { message, commitments: commitments.sort((a, b) => a.seat - b.seat) };

    const shares = new Map<number, Uint8Array>();
    try {
      shares.set(signer.seat, signer.share(own.session, session.commitments).share);
    } catch (error) {
      if (!(error instanceof CryptoError) || error.culprits.length === 0) throw error;
      for (const seat of error.culprits) leaveOut(seat, error);
      continue;
    }
    const before = leftOut.size;
    await Promise.all(
      others.map(async ({ seat, session: id }) => {
        try {
          const body = encodeFrostSignRequest({ session: id, commitments: session.commitments });
          const { share } = decodeShareAnswer(await peers.post(seat, PATH.frostSign, body, signal));
          if (!verifySignatureShare(key, session, seat, share))
            throw new CryptoError("proof", "its share is wrong", [seat]);
          shares.set(seat, share);
        } catch (error) {
          signal.throwIfAborted();
          leaveOut(seat, error);
        }
      }),
    );
    if (leftOut.size === before) return aggregateShares(key, session, shares);
  }
}

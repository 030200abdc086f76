/**
 * An Ed25519 swarm signature that one member gathers: it asks others for commitments, and then for their shares. A member that is away
 * in the second round, or answers wrongly, is left out of the next session, so that up to f of them cost rounds and not the
 * signature.
 */
import { CryptoError } from "../crypto/errors.js";
import { type NonceCommitment, type SigningSession, aggregateShares, verifySignatureShare } from "../crypto/frost.js";
import {
  type CommitmentAnswer,
  PATH,
  decodeCommitmentAnswer,
  decodeShareAnswer,
  encodeFrostSignRequest,
} from "../protocol/api.js";
import { gather } from "../protocol/gather.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Committee } from "./committee.js";
import type { Peers } from "./peers.js";
import type { Signer } from "./signer.js";

export interface Combining {
  readonly committee: Committee;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly log: Logger;
}

export interface Combined {
  /** The bytes to be signed, as this member built them. Others build them for themselves. */
  readonly message: Uint8Array;
  /** What is signed, for the log. */
  readonly what: string;
  /** Asks another member for a commitment over the message: `decodeCommitmentAnswer` of what it says. */
  readonly ask: (seat: number, abort: AbortSignal) => Promise<CommitmentAnswer>;
  /** A refusal after which asking others is pointless. */
  readonly isFinal?: (error: unknown) => boolean;
}

/**
 * The signature, 64 bytes, verified.
 * @throws GatherError once fewer than t members are left; the signal's reason
 */
export async function combineShares(
  { committee, signer, peers, log }: Combining,
  { message, what, ask, isFinal }: Combined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const key = committee.edKey;
  const leftOut = new Set<number>();
  const leaveOut = (seat: number, error: unknown): void => {
    log.warn({ seat, what, error }, "left out of the Ed25519 signature");
    leftOut.add(seat);
  };
  const asked = async (seat: number, abort: AbortSignal): Promise<NonceCommitment & { session: Uint8Array }> => ({
    ...(await ask(seat, abort)),
    seat,
  });

  for (;;) {
    const members = peers.seats.filter((seat) => !leftOut.has(seat));
    const { parts } = await gather({
      members,
      needed: key.t - 1,
      signal,
      ask: asked,
      ...(isFinal === undefined ? {} : { isFinal }),
    });
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

/** A member's commitment, asked for by a body at a path. */
export async function postForCommitment(
  peers: Peers,
  seat: number,
  path: string,
  body: Parameters<Peers["post"]>[2],
  abort: AbortSignal,
): Promise<CommitmentAnswer> {
  const answer = decodeCommitmentAnswer(await peers.post(seat, path, body, abort));
  if (answer.seat === seat) return answer;
  throw new SwarmkeepError(`seat ${seat} answered as seat ${answer.seat}`, {
    kind: "network",
    code: "bad-answer",
    advice: "Report it: an honest validator does not do that.",
    details: { seat },
  });
}

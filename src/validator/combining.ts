/**
 * An Ed25519 swarm signature that one member gathers: it asks others for commitments, and then for their shares. A member that is away
 * in the second round, or answers wrongly, is left out of the next session, so that up to f of them cost rounds and not the
 * signature.
 */
import {
  type CommitmentAnswer,
  PATH,
  decodeCommitmentAnswer,
  decodeShareAnswer,
  encodeFrostSignRequest,
} from "../protocol/api.js";
import { combineFrost } from "../protocol/frost-combiner.js";
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
  const { signatures } = await combineFrost({
    key: committee.edKey,
    messages: [message],
    async commit(exclude) {
      const members = peers.seats.filter((seat) => !exclude.has(seat)).map((seat) => ({ seat }));
      const needed = committee.edKey.t - 1;
      const others = await gather({
        members,
        needed,
        signal,
        ask: ({ seat }, abort) => ask(seat, abort),
        ...(isFinal === undefined ? {} : { isFinal }),
      });
      const { session, commitment } = signer.commit(message, `seat ${signer.seat}`);
      const own = { member: { seat: signer.seat }, part: { ...commitment, session } };
      return { ...others, parts: [own, ...others.parts] };
    },
    committed: (part) => [part],
    async share({ seat }, _, session, { commitments }) {
      if (seat === signer.seat) return signer.share(session, commitments).share;
      const stop = AbortSignal.any([AbortSignal.timeout(ROUND_TWO_MILLISECONDS), signal]);
      const answer = await peers.post(seat, PATH.frostSign, encodeFrostSignRequest({ session, commitments }), stop);
      return decodeShareAnswer(answer).share;
    },
    leftOut: ({ seat }, error) => log.warn({ seat, what, error }, "left out of the Ed25519 signature"),
    signal,
  });
  return signatures[0] as Uint8Array;
}

/** How long a member that committed may take for its share before the others go on without it. */
const ROUND_TWO_MILLISECONDS = 5_000;

/** A member's commitment, asked for by a body at a path. */
export async function postForCommitment(
  peers: Peers,
  seat: number,
  path: string,
  body: Uint8Array,
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

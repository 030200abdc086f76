/**
 * Ed25519 signatures of the swarm that members make on one another's request: on revocation heads and lists, on the mesh's own
 * certificate, and on members' certificates.
 *
 * A **topic** is one kind of message: given what the asker names or sends along, it builds the bytes to be signed from the
 * ledger, refuses, or says what has to be on disk before this member signs. The member that gathers goes through its own topic
 * as well, so a signature needs t members that each have built and weighed the message for themselves.
 *
 * An X.509 certificate is `signedBySwarm(message, signature)` of src/certificate/x509-authority.ts; `claimCertificate` is what must be
 * on disk before any part of it leaves, whoever gathers.
 */
import {
  type CommitmentAnswer,
  type FrostCommitRequest,
  type FrostKind,
  PATH,
  encodeFrostCommitRequest,
} from "../protocol/api.js";
import type { CertificateSlot } from "../protocol/issuance.js";
import type { Clock } from "../runtime/clock.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type Combining, combineShares, postForCommitment } from "./combining.js";
import { FORM, type IssuedBook } from "./issued.js";

/** What a topic is asked about, and by whom. */
export interface FrostOrder extends FrostCommitRequest {
  /** SubjectPublicKeyInfo of the registered TLS key of the asking member, DER, 91 bytes. */
  readonly tlsKey: Uint8Array;
}

export interface FrostTopicAnswer {
  /** What is signed. */
  readonly message: Uint8Array;
  /** Whose sessions these are, besides the asking member's: a flood for one does not push out those for others. */
  readonly asker?: string;
  /** Puts on disk what must be there before this member gives a part. */
  readonly claim?: () => Promise<void>;
}

/** @throws SwarmkeepError `statement-unknown` for what this member does not know yet; others for what it refuses */
export type FrostTopic = (order: FrostOrder) => Promise<FrostTopicAnswer> | FrostTopicAnswer;
export type FrostTopics = Readonly<Partial<Record<FrostKind, FrostTopic>>>;

/** @throws SwarmkeepError `statement-unknown` where there is no such topic */
export function topicOf(topics: FrostTopics, kind: FrostKind): FrostTopic {
  const topic = topics[kind];
  if (topic !== undefined) return topic;
  throw new SwarmkeepError(`this member signs nothing of kind ${kind}`, {
    kind: "refused",
    code: "statement-unknown",
    advice: "Ask a member with the same version of the program.",
  });
}

/** The claim of an X.509 certificate: one for each slot, ever. */
export function claimCertificate(issued: IssuedBook, slot: CertificateSlot, tbs: Uint8Array): () => Promise<void> {
  return () => issued.claim(slot, tbs, FORM.x509);
}

export interface FrostSigning extends Combining {
  readonly topics: FrostTopics;
  readonly clock: Clock;
}

export interface SignedByCommittee {
  /** As this member built it. */
  readonly message: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** Milliseconds after which a member that does not know the message yet is asked again. */
const BEHIND_MILLISECONDS = 200;

/**
 * Gathers a signature; members that are a little behind are asked again, and those that fail are left out.
 * @throws GatherError once fewer than t members are left; the signal's reason; what this member's own topic refuses with
 */
export async function signByCommittee(
  signing: FrostSigning,
  given: Pick<FrostOrder, "kind" | "number" | "request">,
  signal: AbortSignal,
): Promise<SignedByCommittee> {
  const { signer, peers, topics, clock } = signing;
  const { kind, number } = given;
  const { message, claim } = await topicOf(topics, kind)({ ...given, seat: signer.seat, tlsKey: signer.tlsKey });
  await claim?.();
  const body = encodeFrostCommitRequest({ ...given, seat: signer.seat });
  const ask = async (seat: number, abort: AbortSignal): Promise<CommitmentAnswer> => {
    for (;;) {
      try {
        // One that is not needed any more is still awaited: ending the request would end the connection too.
        return await postForCommitment(peers, seat, PATH.frostCommit, body, signal);
      } catch (error) {
        if (!(error instanceof SwarmkeepError) || error.code !== "statement-unknown") throw error;
        await clock.sleep(BEHIND_MILLISECONDS, abort);
      }
    }
  };
  const signature = await combineShares(signing, { message, what: `kind ${kind}, number ${number}`, ask }, signal);
  return { message, signature };
}

/** One question to one member of the committee, and the checks without which its answer does not count. */
import type { MeshTrust } from "../certificate/bundle.js";
import type { CommitteeMember } from "../certificate/committee-list.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import {
  type CommitmentAnswer,
  PATH,
  decodeCommitmentAnswer,
  decodePartialAnswer,
  decodeShareAnswer,
  encodeFrostSignRequest,
} from "../protocol/api.js";
import { type SharedEdKey, type SigningSession, verifySignatureShare } from "../crypto/frost.js";
import { evidenceDigest, evidenceDomain, frostDigest, verifyEvidence } from "../protocol/evidence.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Mesh } from "./mesh.js";

/** Makes the body of a request for the connection with this channel binding. */
export type BodyFor = (channelBinding: Uint8Array) => Promise<Uint8Array>;

/** What is being signed: the bytes, and the digest that evidence names them by. */
export interface Signed {
  readonly message: Uint8Array;
  /** `coseStatementDigest` of the message for COSE, the message itself for EIP-712. */
  readonly digest: Uint8Array;
}

/** A member said something that is not so. Its seat is in `details`. */
function lied(member: CommitteeMember, what: string): SwarmkeepError {
  return new SwarmkeepError(`seat ${member.seat} (${member.endpoint}) answered with ${what}`, {
    kind: "network",
    code: "bad-answer",
    advice: "Report it: an honest validator does not do that.",
    details: { seat: member.seat, endpoint: member.endpoint },
  });
}

function checkSeat(member: CommitteeMember, seat: number): void {
  if (seat !== member.seat) throw lied(member, `a part of seat ${seat}`);
}

/** The TLS key is known on every channel but one by pre-shared key, which vouches for the sender itself. */
function checkEvidence(
  member: CommitteeMember,
  trust: MeshTrust,
  { digest }: Signed,
  answer: { readonly part: Uint8Array; readonly evidence: Uint8Array; readonly serverKey: Uint8Array | undefined },
  checks: SignatureChecks,
): void {
  if (answer.serverKey === undefined) return;
  const message = evidenceDigest(evidenceDomain(trust), digest, answer.part);
  if (!verifyEvidence(answer.serverKey, message, answer.evidence, checks.device)) {
    throw lied(member, "evidence that its TLS key did not sign");
  }
}

/** A partial signature by BLS, 96 bytes, verified under the member's share key. */
export async function askPartial(
  mesh: Mesh,
  member: CommitteeMember,
  { path, body, signed, signal }: { path: string; body: BodyFor; signed: Signed; signal: AbortSignal },
  checks: SignatureChecks,
): Promise<Uint8Array> {
  const reply = await mesh.request(member, { method: "POST", path, body, signal });
  const { seat, partial, evidence } = decodePartialAnswer(reply.body);
  checkSeat(member, seat);
  if (!checks.bls.verify(member.blsKey, signed.message, partial)) {
    throw lied(member, "a partial signature that does not verify");
  }
  checkEvidence(member, mesh.trust, signed, { part: partial, evidence, serverKey: reply.serverKey }, checks);
  return partial;
}

/** Round one of FROST: commitments to the member's nonces. What they are worth shows in round two. */
export async function askCommitment(
  mesh: Mesh,
  member: CommitteeMember,
  { body, signal }: { body: BodyFor; signal: AbortSignal },
): Promise<CommitmentAnswer> {
  const reply = await mesh.request(member, { method: "POST", path: PATH.issue, body, signal });
  const answer = decodeCommitmentAnswer(reply.body);
  checkSeat(member, answer.seat);
  return answer;
}

/** Round two of FROST: the member's signature share, 32 bytes, verified. */
export async function askShare(
  mesh: Mesh,
  member: CommitteeMember,
  request: {
    readonly session: Uint8Array;
    readonly signing: SigningSession;
    readonly key: SharedEdKey;
    readonly signed: Signed;
    readonly signal: AbortSignal;
  },
  checks: SignatureChecks,
): Promise<Uint8Array> {
  const { session, signing, key, signed, signal } = request;
  const body = encodeFrostSignRequest({ session, commitments: signing.commitments });
  const reply = await mesh.request(member, { method: "POST", path: PATH.frostSign, body, signal });
  const { seat, share, evidence } = decodeShareAnswer(reply.body);
  checkSeat(member, seat);
  if (!verifySignatureShare(key, signing, seat, share)) throw lied(member, "a signature share that does not verify");
  const named = { ...signed, digest: frostDigest(signed.digest, signing.commitments) };
  checkEvidence(member, mesh.trust, named, { part: share, evidence, serverKey: reply.serverKey }, checks);
  return share;
}

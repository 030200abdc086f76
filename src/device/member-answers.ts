/** One question to one member of the committee, and the checks without which its answer does not count. */
import type { MeshTrust } from "../certificate/bundle.js";
import type { CommitteeMember } from "../certificate/committee-list.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import {
  type CommitmentAnswer,
  PATH,
  type PartialAnswer,
  decodeIssueAnswer,
  decodePartialAnswer,
  decodeShareAnswer,
  encodeFrostSignRequest,
} from "../protocol/api.js";
import type { SigningSession } from "../crypto/frost.js";
import { evidenceDigest, evidenceDomain, frostDigest, verifyEvidence } from "../protocol/evidence.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Asking, Mesh } from "./mesh.js";

/** Makes the body of a request for the connection with this channel binding. */
export type BodyFor = (channelBinding: Uint8Array) => Promise<Uint8Array>;

/** What is being signed: the bytes, and the digest that evidence names them by. */
export interface Signed {
  readonly message: Uint8Array;
  /** `coseStatementDigest` of the message for COSE, the message itself for EIP-712. */
  readonly digest: Uint8Array;
}

/** A member said something that is not so. Its seat is in `details`. */
export function lied(member: CommitteeMember, what: string): SwarmkeepError {
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
  request: { path: string; body: BodyFor; signed: Signed; as?: Asking | undefined; signal: AbortSignal },
  checks: SignatureChecks,
): Promise<Uint8Array> {
  const { path, body, signed, as, signal } = request;
  const reply = await mesh.request(member, { method: "POST", path, body, signal }, as);
  const answer = decodePartialAnswer(reply.body);
  checkSeat(member, answer.seat);
  checkPartial(mesh, member, signed, { ...answer, serverKey: reply.serverKey }, checks);
  return answer.partial;
}

/**
 * Round one of an issuance in which FROST has a part: commitments to the member's nonces, whose worth shows in round two, and its
 * partial signature where BLS signs the compact form.
 */
export async function askIssue(
  mesh: Mesh,
  member: CommitteeMember,
  request: {
    readonly body: BodyFor;
    /** What BLS signs. */
    readonly compact: Signed | undefined;
    readonly x509: Signed | undefined;
    readonly as?: Asking | undefined;
    readonly signal: AbortSignal;
  },
  checks: SignatureChecks,
): Promise<{ readonly partial: Uint8Array | undefined; readonly committed: readonly CommitmentAnswer[] }> {
  const { body, compact, x509, as, signal } = request;
  const reply = await mesh.request(member, { method: "POST", path: PATH.issue, body, signal }, as);
  const answer = decodeIssueAnswer(reply.body, x509 !== undefined);
  const parts = [answer.compact, ...(answer.x509 === undefined ? [] : [answer.x509])];
  for (const { seat } of parts) checkSeat(member, seat);
  const committed = parts.filter((part): part is CommitmentAnswer => "session" in part);
  const [partial] = parts.filter((part): part is PartialAnswer => "partial" in part);
  if ((partial === undefined) !== (compact === undefined)) throw lied(member, "a part for another group key");
  if (partial === undefined || compact === undefined) return { partial: undefined, committed };
  checkPartial(mesh, member, compact, { ...partial, serverKey: reply.serverKey }, checks);
  return { partial: partial.partial, committed };
}

function checkPartial(
  mesh: Mesh,
  member: CommitteeMember,
  signed: Signed,
  { partial, evidence, serverKey }: PartialAnswer & { readonly serverKey: Uint8Array | undefined },
  checks: SignatureChecks,
): void {
  if (!checks.bls.verify(member.blsKey, signed.message, partial)) {
    throw lied(member, "a partial signature that does not verify");
  }
  checkEvidence(member, mesh.trust, signed, { part: partial, evidence, serverKey }, checks);
}

/** Round two of FROST: the member's signature share, 32 bytes, with evidence; that it is right is for the combiner to see. */
export async function askShare(
  mesh: Mesh,
  member: CommitteeMember,
  request: {
    readonly session: Uint8Array;
    readonly signing: SigningSession;
    readonly signed: Signed;
    readonly as?: Asking | undefined;
    readonly signal: AbortSignal;
  },
  checks: SignatureChecks,
): Promise<Uint8Array> {
  const { session, signing, signed, as, signal } = request;
  const body = encodeFrostSignRequest({ session, commitments: signing.commitments });
  const reply = await mesh.request(member, { method: "POST", path: PATH.frostSign, body, signal }, as);
  const { seat, share, evidence } = decodeShareAnswer(reply.body);
  checkSeat(member, seat);
  const named = { ...signed, digest: frostDigest(signed.digest, signing.commitments) };
  checkEvidence(member, mesh.trust, named, { part: share, evidence, serverKey: reply.serverKey }, checks);
  return share;
}

/** A signature of the swarm over something that each member has built for itself: by BLS in one round, by FROST in two. */
import type { CommitteeMember } from "../certificate/committee-list.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import type { Bls } from "../crypto/bls.js";
import type { SharedEdKey } from "../crypto/frost.js";
import { type SharedBlsKey, assembleSignature } from "../crypto/threshold-bls.js";
import { PATH } from "../protocol/api.js";
import { type Committed, combineFrost } from "../protocol/frost-combiner.js";
import { COSE_ALG, type GroupAlgorithm } from "../statements/cose.js";
import { type BodyFor, type Signed, askIssue, askPartial, askShare, lied } from "./member-answers.js";
import type { Asking, Mesh } from "./mesh.js";

/** Signature checks, and the arithmetic of partial signatures. */
export interface SigningChecks extends SignatureChecks {
  readonly bls: Bls;
}

export interface SigningRequest {
  readonly signed: Signed;
  readonly body: BodyFor;
  readonly as?: Asking | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A BLS swarm signature, 96 bytes, verified under the group key.
 * @throws GatherError with what each failing member did; the signal's reason
 */
export async function signByBls(
  mesh: Mesh,
  path: string,
  { signed, body, as, signal }: SigningRequest,
  checks: SigningChecks,
): Promise<Uint8Array> {
  const { parts } = await mesh.ask(
    mesh.quorum.t,
    (member, stop) => askPartial(mesh, member, { path, body, signed, as, signal: stop }, checks),
    { signal },
  );
  const partials = parts.map(({ member, part }) => ({ seat: member.seat, signature: part }));
  return assembleSignature(checks.bls, sharedBlsKey(mesh), signed.message, partials).signature;
}

function sharedBlsKey(mesh: Mesh): SharedBlsKey {
  return {
    groupKey: mesh.trust.keys.bls,
    t: mesh.quorum.t,
    verificationKeys: new Map(mesh.committee.members.map(({ seat, blsKey }) => [seat, blsKey])),
  };
}

/** What an issuance request is answered with: a partial signature where BLS signs the compact form, and commitments for the rest. */
interface IssuePart {
  readonly partial: Uint8Array | undefined;
  readonly committed: Committed;
}

export interface IssuanceSigning extends Omit<SigningRequest, "signed"> {
  /** The compact form. */
  readonly compact: Signed & { readonly algorithm: GroupAlgorithm };
  /** The X.509 form, where it is asked for: its TBSCertificate. */
  readonly x509: Signed | undefined;
}

export interface IssuedSignatures {
  /** 96 bytes by BLS, 64 by Ed25519. */
  readonly compact: Uint8Array;
  /** 64 bytes. */
  readonly x509: Uint8Array | undefined;
}

/**
 * The swarm's signatures on what a device asked for. This device combines: it goes on with the first t members that have answered
 * round one well. Whoever fails in either round is left out of the next.
 * @throws GatherError once too few members are left, with what the others did; the signal's reason
 */
export async function signIssuance(
  mesh: Mesh,
  { compact, x509, body, as, signal }: IssuanceSigning,
  checks: SigningChecks,
): Promise<IssuedSignatures> {
  const byBls = compact.algorithm === COSE_ALG.bls;
  if (byBls && x509 === undefined) {
    const signature = await signByBls(mesh, PATH.issue, { signed: compact, body, as, signal }, checks);
    return { compact: signature, x509: undefined };
  }
  const { n, t } = mesh.quorum;
  const key: SharedEdKey = {
    groupKey: mesh.trust.keys.ed25519,
    t,
    n,
    verificationKeys: new Map(mesh.committee.members.map(({ seat, ed25519Key }) => [seat, ed25519Key])),
  };
  const signed = [...(byBls ? [] : [compact]), ...(x509 === undefined ? [] : [x509])];
  const { signatures, parts } = await combineFrost<CommitteeMember, IssuePart>({
    key,
    messages: signed.map(({ message }) => message),
    commit: (exclude) =>
      mesh.ask(
        t,
        (member, stop) =>
          askIssue(mesh, member, { body, compact: byBls ? compact : undefined, x509, as, signal: stop }, checks),
        { exclude, signal },
      ),
    committed: ({ committed }) => committed,
    share(member, which, session, signing) {
      const stop = AbortSignal.any([AbortSignal.timeout(ROUND_TWO_MILLISECONDS), ...(signal ? [signal] : [])]);
      const named = signed[which] as Signed;
      return askShare(mesh, member, { session, signing, signed: named, as, signal: stop }, checks);
    },
    wrongShare: (member) => lied(member, "a signature share that does not verify"),
    signal,
  });
  if (!byBls) return { compact: signatures[0] as Uint8Array, x509: signatures[1] };
  const partials = parts.map(({ member, part }) => ({ seat: member.seat, signature: part.partial as Uint8Array }));
  const { signature } = assembleSignature(checks.bls, sharedBlsKey(mesh), compact.message, partials);
  return { compact: signature, x509: signatures[0] };
}

/** How long a signer that committed may take for its share before the others go on without it. */
const ROUND_TWO_MILLISECONDS = 5_000;

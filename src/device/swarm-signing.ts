/** A signature of the swarm over something that each member has built for itself: by BLS in one round, by FROST in two. */
import type { CommitteeMember } from "../certificate/committee-list.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import type { Bls } from "../crypto/bls.js";
import { CryptoError } from "../crypto/errors.js";
import { type SharedEdKey, type SigningSession, aggregateShares, checkSession } from "../crypto/frost.js";
import { type SharedBlsKey, assembleSignature } from "../crypto/threshold-bls.js";
import { GatherError } from "../protocol/gather.js";
import { type BodyFor, type Signed, askCommitment, askPartial, askShare } from "./member-answers.js";
import type { Mesh } from "./mesh.js";

/** Signature checks, and the arithmetic of partial signatures. */
export interface SigningChecks extends SignatureChecks {
  readonly bls: Bls;
}

export interface SigningRequest {
  readonly signed: Signed;
  readonly body: BodyFor;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A BLS swarm signature, 96 bytes, verified under the group key.
 * @throws GatherError with what each failing member did; the signal's reason
 */
export async function signByBls(
  mesh: Mesh,
  path: string,
  { signed, body, signal }: SigningRequest,
  checks: SigningChecks,
): Promise<Uint8Array> {
  const { t } = mesh.quorum;
  const key: SharedBlsKey = {
    groupKey: mesh.trust.keys.bls,
    t,
    verificationKeys: new Map(mesh.committee.members.map(({ seat, blsKey }) => [seat, blsKey])),
  };
  const { parts } = await mesh.ask(
    t,
    (member, stop) => askPartial(mesh, member, { path, body, signed, signal: stop }, checks),
    { signal },
  );
  const partials = parts.map(({ member, part }) => ({ seat: member.seat, signature: part }));
  return assembleSignature(checks.bls, key, signed.message, partials).signature;
}

interface Signer {
  readonly member: CommitteeMember;
  readonly session: Uint8Array;
}

/**
 * An Ed25519 signature of the swarm, 64 bytes. This device coordinates: it opens a session with the first t members that
 * commit to nonces. Whoever fails in round two is left out of the next session.
 * @throws GatherError once too few members are left, with what the others did; the signal's reason
 */
export async function signByFrost(
  mesh: Mesh,
  { signed, body, signal }: SigningRequest,
  checks: SigningChecks,
): Promise<Uint8Array> {
  const { n, t } = mesh.quorum;
  const key: SharedEdKey = {
    groupKey: mesh.trust.keys.ed25519,
    t,
    n,
    verificationKeys: new Map(mesh.committee.members.map(({ seat, ed25519Key }) => [seat, ed25519Key])),
  };
  const failures: { member: CommitteeMember; error: unknown }[] = [];
  const exclude = new Set<number>();
  const leaveOut = (member: CommitteeMember, error: unknown): void => {
    failures.push({ member, error });
    exclude.add(member.seat);
  };

  for (;;) {
    const { parts } = await roundOne(mesh, t, { body, signal, exclude, failures });
    const signers = new Map<number, Signer>(
      parts.map(({ member, part }) => [member.seat, { member, session: part.session }]),
    );
    const commitments = parts.map(({ part: { seat, hiding, binding } }) => ({ seat, hiding, binding }));
    const signing: SigningSession = {
      message: signed.message,
      commitments: commitments.sort((a, b) => a.seat - b.seat),
    };
    const bad = badCommitments(key, signing);
    for (const [seat, error] of bad) leaveOut((signers.get(seat) as Signer).member, error);
    if (bad.size > 0) continue;

    const shares = new Map<number, Uint8Array>();
    const before = exclude.size;
    await Promise.all(
      [...signers.values()].map(async ({ member, session }) => {
        const stop = AbortSignal.any([AbortSignal.timeout(ROUND_TWO_MILLISECONDS), ...(signal ? [signal] : [])]);
        try {
          shares.set(
            member.seat,
            await askShare(mesh, member, { session, signing, key, signed, signal: stop }, checks),
          );
        } catch (error) {
          signal?.throwIfAborted();
          leaveOut(member, error);
        }
      }),
    );
    if (exclude.size === before) return aggregateShares(key, signing, shares);
  }
}

/** How long a signer that committed may take for its share before the others go on without it. */
const ROUND_TWO_MILLISECONDS = 5_000;

async function roundOne(
  mesh: Mesh,
  needed: number,
  options: {
    readonly body: BodyFor;
    readonly signal: AbortSignal | undefined;
    readonly exclude: ReadonlySet<number>;
    readonly failures: readonly { member: CommitteeMember; error: unknown }[];
  },
): ReturnType<typeof mesh.ask<Awaited<ReturnType<typeof askCommitment>>>> {
  const { body, signal, exclude, failures } = options;
  try {
    return await mesh.ask(needed, (member, stop) => askCommitment(mesh, member, { body, signal: stop }), {
      exclude,
      signal,
    });
  } catch (error) {
    if (!(error instanceof GatherError)) throw error;
    throw new GatherError(error.good, error.needed, [...failures, ...error.failures]);
  }
}

/** Seats whose commitments are no points, each with what is wrong. */
function badCommitments(key: SharedEdKey, signing: SigningSession): Map<number, CryptoError> {
  try {
    checkSession(key, signing);
    return new Map();
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    const culprits = signing.commitments.filter((commitment) => !isGood(key, signing, commitment.seat));
    return new Map(culprits.map(({ seat }) => [seat, error]));
  }
}

/** Whether a session in which every commitment is this seat's would pass; all else about it is known to be right. */
function isGood(key: SharedEdKey, signing: SigningSession, seat: number): boolean {
  const own = signing.commitments.find(
    (commitment) => commitment.seat === seat,
  ) as SigningSession["commitments"][number];
  try {
    const commitments = signing.commitments.map((commitment) => ({ ...own, seat: commitment.seat }));
    checkSession(key, { ...signing, commitments });
    return true;
  } catch {
    return false;
  }
}

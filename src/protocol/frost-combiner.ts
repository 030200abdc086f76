/**
 * The combiner's side of FROST (RFC 9591): two rounds with t members, as often as it takes. Whoever commits to nonces that are no
 * points, stays silent in the second round or gives a wrong share is named, left out, and the rest go on within the same request,
 * so that up to f of them cost rounds and not the signature (docs/protocol.md, section 7).
 *
 * It does no I/O and does not care who combines: a device for its own certificate, or a validator for a list, for its own
 * certificate, or for a client of EST. Several messages may be signed in one go; each is a session of its own with each member.
 */
import { CryptoError } from "../crypto/errors.js";
import {
  type NonceCommitment,
  type SharedEdKey,
  type SigningSession,
  aggregateShares,
  checkCommitment,
  verifySignatureShare,
} from "../crypto/frost.js";
import { type Gathered, GatherError } from "./gather.js";

/** A member's answer in round one: for each message, in order, its session and commitments. */
export type Committed = readonly (NonceCommitment & { readonly session: Uint8Array })[];

export interface FrostRounds<Member extends { readonly seat: number }, Part> {
  readonly key: SharedEdKey;
  /** What is to be signed: every signer builds it for itself. */
  readonly messages: readonly Uint8Array[];
  /** Round one: t members that commit, those in `exclude` not among them. Rejects with GatherError. */
  commit(exclude: ReadonlySet<number>): Promise<Gathered<Member, Part>>;
  /** The commitments in a part. */
  committed(part: Part): Committed;
  /**
   * Round two: a member's share for message `which`, 32 bytes. The combiner finds out whether it is right; whatever travels with
   * it, such as evidence, is checked here. A rejection leaves the member out.
   */
  share(member: Member, which: number, session: Uint8Array, signing: SigningSession): Promise<Uint8Array>;
  /** What to say of a member whose share is wrong. */
  wrongShare?(member: Member): Error;
  /** Is told who is left out, and why. */
  leftOut?(member: Member, error: unknown): void;
  readonly signal?: AbortSignal | undefined;
}

export interface FrostSignatures<Member, Part> {
  /** 64 bytes each, in the order of the messages, verified under the group key. */
  readonly signatures: readonly Uint8Array[];
  /** Of the members that signed. */
  readonly parts: Gathered<Member, Part>["parts"];
}

/**
 * @throws GatherError once too few members are left, with what each of the others did; the signal's reason
 */
export async function combineFrost<Member extends { readonly seat: number }, Part>(
  rounds: FrostRounds<Member, Part>,
): Promise<FrostSignatures<Member, Part>> {
  const { key, messages, signal } = rounds;
  const failures: { member: Member; error: unknown }[] = [];
  const exclude = new Set<number>();
  const leaveOut = (member: Member, error: unknown): void => {
    if (exclude.has(member.seat)) return;
    failures.push({ member, error });
    exclude.add(member.seat);
    rounds.leftOut?.(member, error);
  };

  for (;;) {
    const { parts } = await rounds.commit(exclude).catch((error: unknown) => {
      if (!(error instanceof GatherError)) throw error;
      throw new GatherError(error.good, error.needed, [...failures, ...error.failures]);
    });
    const before = exclude.size;
    const sessions = messages.map((message, which): SigningSession => {
      const commitments = parts.map(({ part }) => {
        const { seat, hiding, binding } = rounds.committed(part)[which] as NonceCommitment;
        return { seat, hiding, binding };
      });
      return { message, commitments: commitments.sort((a, b) => a.seat - b.seat) };
    });
    for (const { member } of parts) {
      const own = sessions.flatMap(({ commitments }) => commitments.filter(({ seat }) => seat === member.seat));
      try {
        for (const commitment of own) checkCommitment(key, commitment);
      } catch (error) {
        leaveOut(member, error);
      }
    }
    if (exclude.size > before) continue;

    const shares = messages.map(() => new Map<number, Uint8Array>());
    await Promise.all(
      parts.flatMap(({ member, part }) =>
        sessions.map(async (signing, which) => {
          const session = (rounds.committed(part)[which] as { session: Uint8Array }).session;
          try {
            shares[which]?.set(member.seat, await rounds.share(member, which, session, signing));
          } catch (error) {
            signal?.throwIfAborted();
            leaveOut(member, error);
          }
        }),
      ),
    );
    const judged = sessions.map((signing, which) => judge(key, signing, shares[which] as SharesBySeat));
    for (const { member } of parts) {
      if (!judged.some(({ wrong }) => wrong.includes(member.seat))) continue;
      const error = new CryptoError("proof", `the signature share of seat ${member.seat} is wrong`, [member.seat]);
      leaveOut(member, rounds.wrongShare?.(member) ?? error);
    }
    const signatures = judged.map(({ signature }) => signature).filter((signature) => signature !== undefined);
    if (exclude.size === before) return { signatures, parts };
  }
}

type SharesBySeat = ReadonlyMap<number, Uint8Array>;

/**
 * The signature, or the seats whose shares are wrong. Shares are looked at one by one only where some are missing or their sum is no
 * signature (RFC 9591, section 5.3): while all members are honest, one check is enough.
 * @throws CryptoError
 */
function judge(
  key: SharedEdKey,
  session: SigningSession,
  shares: SharesBySeat,
): { readonly signature?: Uint8Array; readonly wrong: readonly number[] } {
  if (shares.size < session.commitments.length) {
    return {
      wrong: [...shares].filter((given) => !verifySignatureShare(key, session, ...given)).map(([seat]) => seat),
    };
  }
  try {
    return { signature: aggregateShares(key, session, shares), wrong: [] };
  } catch (error) {
    if (error instanceof CryptoError && error.culprits.length > 0) return { wrong: error.culprits };
    throw error;
  }
}

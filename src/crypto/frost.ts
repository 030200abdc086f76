/**
 * FROST(Ed25519, SHA-512) (RFC 9591): t members make an ordinary Ed25519 signature (RFC 8032) in two rounds.
 *
 * Signing twice with one nonce gives the share away, so a nonce is an object that signs once, whatever comes of it, is then
 * wiped, and has no encoding: it cannot be written to a disk or restored from one.
 */
import { createFROST } from "@noble/curves/abstract/frost.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";

import { expectLength, type Randomness } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { decodeScalar, ed } from "./group.js";
import { expectSeats } from "./lagrange.js";
import { isEd25519Key } from "./points.js";

/**
 * As noble's own `ed25519_FROST`, whose hook `validatePoint` checks a second time that each point is in the subgroup: a multiplication
 * by the order, and so most of the time that a signature takes. An empty H2 makes the challenge that of RFC 8032.
 */
const frost = createFROST({ name: "FROST-ED25519-SHA512-v1", Point: ed25519.Point, hash: sha512, H2: "" });

/** Round one of a member: commitments to its two nonces, 32 bytes each. */
export interface NonceCommitment {
  readonly seat: number;
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

/** What the public knows of a key in shares. */
export interface SharedEdKey {
  /** 32 bytes. */
  readonly groupKey: Uint8Array;
  readonly t: number;
  readonly n: number;
  /** V_j = share_j * B, 32 bytes, by seat. */
  readonly verificationKeys: ReadonlyMap<number, Uint8Array>;
}

/** One message to be signed by one set of members, who gave these commitments. Order does not matter. */
export interface SigningSession {
  readonly message: Uint8Array;
  readonly commitments: readonly NonceCommitment[];
}

type NonceBytes = ReturnType<typeof frost.commit>["nonces"];

function identifier(seat: number): string {
  return frost.Identifier.fromNumber(seat);
}

/** Shares are stored big-endian (one format for both groups); RFC 9591 has Ed25519 scalars little-endian. */
function littleEndian(share: Uint8Array): Uint8Array {
  decodeScalar(ed, share);
  return share.slice().reverse();
}

function publicKey(key: SharedEdKey): Parameters<typeof frost.verifyShare>[0] {
  return {
    signers: { min: key.t, max: key.n },
    commitments: [key.groupKey],
    verifyingShares: Object.fromEntries([...key.verificationKeys].map(([seat, share]) => [identifier(seat), share])),
  };
}

function commitmentList(session: SigningSession): { identifier: string; hiding: Uint8Array; binding: Uint8Array }[] {
  return session.commitments.map(({ seat, hiding, binding }) => ({ identifier: identifier(seat), hiding, binding }));
}

/** Commitments of t to n distinct seats of the committee, of the right length. @throws CryptoError `seats` or `length` */
function checkSeats(key: SharedEdKey, session: SigningSession): void {
  const seats = session.commitments.map(({ seat }) => seat);
  expectSeats(seats);
  if (seats.length < key.t || seats.length > key.n) {
    throw new CryptoError("seats", `${seats.length} members cannot sign: ${key.t} to ${key.n} must`);
  }
  for (const commitment of session.commitments) checkForm(key, commitment);
}

function checkForm(key: SharedEdKey, { seat, hiding, binding }: NonceCommitment): void {
  if (!key.verificationKeys.has(seat)) throw new CryptoError("seats", `seat ${seat} has no share of this key`, [seat]);
  expectLength(hiding, 32, `the hiding commitment of seat ${seat}`);
  expectLength(binding, 32, `the binding commitment of seat ${seat}`);
}

/**
 * What one member gave in round one is of a seat of the committee, and two points of the subgroup that are not the identity.
 * @throws CryptoError `seats`, `length` or `point` with the culprit
 */
export function checkCommitment(key: SharedEdKey, commitment: NonceCommitment): void {
  checkForm(key, commitment);
  const { seat, hiding, binding } = commitment;
  if ([hiding, binding].every(isEd25519Key)) return;
  throw new CryptoError("point", `a nonce commitment of seat ${seat} is not in the prime-order subgroup`, [seat]);
}

/**
 * The session's commitments are of t to n distinct seats, each as `checkCommitment` wants it. Signing and verifying refuse such
 * sessions too; this says whose commitment it is.
 * @throws CryptoError `seats`, `length` or `point` with the culprit
 */
export function checkSession(key: SharedEdKey, session: SigningSession): void {
  checkSeats(key, session);
  for (const commitment of session.commitments) checkCommitment(key, commitment);
}

/** Nonces of one member for one signature. Keep in memory only. */
export class FrostNonces {
  readonly commitment: NonceCommitment;
  readonly #nonces: NonceBytes;
  #used = false;

  private constructor(commitment: NonceCommitment, nonces: NonceBytes) {
    this.commitment = commitment;
    this.#nonces = nonces;
  }

  /** Round one. The nonces depend on the share too, so that a broken source of randomness alone does not reveal them. */
  static draw(seat: number, share: Uint8Array, random: Randomness): FrostNonces {
    const signingShare = littleEndian(share);
    const { nonces, commitments } = frost.commit(
      { identifier: identifier(seat), signingShare },
      (length) => random(length ?? 32) as Uint8Array<ArrayBuffer>,
    );
    signingShare.fill(0);
    return new FrostNonces({ seat, hiding: commitments.hiding, binding: commitments.binding }, nonces);
  }

  /**
   * Round two: this member's signature share, 32 bytes. Uses the nonces up, even if it throws.
   * @throws CryptoError `used` the second time; what `checkSession` throws; `proof` if the session does not hold this
   * member's own commitment as it gave it
   */
  sign(key: SharedEdKey, share: Uint8Array, session: SigningSession): Uint8Array {
    if (this.#used) throw new CryptoError("used", "these nonces have been used: draw new ones and start a new session");
    let signingShare: Uint8Array | undefined;
    try {
      checkSeats(key, session);
      signingShare = littleEndian(share);
      const secret = { identifier: identifier(this.commitment.seat), signingShare };
      return frost.signShare(secret, publicKey(key), this.#nonces, commitmentList(session), session.message);
    } catch (cause) {
      if (cause instanceof CryptoError) throw cause;
      checkSession(key, session);
      throw new CryptoError("proof", `no signature share was made: ${(cause as Error).message}`, [], cause);
    } finally {
      signingShare?.fill(0);
      this.discard();
    }
  }

  /** Wipes the nonces: a session that did not come about. */
  discard(): void {
    this.#used = true;
    this.#nonces.hiding.fill(0);
    this.#nonces.binding.fill(0);
  }
}

/** Whether a member's signature share is right. */
export function verifySignatureShare(
  key: SharedEdKey,
  session: SigningSession,
  seat: number,
  share: Uint8Array,
): boolean {
  if (share.length !== 32 || !session.commitments.some((commitment) => commitment.seat === seat)) return false;
  checkSeats(key, session);
  try {
    return frost.verifyShare(publicKey(key), commitmentList(session), session.message, identifier(seat), share);
  } catch {
    checkSession(key, session);
    // A scalar that is not below the order.
    return false;
  }
}

/**
 * The signature, 64 bytes, from the shares of every member of the session.
 * @throws CryptoError `seats` if shares are missing; `proof` with the culprits if shares are wrong; what `checkSession` throws
 */
export function aggregateShares(
  key: SharedEdKey,
  session: SigningSession,
  shares: ReadonlyMap<number, Uint8Array>,
): Uint8Array {
  checkSeats(key, session);
  const seats = session.commitments.map(({ seat }) => seat);
  const missing = seats.filter((seat) => !shares.has(seat));
  if (missing.length > 0) {
    throw new CryptoError("seats", `signature shares of seats ${missing.join(", ")} are missing`, missing);
  }
  try {
    const byIdentifier = Object.fromEntries(seats.map((seat) => [identifier(seat), shares.get(seat) as Uint8Array]));
    return frost.aggregate(publicKey(key), commitmentList(session), session.message, byIdentifier);
  } catch (cause) {
    const culprits = seats.filter((seat) => !verifySignatureShare(key, session, seat, shares.get(seat) as Uint8Array));
    const reason = `signature shares of seats ${culprits.join(", ")} are wrong: start a new session without them`;
    throw new CryptoError("proof", reason, culprits, cause);
  }
}

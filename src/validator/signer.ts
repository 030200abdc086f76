/**
 * This member's part of swarm signatures. Whatever it signs was built by the caller from the ledger; each part travels with
 * evidence by the registered TLS key, so that a wrong one names its sender (docs/protocol.md, section 2.1).
 */
import { randomBytes } from "node:crypto";

import type { Bls } from "../crypto/bls.js";
import type { Randomness } from "../crypto/bytes.js";
import { FrostNonces, type NonceCommitment, type SharedEdKey } from "../crypto/frost.js";
import { type Contribution, type RepairPlan, contributeToRepair } from "../crypto/repair.js";
import type { SharePair } from "../crypto/sealing.js";
import { type TlsIdentity, signWithTlsKey, signWithTlsKeyInPool } from "../net/tls-identity.js";
import type { PartialAnswer, ShareAnswer } from "../protocol/api.js";
import { coseStatementDigest, evidenceDigest, frostDigest } from "../protocol/evidence.js";
import { SessionBook } from "../protocol/sessions.js";
import { SwarmkeepError } from "../statements/errors.js";

/** What a signed message is called in evidence: an EIP-712 digest as it is, a Sig_structure or TBS structure by its SHA-256. */
export function statementId(message: Uint8Array): Uint8Array {
  return message.length === 32 ? message : coseStatementDigest(message);
}

/** An array of four in CBOR; a SEQUENCE in DER. */
const FIRST_BYTE = { sigStructure: 0x84, tbs: 0x30 } as const;

export interface SignerOptions {
  readonly seat: number;
  /** Both shares of the committee in office. */
  readonly shares: SharePair;
  readonly edKey: SharedEdKey;
  /** EIP-712 separator of the ValidatorRegistry. */
  readonly registrySeparator: Uint8Array;
  /** Holds the registered TLS key. */
  readonly identity: TlsIdentity;
  readonly bls: Bls;
  readonly nowMilliseconds: () => number;
  /** Throws while this validator may not sign: asked before every signature, whoever wants it. */
  readonly expectSpeaking: () => void;
}

export class Signer {
  readonly seat: number;
  readonly #options: SignerOptions;
  readonly #sessions: SessionBook<FrostNonces>;

  constructor(options: SignerOptions) {
    this.seat = options.seat;
    this.#options = options;
    this.#sessions = new SessionBook({
      randomId: () => randomBytes(16),
      nowMilliseconds: options.nowMilliseconds,
      wipe: (nonces) => nonces.discard(),
    });
  }

  /** A partial BLS signature over `message`. */
  partial(message: Uint8Array): PartialAnswer {
    this.#options.expectSpeaking();
    const partial = this.#options.bls.sign(this.#options.shares.g1, message);
    return { seat: this.seat, partial, evidence: this.#evidence(statementId(message), partial) };
  }

  /** As `partial`, with the evidence signed in the thread pool: this thread has the next BLS signature to make meanwhile. */
  async partialInPool(message: Uint8Array): Promise<PartialAnswer> {
    const { bls, shares, identity, expectSpeaking } = this.#options;
    expectSpeaking();
    const partial = bls.sign(shares.g1, message);
    const evidence = await signWithTlsKeyInPool(identity, this.#evidenceDigest(statementId(message), partial));
    return { seat: this.seat, partial, evidence };
  }

  /** SubjectPublicKeyInfo of the registered TLS key, DER. */
  get tlsKey(): Uint8Array {
    return this.#options.identity.spki;
  }

  /** Round one of FROST over `message`: a session that signs this message once, or nothing. `asker` names who asked for it. */
  commit(message: Uint8Array, asker: string): { readonly session: Uint8Array; readonly commitment: NonceCommitment } {
    this.#options.expectSpeaking();
    // The Ed25519 group key signs two kinds of bytes, which cannot be taken for one another (section 2.2).
    if (message[0] !== FIRST_BYTE.sigStructure && message[0] !== FIRST_BYTE.tbs) {
      throw new RangeError("the Ed25519 group key signs Sig_structures and TBS structures only");
    }
    const nonces = FrostNonces.draw(this.seat, this.#options.shares.ed25519, (length) => randomBytes(length));
    return { session: this.#sessions.open({ message, nonces }, asker), commitment: nonces.commitment };
  }

  /** Round two. @throws SwarmkeepError `session-unknown`; CryptoError for commitments that do not fit. */
  share(session: Uint8Array, commitments: readonly NonceCommitment[]): ShareAnswer {
    this.#options.expectSpeaking();
    const found = this.#sessions.take(session);
    if (found === undefined) {
      throw new SwarmkeepError("this signing session is unknown, used or too old", {
        kind: "refused",
        code: "session-unknown",
        advice: "Start again with the first round: a session signs once, and a restart forgets it.",
      });
    }
    const { message, nonces } = found;
    const { edKey, shares } = this.#options;
    const share = nonces.sign(edKey, shares.ed25519, { message, commitments });
    return { seat: this.seat, share, evidence: this.#evidence(frostDigest(statementId(message), commitments), share) };
  }

  /** This member's part in the repair of another one's share (`repairing.ts`). @param random 64 bytes for each part and key. */
  contributeToRepair(plan: RepairPlan, random: Randomness): Contribution {
    this.#options.expectSpeaking();
    return contributeToRepair(plan, this.seat, this.#options.shares, random);
  }

  /** Forgets the shares: this member has left office. */
  wipe(): void {
    this.#options.shares.g1.fill(0);
    this.#options.shares.ed25519.fill(0);
  }

  #evidence(named: Uint8Array, partial: Uint8Array): Uint8Array {
    return signWithTlsKey(this.#options.identity, this.#evidenceDigest(named, partial));
  }

  #evidenceDigest(named: Uint8Array, partial: Uint8Array): Uint8Array {
    return evidenceDigest(this.#options.registrySeparator, named, partial);
  }
}

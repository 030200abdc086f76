/**
 * What this validator has signed, for all to see: once a period the Merkle root over the digests of the certificates that it
 * helped to sign, in a statement signed with its registered TLS key. A certificate can be traced to those who signed it, and
 * one that nobody will have signed shows (docs/protocol.md, section 7).
 */
import { sha256 } from "@noble/hashes/sha2.js";

import { encodeCbor } from "../certificate/cbor.js";
import { bytesToSign, encodeSignedObject } from "../certificate/cose.js";
import { merkleRoot } from "../crypto/merkle.js";
import { type TlsIdentity, signWithTlsKey } from "../net/tls-identity.js";
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";
import type { IssuedBook } from "./issued.js";

const KIND = { typ: COSE_TYP.healthStatement, algorithm: COSE_ALG.es256 } as const;
const EMPTY_ROOT = new Uint8Array(32);

/** Seconds for which a statement is given out: a period of a large fleet takes a while to hash, and anybody may ask. */
const KEPT_SECONDS = 30;
/** Statements kept, those of periods that this validator knows nothing of included. */
const KEPT_STATEMENTS = 64;

/** Health statements: COSE_Sign1 over CBOR [period, count, root, time], root zero where nothing was signed. */
export class HealthStatements {
  readonly #issued: IssuedBook;
  readonly #identity: TlsIdentity;
  readonly #externalAad: Uint8Array;
  readonly #kept = new Map<number, { readonly time: number; readonly statement: Uint8Array }>();

  /** @param externalAad separator of the TrustAnchor. */
  constructor(issued: IssuedBook, identity: TlsIdentity, externalAad: Uint8Array) {
    this.#issued = issued;
    this.#identity = identity;
    this.#externalAad = externalAad;
  }

  /** The statement of a period, at most half a minute old. */
  statement(period: number, now: number): Uint8Array {
    const known = this.#kept.get(period);
    if (known !== undefined && Math.abs(now - known.time) < KEPT_SECONDS) return known.statement;
    const digests = this.#issued.digests(period);
    const root = digests.length === 0 ? EMPTY_ROOT : merkleRoot(sha256, digests);
    const payload = encodeCbor([period, digests.length, root, now]);
    const signature = signWithTlsKey(this.#identity, bytesToSign(KIND, this.#externalAad, payload));
    const statement = encodeSignedObject({ ...KIND, payload, signature });
    this.#kept.delete(period);
    this.#kept.set(period, { time: now, statement });
    if (this.#kept.size > KEPT_STATEMENTS) this.#kept.delete(this.#kept.keys().next().value as number);
    return statement;
  }
}

/** The digests of a period in the order of the tree: CBOR array of 32-byte strings. */
export function signedDigests(issued: IssuedBook, period: number): Uint8Array {
  return encodeCbor(issued.digests(period));
}

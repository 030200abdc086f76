/**
 * What this validator has signed, for all to see: once a period the Merkle root over the digests of the certificates that it
 * helped to sign, in a statement signed with its registered TLS key. A certificate can be traced to those who signed it, and
 * one that nobody will have signed shows (docs/protocol.md, section 7).
 */
import { sha256 } from "@noble/hashes/sha2.js";

import { encodeCbor } from "../certificate/cbor.js";
import { bytesToSign, encodeSignedObject } from "../certificate/cose.js";
import { type TlsIdentity, signWithTlsKey } from "../net/tls-identity.js";
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";
import type { IssuedBook } from "./issued.js";

const KIND = { typ: COSE_TYP.healthStatement, algorithm: COSE_ALG.es256 } as const;
const EMPTY_ROOT = new Uint8Array(32);

/**
 * The health statement of a period: COSE_Sign1 over CBOR [period, count, root, time], root zero where nothing was signed.
 * @param externalAad separator of the TrustAnchor.
 */
export function healthStatement(
  issued: IssuedBook,
  period: number,
  time: number,
  identity: TlsIdentity,
  externalAad: Uint8Array,
): Uint8Array {
  const digests = issued.digests(period);
  const root = issued.periodRoot(period, sha256) ?? EMPTY_ROOT;
  const payload = encodeCbor([period, digests.length, root, time]);
  const signature = signWithTlsKey(identity, bytesToSign(KIND, externalAad, payload));
  return encodeSignedObject({ ...KIND, payload, signature });
}

/** The digests of a period in the order of the tree: CBOR array of 32-byte strings. */
export function signedDigests(issued: IssuedBook, period: number): Uint8Array {
  return encodeCbor(issued.digests(period));
}

/**
 * Evidence: every part of a swarm signature travels with a signature of its sender's TLS key over it, so that whoever sends
 * a wrong part, or two, can be named (docs/protocol.md, section 2.1).
 */
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { encodeCbor } from "../certificate/cbor.js";
import type { DeviceSignatures } from "../certificate/signatures.js";
import { concatBytes } from "../crypto/bytes.js";
import { type Domain, domainSeparator, statementDigest } from "../statements/eip712.js";

/** The digest under which a COSE object's parts are evidenced. */
export function coseStatementDigest(sigStructure: Uint8Array): Uint8Array {
  return sha256(sigStructure);
}

/** One member's commitments in round one of FROST. */
interface Commitment {
  readonly seat: number;
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

/**
 * The digest under which a FROST signature share is evidenced: whether a share is right depends on the commitments of all who
 * sign, so they are named too. SHA-256(statement digest | CBOR [[seat, hiding, binding], ...] in ascending order of seat).
 */
export function frostDigest(statement: Uint8Array, commitments: readonly Commitment[]): Uint8Array {
  const list = commitments
    .toSorted((a, b) => a.seat - b.seat)
    .map(({ seat, hiding, binding }) => [seat, hiding, binding]);
  return sha256(concatBytes(statement, encodeCbor(list)));
}

/** The separator that evidence is signed under: of the ValidatorRegistry. */
export function evidenceDomain(
  mesh: Omit<Domain, "verifyingContract"> & { readonly registry: Uint8Array },
): Uint8Array {
  return domainSeparator({ chainId: mesh.chainId, meshId: mesh.meshId, verifyingContract: mesh.registry });
}

/**
 * What the sender's TLS key signs (ES256), 32 bytes.
 * @param separator see `evidenceDomain`.
 * @param digest of the statement that the part signs.
 * @param part a partial signature or a FROST signature share.
 */
export function evidenceDigest(separator: Uint8Array, digest: Uint8Array, part: Uint8Array): Uint8Array {
  return statementDigest(separator, "PartialEvidence", { digest, partialHash: keccak_256(part) });
}

/** Bytes of the SubjectPublicKeyInfo of a P-256 key; the last 64 are the point's coordinates (RFC 5480). */
const SPKI_LENGTH = 91;

/** @param spki of the sender's TLS key, DER: what its registered pin is the hash of. */
export function verifyEvidence(
  spki: Uint8Array,
  message: Uint8Array,
  evidence: Uint8Array,
  signatures: DeviceSignatures,
): boolean {
  if (spki.length !== SPKI_LENGTH) return false;
  try {
    const point = p256.Point.fromBytes(spki.subarray(-65)).toBytes(true);
    return signatures.verifyP256(point, message, evidence);
  } catch {
    return false;
  }
}

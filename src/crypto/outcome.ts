/**
 * What a ceremony leads to, derived by everybody from the counted dealings alone (docs/protocol.md, section 4.4): group
 * keys, verification keys, and the hash that the members acknowledge. And each member's combined shares.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { concatBytes, toBytes } from "./bytes.js";
import { CryptoError } from "./errors.js";
import {
  decodeScalar,
  ed,
  encodeScalar,
  g1,
  type EdPoint,
  type G1Point,
  type Group,
  type GroupPoint,
} from "./group.js";
import type { Commitments } from "./judging.js";
import { evaluateCommitments, expectSeats, lagrangeAtZero } from "./lagrange.js";
import { merkleLeaf, merklePath, merkleRoot } from "./merkle.js";
import { blsKeyHash } from "./points.js";
import type { SharePair } from "./sealing.js";

/** Key generation sums the dealers' polynomials; a resharing interpolates them at zero. */
export type CeremonyKind = "generation" | "resharing";

/** share_j * base in both groups. */
export interface VerificationKey {
  readonly seat: number;
  /** 48 bytes. */
  readonly g1: Uint8Array;
  /** 32 bytes. */
  readonly ed25519: Uint8Array;
}

export interface GroupKeys {
  /** 48 bytes. */
  readonly bls: Uint8Array;
  /** 32 bytes, RFC 8032. */
  readonly ed25519: Uint8Array;
  /** In seat order, one for every seat. */
  readonly verificationKeys: readonly VerificationKey[];
}

function weights(kind: CeremonyKind, dealers: readonly number[], order: bigint): bigint[] {
  expectSeats(dealers);
  return kind === "generation" ? dealers.map(() => 1n) : lagrangeAtZero(dealers, order);
}

/** Commitments to the combined polynomial, cleared of components of small order. */
function combineCommitments<P extends GroupPoint<P>>(
  group: Group<P>,
  kind: CeremonyKind,
  dealers: readonly number[],
  committed: readonly (readonly P[])[],
): P[] {
  const lambdas = weights(kind, dealers, group.order);
  const [first] = committed;
  if (first === undefined || committed.length !== dealers.length || committed.some((c) => c.length !== first.length)) {
    throw new CryptoError(
      "seats",
      `${committed.length} dealings of one length are needed for ${dealers.length} dealers`,
    );
  }
  return first.map((_, k) =>
    group.clear(
      committed.reduce((sum, points, d) => sum.add((points[k] as P).multiplyUnsafe(lambdas[d] as bigint)), group.zero),
    ),
  );
}

/**
 * The group keys and the verification keys of seats 1..n.
 * @param dealers seats of the counted dealers, with `committed` in the same order
 */
export function deriveGroupKeys(
  kind: CeremonyKind,
  dealers: readonly number[],
  committed: readonly Commitments[],
  n: number,
): GroupKeys {
  const g1Combined = combineCommitments<G1Point>(
    g1,
    kind,
    dealers,
    committed.map((c) => c.g1),
  );
  const edCombined = combineCommitments<EdPoint>(
    ed,
    kind,
    dealers,
    committed.map((c) => c.ed25519),
  );
  return {
    bls: (g1Combined[0] as G1Point).toBytes(),
    ed25519: (edCombined[0] as EdPoint).toBytes(),
    verificationKeys: Array.from({ length: n }, (_, i) => ({
      seat: i + 1,
      g1: evaluateCommitments(g1, g1Combined, i + 1).toBytes(),
      ed25519: evaluateCommitments(ed, edCombined, i + 1).toBytes(),
    })),
  };
}

/** One member's shares of the group keys from those that the counted dealers sent it, in the same order. */
export function combineShares(kind: CeremonyKind, dealers: readonly number[], shares: readonly SharePair[]): SharePair {
  if (dealers.length === 0 || shares.length !== dealers.length) {
    throw new CryptoError("seats", `${shares.length} shares are no match for ${dealers.length} dealers`);
  }
  const combine = <P extends GroupPoint<P>>(group: Group<P>, pick: (pair: SharePair) => Uint8Array): Uint8Array => {
    const lambdas = weights(kind, dealers, group.order);
    const sum = shares.reduce((total, pair, i) => total + (lambdas[i] as bigint) * decodeScalar(group, pick(pair)), 0n);
    return encodeScalar(sum % group.order);
  };
  return { g1: combine(g1, (pair) => pair.g1), ed25519: combine(ed, (pair) => pair.ed25519) };
}

function verificationLeaves(keys: readonly VerificationKey[]): Uint8Array[] {
  return keys.map((key) => merkleLeaf(keccak_256, toBytes(key.seat, 1), key.g1, key.ed25519));
}

/** Root over the verification keys of all seats in order. */
export function verificationRoot(keys: readonly VerificationKey[]): Uint8Array {
  return merkleRoot(keccak_256, verificationLeaves(keys));
}

/** Siblings of a seat's verification key under that root: what a dealer of a resharing opens. */
export function verificationPath(keys: readonly VerificationKey[], seat: number): Uint8Array[] {
  return merklePath(keccak_256, verificationLeaves(keys), seat - 1);
}

/** keccak256(abi.encode(ceremony, attempt, bitmap of the counted seats)). */
export function qualifiedHash(ceremony: bigint, attempt: number, counted: readonly number[]): Uint8Array {
  expectSeats(counted);
  const bitmap = counted.reduce((bits, seat) => bits | (1n << BigInt(seat)), 0n);
  return keccak_256(concatBytes(toBytes(ceremony, 32), toBytes(attempt, 32), toBytes(bitmap, 32)));
}

/** keccak256(abi.encode(qualifiedHash, verificationRoot, keccak256(BLS key), Ed25519 key)): what is acknowledged. */
export function outcomeHash(qualified: Uint8Array, keys: GroupKeys): Uint8Array {
  return keccak_256(
    concatBytes(qualified, verificationRoot(keys.verificationKeys), blsKeyHash(keys.bls), keys.ed25519),
  );
}

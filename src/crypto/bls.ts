/**
 * BLS signatures on BLS12-381: keys in G1 (48 bytes), signatures in G2 (96 bytes), suite
 * BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature-05; Ethereum's consensus layer).
 *
 * `Bls` has two implementations with the same answers to the byte: this one, which runs everywhere, and a native one some
 * twenty times as fast (`src/runtime/blst.ts`), which programs on Node hand in.
 */
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";

import { DST } from "../statements/tags.js";
import { expectLength } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { decodeScalar, g1, type G1Point, type G2Point } from "./group.js";
import { decodeG2 } from "./points.js";

/** One signature to be checked among others. */
export interface SignatureSet {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Secrets are 32 bytes, big-endian, from 1 to r - 1. Whatever verifies answers `false` to bytes that do not decode, to keys
 * at infinity and to empty lists; whatever makes something throws CryptoError `length`, `scalar` or `point`.
 */
export interface Bls {
  publicKey(secret: Uint8Array): Uint8Array;
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Sum of one or more signatures. */
  aggregate(signatures: readonly Uint8Array[]): Uint8Array;
  /**
   * Sum of weights[i] * signatures[i], one or more, not verified. Weights are public, from 0 to r - 1: the time depends on them.
   * @throws CryptoError `point` too if the sum is infinity
   */
  weightedSum(signatures: readonly Uint8Array[], weights: readonly bigint[]): Uint8Array;
  /** Whether `signature` is the sum of signatures of all keys over one message. Keys need proofs of possession. */
  fastAggregateVerify(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether `signature` is the sum of signatures of each key over its own message. */
  aggregateVerify(publicKeys: readonly Uint8Array[], messages: readonly Uint8Array[], signature: Uint8Array): boolean;
  /** Whether every signature verifies. */
  verifyBatch(sets: readonly SignatureSet[]): boolean;
}

const scheme = bls12_381.longSignatures;

export function hashToG2(message: Uint8Array, dst: string = DST.signature): G2Point {
  return scheme.hash(message, dst) as G2Point;
}

/** A public key: in the subgroup, not infinity. @throws CryptoError */
export function decodePublicKey(bytes: Uint8Array): G1Point {
  const point = g1.decode(bytes);
  if (point.is0()) throw new CryptoError("point", "the point at infinity is no public key");
  return point;
}

function signUnder(dst: string, secret: Uint8Array, message: Uint8Array): Uint8Array {
  expectSecret(secret);
  return scheme.sign(hashToG2(message, dst), secret).toBytes();
}

function verifyUnder(dst: string, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return answer(() => scheme.verify(decodeG2(signature), hashToG2(message, dst), decodePublicKey(publicKey)));
}

/** @throws CryptoError `length` or `scalar` */
export function expectSecret(secret: Uint8Array): void {
  if (decodeScalar(g1, secret) === 0n) throw new CryptoError("scalar", "zero is no secret key");
}

/** A verification's answer: bytes that do not decode are as wrong as ones that do not fit. */
export function answer(verify: () => boolean): boolean {
  try {
    return verify();
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

export const nobleBls: Bls = {
  publicKey(secret) {
    expectSecret(secret);
    return scheme.getPublicKey(secret).toBytes();
  },

  sign: (secret, message) => signUnder(DST.signature, secret, message),

  verify: (publicKey, message, signature) => verifyUnder(DST.signature, publicKey, message, signature),

  aggregate(signatures) {
    expectSome(signatures);
    return scheme.aggregateSignatures(signatures.map(decodeG2)).toBytes();
  },

  weightedSum(signatures, weights) {
    expectSome(signatures);
    const sum = mulAddUnsafe(bls12_381.G2.Point, signatures.map(decodeG2), [...weights]);
    if (sum.is0()) throw infiniteSum();
    return sum.toBytes();
  },

  fastAggregateVerify: (publicKeys, message, signature) =>
    publicKeys.length > 0 &&
    answer(() => {
      const key = publicKeys.map(decodePublicKey).reduce((sum, point) => sum.add(point));
      return !key.is0() && scheme.verify(decodeG2(signature), hashToG2(message), key);
    }),

  aggregateVerify: (publicKeys, messages, signature) =>
    publicKeys.length > 0 &&
    publicKeys.length === messages.length &&
    answer(() => {
      const items = publicKeys.map((key, i) => ({
        publicKey: decodePublicKey(key),
        message: hashToG2(messages[i] as Uint8Array),
      }));
      return scheme.verifyBatch(decodeG2(signature), items);
    }),

  verifyBatch: (sets) =>
    sets.length > 0 && sets.every((set) => nobleBls.verify(set.publicKey, set.message, set.signature)),
};

/** @throws CryptoError `seats` */
export function expectSome(signatures: readonly Uint8Array[]): void {
  if (signatures.length === 0) throw new CryptoError("seats", "no signatures were given: their sum is no signature");
}

export function infiniteSum(): CryptoError {
  return new CryptoError("point", "the signatures cancel each other: their sum is the point at infinity");
}

/**
 * Proof of possession over `digest`, the 32-byte digest of the statement ProofOfPossession, which names mesh, chain,
 * contract and account: a copied proof is worth nothing. Rare, so there is no native version of it.
 */
export function provePossession(secret: Uint8Array, digest: Uint8Array): Uint8Array {
  expectLength(digest, 32, "a statement's digest");
  return signUnder(DST.possession, secret, digest);
}

export function verifyPossession(publicKey: Uint8Array, digest: Uint8Array, proof: Uint8Array): boolean {
  return digest.length === 32 && verifyUnder(DST.possession, publicKey, digest, proof);
}

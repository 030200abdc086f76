/**
 * Heads of the distributed revocation list and proofs under them: what a device staples to its certificate
 * (docs/protocol.md, sections 3.6, 3.7 and 6).
 */
import { concatBytes } from "@noble/hashes/utils.js";

import { CLOCK_SKEW_SECONDS, COSE_ALG, COSE_TYP, type GroupAlgorithm } from "../statements/cose.js";
import { statementDigest } from "../statements/eip712.js";
import { equalBytes } from "../crypto/bytes.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { bytesToSign } from "./cose.js";
import { drlDepth, drlLeaf, drlNode } from "./drl-tree.js";
import type { HeadMemory } from "./head-memory.js";
import { type Reader, bytes, nullable, oneOf, tuple, uint } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import { type GroupKeys, type SignatureChecks, verifyByGroup } from "./signatures.js";
import { when } from "../statements/time.js";
import { type FormerKeys, isHandover } from "./succession.js";

/** Devices per word of the list. */
export const WORD_BITS = 256;
const U32 = 0xffff_ffff;

export interface DrlHead {
  /** The tick that it was made at. */
  readonly number: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Words of the list: devices from 256 * words on are not in it. */
  readonly words: number;
  /** Seconds since 1970. */
  readonly issued: number;
  readonly expires: number;
  /** The block whose state it shows. */
  readonly blockNumber: number;
}

/** Where heads are signed: the separators of the RevocationList (for BLS) and of the TrustAnchor (for Ed25519). */
export interface HeadDomains {
  /** EIP-712 domain separator of the RevocationList contract. */
  readonly revocations: Uint8Array;
  /** EIP-712 domain separator of the TrustAnchor contract. */
  readonly externalAad: Uint8Array;
}

export const MINIMUM_WORDS = 1;

const readHead: Reader<DrlHead> = (value, field) => {
  const head = readHeadFields(value, field);
  if (head.words < MINIMUM_WORDS) throw malformed(`${field}.words`, "a list has at least one word");
  if (head.issued >= head.expires) {
    throw malformed(`${field}.expires`, `${head.expires} is not after issued ${head.issued}`);
  }
  return head;
};
const readHeadFields = tuple<DrlHead>({
  number: uint(),
  root: bytes(32),
  words: uint(U32),
  issued: uint(),
  expires: uint(),
  blockNumber: uint(),
});

function headValue({ number, root, words, issued, expires, blockNumber }: DrlHead): CborValue {
  return [number, root, words, issued, expires, blockNumber];
}

/** The EIP-712 digest of a head, 32 bytes: what the ledger checks. */
export function drlHeadDigest(head: DrlHead, revocations: Uint8Array): Uint8Array {
  return statementDigest(revocations, "DrlHead", { ...head });
}

/** What the swarm signs: the EIP-712 digest with BLS, a Sig_structure of type 65001 with Ed25519. */
export function drlHeadToSign(algorithm: GroupAlgorithm, head: DrlHead, domains: HeadDomains): Uint8Array {
  if (algorithm === COSE_ALG.bls) return drlHeadDigest(head, domains.revocations);
  return bytesToSign({ typ: COSE_TYP.drlHead, algorithm }, domains.externalAad, encodeCbor(headValue(head)));
}

/** A head as validators hand it out. */
export interface SignedDrlHead {
  readonly head: DrlHead;
  /** 96 bytes. */
  readonly bls: Uint8Array;
  /** 64 bytes; absent until the FROST session is done. */
  readonly ed25519: Uint8Array | null;
}

export function encodeSignedDrlHead({ head, bls, ed25519 }: SignedDrlHead): Uint8Array {
  return encodeCbor([headValue(head), bls, ed25519]);
}

const readSignedHead = tuple<SignedDrlHead>({ head: readHead, bls: bytes(96), ed25519: nullable(bytes(64)) });

/** @throws Refusal `malformed` */
export function decodeSignedDrlHead(encoded: Uint8Array): SignedDrlHead {
  return readSignedHead(decodeCbor(encoded, "signedHead", PROOF_LIMITS), "signedHead");
}

export interface DrlProof {
  readonly head: DrlHead;
  readonly algorithm: GroupAlgorithm;
  /** 96 bytes for BLS, 64 for Ed25519. */
  readonly signature: Uint8Array;
  /** The word with the device's bit, 32 bytes. */
  readonly word: Uint8Array;
  /** Siblings bottom-up, 32 bytes each. */
  readonly path: Uint8Array;
}

/** 32 levels of 32 bytes are the most that a u32 of words can have. */
const PROOF_LIMITS: CborLimits = { maximumLength: 1_280, maximumDepth: 3 };

export function encodeDrlProof({ head, algorithm, signature, word, path }: DrlProof): Uint8Array {
  return encodeCbor([headValue(head), algorithm, signature, word, path]);
}

const readProof = tuple<DrlProof>({
  head: readHead,
  algorithm: oneOf(COSE_ALG.bls, COSE_ALG.eddsa),
  signature: bytes(64, 96),
  word: bytes(32),
  path: bytes(0, 32 * 32),
});

/** Decodes without believing anything yet. @throws Refusal `malformed` */
export function decodeDrlProof(encoded: Uint8Array): DrlProof {
  const proof = readProof(decodeCbor(encoded, "drlProof", PROOF_LIMITS), "drlProof");
  const expected = 32 * drlDepth(proof.head.words);
  if (proof.path.length !== expected) {
    const problem = `takes ${expected} bytes for a list of ${proof.head.words} words, not ${proof.path.length}`;
    throw malformed("drlProof.path", problem);
  }
  return proof;
}

/** Word and bit of a device: bit 0 is the least significant of word 0. */
export function drlPosition(index: number): { readonly position: number; readonly bit: number } {
  return { position: Math.floor(index / WORD_BITS), bit: index % WORD_BITS };
}

/** Whether `bit` is set in a word of the list. */
export function isListed(word: Uint8Array, bit: number): boolean {
  return (((word[31 - (bit >> 3)] as number) >> (bit & 7)) & 1) === 1;
}

/**
 * Checks that a proof's word stands under its head, and the device's bit in it.
 * @throws Refusal `not-listed` or `revoked`
 */
export function checkNotRevoked({ head, word, path }: DrlProof, index: number): void {
  const { position, bit } = drlPosition(index);
  if (position >= head.words) {
    throw new Refusal("not-listed", `device ${index} is beyond the list's ${head.words} words`);
  }
  let node = drlLeaf(position, word);
  for (let height = 0; height < drlDepth(head.words); height++) {
    const sibling = path.subarray(32 * height, 32 * (height + 1));
    // Not `>>`: positions have up to 32 bits.
    const isRight = Math.floor(position / 2 ** height) % 2 === 1;
    node = isRight ? drlNode(sibling, node) : drlNode(node, sibling);
  }
  if (!equalBytes(node, head.root)) {
    throw new Refusal("not-listed", `the revocation proof does not prove the word of device ${index}`);
  }
  if (isListed(word, bit)) throw new Refusal("revoked", `device ${index} is revoked or held`);
}

/** What a verifier needs to know to check heads. */
export interface HeadTrust extends HeadDomains {
  readonly keys: GroupKeys;
  /** Of the generation before: heads that it signed count until they end, and until the handover does. */
  readonly former?: FormerKeys | undefined;
}

/**
 * Whether a head may be of the keys before: of their time, and until nothing that they signed counts. Without a clock, only one that ends
 * by then.
 */
function countsUnder(
  former: FormerKeys | undefined,
  { issued, expires }: DrlHead,
  clock: number | undefined,
): former is FormerKeys {
  return former !== undefined && issued <= former.since && isHandover(former, clock ?? expires);
}

/**
 * Checks a head's time, its place after those seen before, and its signature; then remembers it.
 * @param clock seconds since 1970, or undefined on a device without a clock.
 * @throws Refusal `head-stale`, `head-future`, `head-rollback` or `bad-signature`
 */
export function verifyDrlHead(
  { head, algorithm, signature }: Pick<DrlProof, "head" | "algorithm" | "signature">,
  trust: HeadTrust,
  clock: number | undefined,
  memory: HeadMemory,
  checks: SignatureChecks,
): void {
  const now = memory.lowerBound(clock);
  // Written so that a time that is no number is refused.
  if (now !== undefined && !(now < head.expires)) {
    throw new Refusal("head-stale", `the head ended at ${when(head.expires)}, it is ${when(now)}`);
  }
  if (clock !== undefined && !(head.issued <= clock + CLOCK_SKEW_SECONDS)) {
    throw new Refusal("head-future", `the head is of ${when(head.issued)}, it is ${when(clock)}`);
  }
  const { former } = trust;
  memory.checkOrder(head, former?.since);
  const signers = countsUnder(former, head, clock) ? [trust.keys, former.keys] : [trust.keys];
  const digest = drlHeadDigest(head, trust.revocations);
  const statements = signers.map(({ bls, ed25519 }) => concatBytes(digest, bls, ed25519, signature));
  if (statements.some((statement) => memory.isVerified(statement))) return;
  const message = drlHeadToSign(algorithm, head, trust);
  const by = signers.findIndex((keys) => verifyByGroup(algorithm, keys, message, signature, checks));
  const statement = statements[by];
  if (statement === undefined) {
    throw new Refusal(
      "bad-signature",
      "the revocation head is not signed by this mesh, chain and contract's group key",
    );
  }
  memory.remember(head, statement);
}

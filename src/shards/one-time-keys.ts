/**
 * One-time signing keys (docs/protocol.md, section 20.6): key i follows from the device's seed, and the public keys are the leaves of
 * a Merkle tree whose root is in the device's entry. A verifier needs the signature, the public key and its path, and nothing else.
 * That a key signs once is the signer's duty, who records an index on disk before the signature leaves; a verifier
 * that keeps the indexes it saw notices where it did not.
 */
import { type KeyObject, createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

import { decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, oneOf, tuple, uint } from "../certificate/reader.js";
import { bytesToNumberBE, equalBytes } from "../crypto/bytes.js";
import { merkleLeaf, merklePath, merkleRoot, rootFromPath } from "../crypto/merkle.js";
import { KEY_TYPE, type KeyType } from "../statements/cose.js";
import { TAG } from "../statements/tags.js";
import { hkdf, sha256, u16, wipe } from "./bytes.js";
import { ShardError } from "./errors.js";

/** Keys that a map carries for each device, if nothing else is asked for. */
export const DEFAULT_ONE_TIME_KEYS = 1_024;
export const MAXIMUM_ONE_TIME_KEYS = 16_384;

/** PKCS#8 up to the 32 bytes of an Ed25519 private key (RFC 8410). */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");

export interface OneTimeKey {
  readonly index: number;
  readonly type: KeyType;
  /** Ed25519: 32 bytes; P-256: 33, compressed. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** A signature that verifies on its own against the root of a device's one-time keys. */
export interface OneTimeSignature {
  readonly index: number;
  /** Keys in the tree. */
  readonly count: number;
  readonly type: KeyType;
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** Siblings bottom-up, concatenated. */
  readonly path: Uint8Array;
}

/** Key `index` of a seed. */
export function oneTimeKey(seed: Uint8Array, index: number, type: KeyType): OneTimeKey {
  const info = Buffer.concat([Buffer.from(TAG.oneTimeKey), Uint8Array.of(type), u16(index)]);
  const secret = hkdf(seed, undefined, info, type === KEY_TYPE.p256 ? 48 : 32);
  try {
    if (type === KEY_TYPE.ed25519) {
      const der = Buffer.concat([ED25519_PKCS8, secret]);
      const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
      wipe(der);
      const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
      return { index, type, publicKey: new Uint8Array(spki.subarray(-32)), privateKey };
    }
    // 48 bytes modulo the order: no bias that could be noticed (FIPS 186-5, appendix A.2.1).
    const { n } = p256.Point.CURVE();
    const scalar = (bytesToNumberBE(secret) % (n - 1n)) + 1n;
    const d = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
    const point = p256.getPublicKey(d, false);
    const coordinate = (from: number): string => Buffer.from(point.subarray(from, from + 32)).toString("base64url");
    const jwk = { kty: "EC", crv: "P-256", d: d.toString("base64url"), x: coordinate(1), y: coordinate(33) };
    wipe(d);
    const publicKey = Uint8Array.of(2 + ((point[64] as number) & 1), ...point.subarray(1, 33));
    return { index, type, publicKey, privateKey: createPrivateKey({ key: jwk, format: "jwk" }) };
  } finally {
    wipe(secret);
  }
}

function leafOf({ index, type, publicKey }: Pick<OneTimeKey, "index" | "type" | "publicKey">): Uint8Array {
  return merkleLeaf(nobleSha256, Buffer.from(TAG.oneTimeKey), u16(index), Uint8Array.of(type), publicKey);
}

function leavesOf(seed: Uint8Array, count: number, type: KeyType): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => leafOf(oneTimeKey(seed, index, type)));
}

/** The root over `count` leaves: it binds their number, on which the shape of the tree hangs. */
function rootOver(tree: Uint8Array, count: number): Uint8Array {
  return sha256(TAG.oneTimeKey, u16(count), tree);
}

/** The root of the public keys of `count` keys. */
export function oneTimeRoot(seed: Uint8Array, count: number, type: KeyType): Uint8Array {
  return rootOver(merkleRoot(nobleSha256, leavesOf(seed, count, type)), count);
}

/** What a one-time key signs: the tag, the root of its tree, its index, and SHA-512 of the message, so that files can be streamed. */
function messageToSign(root: Uint8Array, index: number, digest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(TAG.oneTimeSignature), root, u16(index), digest]);
}

/** SHA-512 of a message or file in pieces. */
export async function messageDigest(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const hash = createHash("sha512");
  for await (const piece of pieces) hash.update(piece);
  return hash.digest();
}

/**
 * Signs with key `index`, whose use the caller has recorded before.
 * @param digest of `messageDigest`
 */
export function signOnce(
  seed: Uint8Array,
  index: number,
  count: number,
  type: KeyType,
  digest: Uint8Array,
): OneTimeSignature {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new ShardError("budget-spent", `there are ${count} one-time keys, and no key ${index}`, { index, count });
  }
  const leaves = leavesOf(seed, count, type);
  const { publicKey, privateKey } = oneTimeKey(seed, index, type);
  const message = messageToSign(rootOver(merkleRoot(nobleSha256, leaves), count), index, digest);
  const signature =
    type === KEY_TYPE.ed25519
      ? sign(null, message, privateKey)
      : sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const path = Buffer.concat(merklePath(nobleSha256, leaves, index));
  return { index, count, type, publicKey, signature: new Uint8Array(signature), path };
}

/**
 * Whether a one-time signature is over the message with this digest, by a key under `root`. Needs nothing else.
 * @param used indexes that this verifier has seen; the index is added.
 * @throws ShardError `key-used` if the index is in `used`
 */
export function verifyOnce(
  { index, count, type, publicKey, signature, path }: OneTimeSignature,
  root: Uint8Array,
  digest: Uint8Array,
  used?: Set<number>,
): boolean {
  if (path.length % 32 !== 0) return false;
  const siblings = Array.from({ length: path.length / 32 }, (_, i) => path.subarray(32 * i, 32 * i + 32));
  let found: Uint8Array;
  try {
    found = rootOver(rootFromPath(nobleSha256, leafOf({ index, type, publicKey }), index, count, siblings), count);
  } catch {
    return false;
  }
  if (!equalBytes(found, root)) return false;
  const message = messageToSign(root, index, digest);
  if (!verifyWith(type, publicKey, message, signature)) return false;
  if (used?.has(index) === true) {
    throw new ShardError("key-used", `one-time key ${index} has signed before`, { index });
  }
  used?.add(index);
  return true;
}

function verifyWith(type: KeyType, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (type === KEY_TYPE.ed25519) {
      const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI, publicKey]), format: "der", type: "spki" });
      return verify(null, message, key, signature);
    }
    return p256.verify(signature, message, publicKey, { lowS: false });
  } catch {
    return false;
  }
}

const readSignature = tuple<OneTimeSignature>({
  index: uint(MAXIMUM_ONE_TIME_KEYS - 1),
  count: uint(MAXIMUM_ONE_TIME_KEYS),
  type: oneOf(KEY_TYPE.ed25519, KEY_TYPE.p256),
  publicKey: bytes(32, 33),
  signature: bytes(64),
  path: bytes(0, 14 * 32),
});

export function encodeOneTimeSignature(signature: OneTimeSignature): Uint8Array {
  const { index, count, type, publicKey, path } = signature;
  return encodeCbor([index, count, type, publicKey, signature.signature, path]);
}

/** @throws Refusal `malformed` */
export function decodeOneTimeSignature(encoded: Uint8Array): OneTimeSignature {
  const limits = { maximumLength: 1_024, maximumDepth: 1 };
  return readSignature(decodeCbor(encoded, "oneTimeSignature", limits), "oneTimeSignature");
}

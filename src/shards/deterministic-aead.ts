/**
 * `iv`, and on it `seal` and `open`: deterministic authenticated encryption for data of any size (docs/protocol.md, section 20.7).
 *
 * The IV is a MAC of everything that is sealed, so nothing random is needed and no nonce can be used twice for two messages: the
 * principle of AES-SIV (RFC 5297) and AES-GCM-SIV (RFC 8452). Here the MAC is HMAC-SHA-256, and beneath is AES-256-GCM of
 * node:crypto, whose speed neither of the two reaches in JavaScript. Equal messages under one key, epoch, domain and associated
 * data give equal output; whoever sees two outputs sees that, and nothing else.
 *
 * The message's own key and a commitment follow from the IV by HKDF, under an encryption key apart from the IV key. The
 * commitment makes the output openable under one key alone, which GCM by itself does not promise. The data is sealed in chunks
 * with counted nonces and a mark on the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar), so that
 * `open` gives out nothing that is not authentic, and notices an end that is cut off.
 *
 *     0x01 | iv (16) | commitment (32) | for each chunk of 1 MiB: ciphertext | tag (16)
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

import { TAG } from "../statements/tags.js";
import { hkdf, hmac, sha256, u64, wipe } from "./bytes.js";
import { KEY_LENGTH } from "./derivation.js";
import { ShardError } from "./errors.js";

/** Messages under one key in one epoch: beyond, two of them may have one IV with a probability that counts. */
export const MAXIMUM_MESSAGES = 2 ** 32;
export const CHUNK_LENGTH = 1 << 20;
/** Bytes in front of the chunks. */
export const HEADER_LENGTH = 49;
const VERSION = 1;
const IV_LENGTH = 16;
const COMMITMENT_LENGTH = 32;
const TAG_LENGTH = 16;
/** Chunks are counted in 32 bits: 4 PiB. */
const MAXIMUM_CHUNKS = 2 ** 32;

/** Where a message belongs. What differs here gives another IV, and does not open. */
export interface MessageContext {
  /** The application's name for what it seals. */
  readonly domain: string;
  /** Number of the key's epoch; the shard map's version. */
  readonly epoch: number;
  /** Authenticated, and not part of the output. */
  readonly associatedData: Uint8Array;
}

/** Two keys, apart from one another, 32 bytes each. */
export interface MessageKeys {
  readonly iv: Uint8Array;
  readonly encryption: Uint8Array;
  wipe(): void;
}

/** Data that can be read twice, since the IV depends on all of it. */
export interface Source {
  /** Bytes in all. */
  readonly length: number;
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Counts messages. `take` is called before each one. @throws ShardError `budget-spent` */
export interface MessageBudget {
  take(epoch: number): void | Promise<void>;
}

/** The two keys that follow from a device's seed. */
export function messageKeys(seed: Uint8Array): MessageKeys {
  const iv = hmac(seed, TAG.syntheticIv);
  const encryption = hmac(seed, TAG.sealedMessage);
  return { iv, encryption, wipe: () => wipe(iv, encryption) };
}

/** A budget that lives as long as the process. */
export function memoryBudget(limit = MAXIMUM_MESSAGES): MessageBudget {
  const spent = new Map<number, number>();
  return {
    take(epoch) {
      const count = spent.get(epoch) ?? 0;
      if (count >= limit) throw budgetSpent(epoch, limit);
      spent.set(epoch, count + 1);
    },
  };
}

export function budgetSpent(epoch: number, limit: number): ShardError {
  return new ShardError("budget-spent", `${limit} messages were sealed in epoch ${epoch}, and no more may be`, {
    epoch,
    limit,
  });
}

/** @throws ShardError `not-sealed` of kind usage */
function prefix({ domain, epoch, associatedData }: MessageContext): Buffer {
  if (!Number.isSafeInteger(epoch) || epoch < 0) {
    throw new ShardError("not-sealed", `an epoch is a whole number from 0, not ${epoch}`, { epoch }, { kind: "usage" });
  }
  const name = Buffer.from(domain);
  // Every length stands before its bytes, so that no two contexts run into the same bytes.
  return Buffer.concat([
    Buffer.from(TAG.syntheticIv),
    u64(name.length),
    name,
    u64(epoch),
    u64(associatedData.length),
    associatedData,
  ]);
}

/**
 * The synthetic IV of a message, 12 or 16 bytes: the first of HMAC-SHA-256(K_iv, domain | epoch | associated data | plaintext).
 * @throws ShardError `not-sealed` where the source does not give as many bytes as it says
 */
export async function syntheticIv(
  keys: MessageKeys,
  context: MessageContext,
  source: Source,
  length: 12 | 16 = IV_LENGTH,
): Promise<Uint8Array> {
  const mac = createHmac("sha256", keys.iv).update(prefix(context)).update(u64(source.length));
  let read = 0;
  for await (const chunk of source.chunks()) {
    mac.update(chunk);
    read += chunk.length;
  }
  expectLength(source, read);
  return mac.digest().subarray(0, length);
}

function expectLength(source: Source, read: number): void {
  if (read === source.length) return;
  throw new ShardError("not-sealed", `the message changed while it was read: ${read} bytes, not ${source.length}`, {
    read,
    length: source.length,
  });
}

/** The message's own key, and the commitment to it. The caller wipes the key. */
function messageKey(
  keys: MessageKeys,
  context: MessageContext,
  iv: Uint8Array,
): { key: Uint8Array; commitment: Uint8Array } {
  const info = Buffer.concat([Buffer.from(TAG.sealedMessage), iv, sha256(prefix(context))]);
  const both = hkdf(keys.encryption, undefined, info, KEY_LENGTH + COMMITMENT_LENGTH);
  return { key: both.subarray(0, KEY_LENGTH), commitment: both.subarray(KEY_LENGTH) };
}

function chunkNonce(number: number, isLast: boolean): Uint8Array {
  if (number >= MAXIMUM_CHUNKS) throw new ShardError("budget-spent", "the message has more chunks than can be counted");
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function sealChunk(key: Uint8Array, number: number, isLast: boolean, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, chunkNonce(number, isLast));
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function openChunk(key: Uint8Array, number: number, isLast: boolean, sealed: Uint8Array): Uint8Array {
  if (sealed.length < TAG_LENGTH) throw notSealed("it is cut off");
  const decipher = createDecipheriv("aes-256-gcm", key, chunkNonce(number, isLast), { authTagLength: TAG_LENGTH });
  decipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
  const plaintext = decipher.update(sealed.subarray(0, -TAG_LENGTH));
  try {
    decipher.final();
    return plaintext;
  } catch (cause) {
    wipe(plaintext);
    throw notSealed(`chunk ${number} is not authentic`, cause);
  }
}

function notSealed(problem: string, cause?: unknown): ShardError {
  return new ShardError("not-sealed", `the message does not open: ${problem}`, {}, { cause });
}

/** A message in memory. */
export function inMemory(bytes: Uint8Array): Source {
  return { length: bytes.length, chunks: () => [bytes] };
}

/** Regroups pieces of any sizes into pieces of `size` bytes, the last one with what is left, if it is not the only one. */
async function* regroup(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isLast: boolean }> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    let rest = piece;
    // A full chunk is held back until more comes, since only then is it known not to be the last.
    while (length + rest.length > size) {
      const taken = rest.subarray(0, size - length);
      rest = rest.subarray(taken.length);
      yield { bytes: held.length === 0 ? taken : Buffer.concat([...held, taken]), isLast: false };
      [held, length] = [[], 0];
    }
    if (rest.length > 0) held.push(rest);
    length += rest.length;
  }
  yield { bytes: held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held), isLast: true };
}

/**
 * Seals a message: gives its pieces in order.
 * @throws ShardError `budget-spent`; `not-sealed` where the source changed between its two readings
 */
export async function* sealStream(
  keys: MessageKeys,
  context: MessageContext,
  source: Source,
  budget: MessageBudget,
): AsyncGenerator<Uint8Array> {
  await budget.take(context.epoch);
  const iv = await syntheticIv(keys, context, source);
  const { key, commitment } = messageKey(keys, context, iv);
  try {
    yield Buffer.concat([Uint8Array.of(VERSION), iv, commitment]);
    const again = createHmac("sha256", keys.iv).update(prefix(context)).update(u64(source.length));
    let [number, read] = [0, 0];
    for await (const { bytes, isLast } of regroup(source.chunks(), CHUNK_LENGTH)) {
      again.update(bytes);
      read += bytes.length;
      // The last piece leaves only if what was read is what the IV is of: else two messages would share a key.
      if (isLast) {
        expectLength(source, read);
        if (!again.digest().subarray(0, IV_LENGTH).equals(iv)) expectLength(source, -1);
      }
      yield sealChunk(key, number++, isLast, bytes);
    }
  } finally {
    wipe(key);
  }
}

/**
 * Opens a message: gives its plaintext in order, each piece authentic; and throws at the end if something was cut off.
 * @throws ShardError `not-sealed`
 */
export async function* openStream(
  keys: MessageKeys,
  context: MessageContext,
  sealed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { header, rest } = await splitHeader(sealed);
  const iv = header.subarray(1, 1 + IV_LENGTH);
  const { key, commitment } = messageKey(keys, context, iv);
  try {
    if (header[0] !== VERSION) throw notSealed(`its format is ${header[0]}, not ${VERSION}`);
    if (!hmac(keys.encryption, commitment).equals(hmac(keys.encryption, header.subarray(1 + IV_LENGTH)))) {
      throw notSealed("it is sealed under another key, epoch, domain or associated data, or was changed");
    }
    let number = 0;
    for await (const { bytes, isLast } of regroup(rest, CHUNK_LENGTH + TAG_LENGTH)) {
      yield openChunk(key, number++, isLast, bytes);
    }
  } finally {
    wipe(key);
  }
}

async function splitHeader(
  sealed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<{ readonly header: Buffer; readonly rest: AsyncIterable<Uint8Array> }> {
  const pieces =
    Symbol.asyncIterator in sealed
      ? sealed[Symbol.asyncIterator]()
      : (sealed[Symbol.iterator]() as Iterator<Uint8Array>);
  let start: Buffer = Buffer.alloc(0);
  while (start.length < HEADER_LENGTH) {
    const next = await pieces.next();
    if (next.done === true) throw notSealed("it is cut off");
    start = Buffer.concat([start, next.value as Uint8Array]);
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield start.subarray(HEADER_LENGTH);
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value as Uint8Array;
  }
  return { header: start.subarray(0, HEADER_LENGTH), rest: rest() };
}

/** Seals a message that is in memory. @throws as `sealStream` */
export async function seal(
  keys: MessageKeys,
  context: MessageContext,
  plaintext: Uint8Array,
  budget: MessageBudget,
): Promise<Uint8Array> {
  await budget.take(context.epoch);
  const iv = createHmac("sha256", keys.iv)
    .update(prefix(context))
    .update(u64(plaintext.length))
    .update(plaintext)
    .digest()
    .subarray(0, IV_LENGTH);
  const { key, commitment } = messageKey(keys, context, iv);
  try {
    const pieces: Uint8Array[] = [Uint8Array.of(VERSION), iv, commitment];
    const chunks = Math.max(1, Math.ceil(plaintext.length / CHUNK_LENGTH));
    for (let i = 0; i < chunks; i++) {
      const chunk = plaintext.subarray(i * CHUNK_LENGTH, (i + 1) * CHUNK_LENGTH);
      pieces.push(sealChunk(key, i, i === chunks - 1, chunk));
    }
    return Buffer.concat(pieces);
  } finally {
    wipe(key);
  }
}

/** Opens a message that is in memory; the caller wipes what it gets. @throws ShardError `not-sealed` */
export async function open(keys: MessageKeys, context: MessageContext, sealed: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of openStream(keys, context, [sealed])) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  wipe(...pieces);
  return whole;
}

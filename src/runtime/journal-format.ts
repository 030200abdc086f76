/**
 * The bytes of a journal's segment: a header line, then records back to back.
 *
 * | field | bytes | |
 * |---|---|---|
 * | length | 4 | of the payload, big-endian |
 * | ~length | 4 | every bit inverted: a damaged length is seen as such and not believed |
 * | check | 8 | first bytes of SHA-256(tag, u64 sequence number, payload) |
 * | payload | length | |
 * | end | 1 | 0xa5: zeros here are a record that was never written to its end |
 *
 * A process that dies while it appends leaves a *torn* record at the end: one that the file ends before, or that ends in
 * zeros. Nobody was told that such a record is stored, so it is cut off. Anything else that does not check is damage.
 */
import { createHash } from "node:crypto";

import { TAG } from "../statements/tags.js";

export const SEGMENT_HEADER = Buffer.from("swarmkeep journal 1\n");
export const MAXIMUM_RECORD = 1 << 20;

const PREFIX = 16;
const CHECK = 8;
const END = 0xa5;

export function encodeRecord(sequence: number, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(PREFIX + payload.length + 1);
  record.writeUInt32BE(payload.length, 0);
  record.writeUInt32BE(~payload.length >>> 0, 4);
  check(sequence, payload).copy(record, 8);
  record.set(payload, PREFIX);
  record[PREFIX + payload.length] = END;
  return record;
}

export type Scan =
  | { readonly kind: "record"; readonly payload: Uint8Array; readonly next: number }
  /** The file is whole up to the offset that was asked about, and ends there. */
  | { readonly kind: "end" }
  | { readonly kind: "torn" }
  | { readonly kind: "damaged"; readonly problem: string };

/** Looks at the record that starts at `offset` of a segment and has the number `sequence`. */
export function scanRecord(segment: Buffer, offset: number, sequence: number): Scan {
  const rest = segment.length - offset;
  if (rest === 0) return { kind: "end" };
  if (rest < PREFIX) return { kind: "torn" };
  const length = segment.readUInt32BE(offset);
  if (segment.readUInt32BE(offset + 4) !== ~length >>> 0 || length > MAXIMUM_RECORD) {
    return isZero(segment.subarray(offset))
      ? { kind: "torn" }
      : { kind: "damaged", problem: "a length does not check" };
  }
  const end = offset + PREFIX + length;
  if (end >= segment.length) return { kind: "torn" };
  const payload = segment.subarray(offset + PREFIX, end);
  const stated = segment.subarray(offset + CHECK, offset + PREFIX);
  if (segment[end] === END && check(sequence, payload).equals(stated)) {
    return { kind: "record", payload, next: end + 1 };
  }
  if (segment[end] === 0 && isZero(segment.subarray(end))) return { kind: "torn" };
  return { kind: "damaged", problem: "a record does not check" };
}

function check(sequence: number, payload: Uint8Array): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(sequence));
  return createHash("sha256").update(TAG.journalRecord).update(number).update(payload).digest().subarray(0, CHECK);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

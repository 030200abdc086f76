/**
 * What a committee that leaves office tells the next one: which (device, period, k) it has signed certificates for, so that
 * nobody gets more certificates than the quota because of a handover (docs/protocol.md, section 7).
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, nullable, text, tuple, uint } from "../certificate/reader.js";
import type { CertificateSlot } from "./issuance.js";

export interface IssuedRecord extends CertificateSlot {
  /** SHA-256 of what was signed, 32 bytes. */
  readonly digest: Uint8Array;
}

/** Records in one answer, some 50 bytes each. */
export const MAXIMUM_COUNTERS = 16_384;
/** Records in all answers of one report. */
export const MAXIMUM_REPORTED = 1 << 20;
/** Bytes of an answer. */
export const MAXIMUM_COUNTERS_BYTES = 1 << 20;

export interface CountersRequest {
  /** The ceremony that put the asking member's committee into office. */
  readonly ceremony: number;
  /** How many records were received before. */
  readonly offset: number;
}

export interface CountersAnswer {
  readonly records: readonly IssuedRecord[];
  /** Offset of the next ones; null where these were the last. */
  readonly next: number | null;
  /**
   * The office at whose beginning the member knew all that was signed before, by its name; null for none. It has signed nothing since for
   * periods in which committees before it may have.
   */
  readonly known: string | null;
}

const SMALL: CborLimits = { maximumLength: 16_384, maximumDepth: 1 };
const LARGE: CborLimits = { maximumLength: MAXIMUM_COUNTERS_BYTES, maximumDepth: 3 };

const readRequest = tuple<CountersRequest>({ ceremony: uint(), offset: uint() });
const readRecord = tuple<IssuedRecord>({
  // Members' own certificates are counted above all indexes of devices: 48 bits, as in the record on disk.
  index: uint(2 ** 48 - 1),
  period: uint(),
  k: uint(0xffff_ffff),
  digest: bytes(32),
});
const readAnswer = tuple<CountersAnswer>({
  records: list(readRecord, 0, MAXIMUM_COUNTERS),
  next: nullable(uint()),
  known: nullable(text("the name of an office", (name) => name.length <= 100)),
});

export function encodeCountersRequest({ ceremony, offset }: CountersRequest): Uint8Array {
  return encodeCbor([ceremony, offset]);
}

/** @throws Refusal `malformed` */
export function decodeCountersRequest(encoded: Uint8Array): CountersRequest {
  return readRequest(decodeCbor(encoded, "counters", SMALL), "counters");
}

export function encodeCountersAnswer({ records, next, known }: CountersAnswer): Uint8Array {
  return encodeCbor([records.map(({ index, period, k, digest }) => [index, period, k, digest]), next, known]);
}

/** @throws Refusal `malformed` */
export function decodeCountersAnswer(encoded: Uint8Array): CountersAnswer {
  return readAnswer(decodeCbor(encoded, "countersAnswer", LARGE), "countersAnswer");
}

/** What a member reports of one committee. */
export interface CountersReport {
  readonly records: readonly IssuedRecord[];
  readonly known: string | null;
}

/**
 * Whether enough of the members of a committee knew all that was signed before it: then what it took over is reported by more than f
 * honest ones. Else the committee before that one is asked as well, and so on.
 * @param names of that committee's office, and of those after it.
 */
export function isChainWhole(reports: readonly CountersReport[], names: ReadonlySet<string>, f: number): boolean {
  return reports.filter(({ known }) => known !== null && names.has(known)).length > 2 * f;
}

/**
 * Slots that the reports of a committee show to be taken: those that more than f of its members report for the same bytes.
 * Of the t members behind a certificate at least t - f > f are neither corrupt nor away, and report it; f liars can neither
 * free a slot nor take one.
 */
export function inheritedRecords(reports: readonly (readonly IssuedRecord[])[], f: number): IssuedRecord[] {
  const counts = new Map<string, { readonly record: IssuedRecord; count: number }>();
  // What is in more than f reports is in one of all but the f longest: liars cannot make these as long as they like.
  const ascending = reports.toSorted((a, b) => a.length - b.length);
  for (const [position, report] of ascending.entries()) {
    const isLong = position >= reports.length - f;
    const seen = new Set<string>();
    for (const record of report) {
      const name = `${record.index}/${record.period}/${record.k}/${bytesToHex(record.digest)}`;
      const found = counts.get(name);
      // A member counts once for a record, however often it repeats it.
      if ((found === undefined && isLong) || seen.has(name)) continue;
      seen.add(name);
      if (found === undefined) counts.set(name, { record, count: 1 });
      else found.count += 1;
    }
  }
  return [...counts.values()].filter(({ count }) => count > f).map(({ record }) => record);
}

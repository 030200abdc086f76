/**
 * DER (ITU-T X.690, section 10), as much as X.509 and PKCS#10 need: a strict reader and a writer.
 *
 * An X.509 library was measured first: `@peculiar/x509` costs a device 100 ms of start and 12 MB of memory and verifies
 * asynchronously. A verifier reads two fixed profiles, so these few lines are smaller and stricter.
 */
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { equalBytes } from "../crypto/bytes.js";
import { malformed } from "./refusal.js";

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** [n], constructed. */
  context: (n: number): number => 0xa0 | n,
} as const;

// ---- Writing -------------------------------------------------------------------------------------------------------

/** One element: tag, shortest length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...content);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head = body.length < 0x80 ? [tag, body.length] : [tag, 0x80 | length.length, ...length];
  return concatBytes(Uint8Array.from(head), body);
}

export const derSequence = (...content: readonly Uint8Array[]): Uint8Array => der(DER.sequence, ...content);

/** A non-negative INTEGER from its big-endian bytes. */
export function derInteger(bigEndian: Uint8Array): Uint8Array {
  let first = 0;
  while (first < bigEndian.length - 1 && bigEndian[first] === 0) first++;
  const digits = bigEndian.subarray(first);
  return der(
    DER.integer,
    (digits[0] ?? 0) < 0x80 && digits.length > 0 ? digits : concatBytes(Uint8Array.of(0), digits),
  );
}

export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(DER.bitString, Uint8Array.of(unusedBits), bytes);
}

/** An arc may be of any size: those under 2.25 have 128 bits. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0n, second = 0n, ...others] = dotted.split(".").map(BigInt);
  const bytes = [first * 40n + second, ...others].flatMap((arc) => {
    const digits = [Number(arc & 0x7fn)];
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 0x7fn) | 0x80);
    return digits;
  });
  return der(DER.oid, Uint8Array.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, section 4.1.2.5). `seconds` since 1970. */
export function derTime(seconds: number): Uint8Array {
  const text = new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, "");
  return Number(text.slice(0, 4)) < 2050
    ? der(DER.utcTime, utf8ToBytes(text.slice(2)))
    : der(DER.generalizedTime, utf8ToBytes(text));
}

// ---- Reading -------------------------------------------------------------------------------------------------------

/** Reads the elements of some bytes in order. Every method throws Refusal `malformed` with the reader's field. */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #field: string;
  #at = 0;

  constructor(bytes: Uint8Array, field: string) {
    this.#bytes = bytes;
    this.#field = field;
  }

  /** Whether an element with `tag` comes next. */
  has(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next element with its header: what signatures and comparisons of names are over. */
  whole(tag: number): Uint8Array {
    const start = this.#at;
    this.content(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The content of the next element. */
  content(tag: number): Uint8Array {
    const found = this.#bytes[this.#at];
    if (found !== tag) {
      const what = found === undefined ? "the end" : `tag 0x${found.toString(16)}`;
      throw this.problem(`has ${what} where tag 0x${tag.toString(16)} belongs`);
    }
    const length = this.#length();
    const start = this.#at;
    if (length > this.#bytes.length - start) throw this.problem(`is cut off: ${length} bytes promised`);
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** The next element with its header, whatever its tag: one of many, read by nobody here. */
  any(): Uint8Array {
    const tag = this.#bytes[this.#at];
    if (tag === undefined || (tag & 0x1f) === 0x1f) throw this.problem("has no element with a tag of one byte");
    return this.whole(tag);
  }

  /** A reader of the next element's content. */
  enter(tag: number, field: string): DerReader {
    return new DerReader(this.content(tag), `${this.#field}.${field}`);
  }

  /** As `enter`, and the element stays the next one. */
  peek(tag: number, field: string): DerReader {
    const start = this.#at;
    const reader = this.enter(tag, field);
    this.#at = start;
    return reader;
  }

  /** A non-negative INTEGER as `length` bytes, big-endian. */
  integer(length: number): Uint8Array {
    const content = this.content(DER.integer);
    const [first = 0xff, second = 0xff] = content;
    if (first >= 0x80 || (first === 0 && content.length > 1 && second < 0x80)) {
      throw this.problem("has an integer that is negative, empty or not in its shortest form");
    }
    const digits = first === 0 ? content.subarray(1) : content;
    if (digits.length > length) throw this.problem(`has an integer of ${digits.length} bytes, more than ${length}`);
    const padded = new Uint8Array(length);
    padded.set(digits, length - digits.length);
    return padded;
  }

  /** A BIT STRING of whole bytes. */
  bitString(): Uint8Array {
    const content = this.content(DER.bitString);
    if (content[0] !== 0) throw this.problem("has a bit string that is empty or not of whole bytes");
    return content.subarray(1);
  }

  /** A BOOLEAN that is true: as all that X.509 has are false by default, DER writes no other. */
  isTrue(): boolean {
    if (!this.has(DER.boolean)) return false;
    const content = this.content(DER.boolean);
    if (content.length !== 1 || content[0] !== 0xff) throw this.problem("has a boolean that is not written as DER");
    return true;
  }

  /** Whether the next element is exactly `encoded`; if so, it is read. */
  skipIf(encoded: Uint8Array): boolean {
    const same = equalBytes(this.#bytes.subarray(this.#at, this.#at + encoded.length), encoded);
    if (same) this.#at += encoded.length;
    return same;
  }

  /** UTCTime or GeneralizedTime, whichever RFC 5280 section 4.1.2.5 asks for, as seconds since 1970. */
  time(): number {
    const tag = this.has(DER.utcTime) ? DER.utcTime : DER.generalizedTime;
    const element = this.whole(tag);
    const text = String.fromCharCode(...element.subarray(2, 18));
    const century = tag === DER.generalizedTime ? "" : text < "5" ? "20" : "19";
    const [year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text)?.slice(1) ?? [];
    const seconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000;
    if (Number.isNaN(seconds) || !equalBytes(derTime(seconds), element)) {
      throw this.problem(`has ${JSON.stringify(text)} where a time belongs`);
    }
    return seconds;
  }

  /** Everything must have been read. */
  end(): void {
    if (!this.done) throw this.problem(`has ${this.#bytes.length - this.#at} bytes too many`);
  }

  problem(text: string): Error {
    return malformed(this.#field, text);
  }

  #length(): number {
    const first = this.#bytes[this.#at + 1];
    this.#at += 2;
    if (first === undefined) throw this.problem("is cut off within a length");
    if (first < 0x80) return first;
    const size = first - 0x80;
    const bytes = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    if (size === 0 || size > 4 || bytes.length < size) throw this.problem("has a length that is indefinite or cut off");
    const length = bytes.reduce((value, byte) => value * 256 + byte, 0);
    if (bytes[0] === 0 || length < 0x80) throw this.problem("has a length that is not in its shortest form");
    return length;
  }
}

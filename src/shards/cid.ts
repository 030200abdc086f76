/**
 * Content identifiers of shards: CIDv1, codec raw, SHA-256 (github.com/multiformats/cid), as IPFS names the same bytes. In binary
 * 0x01 0x55 0x12 0x20 and the hash; in text base32 in lower case, with the multibase prefix `b`.
 */
import { ShardError } from "./errors.js";

const PREFIX = Uint8Array.of(0x01, 0x55, 0x12, 0x20);
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** Characters of the text: 36 bytes in groups of five bits, and the prefix. */
const TEXT_LENGTH = 1 + Math.ceil((8 * 36) / 5);

/** The text of the CID of bytes with this SHA-256. */
export function cidOf(hash: Uint8Array): string {
  const bytes = Uint8Array.of(...PREFIX, ...hash);
  let [text, buffer, bits] = ["b", 0, 0];
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(buffer >> (bits - 5)) & 31];
    buffer &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET[(buffer << (5 - bits)) & 31];
}

/** The SHA-256 in a CID. @throws ShardError `map-mismatch` if it is not of this kind. */
export function hashOfCid(cid: string): Uint8Array {
  const bytes: number[] = [];
  let [buffer, bits] = [0, 0];
  for (const character of cid.slice(1, TEXT_LENGTH)) {
    buffer = (buffer << 5) | Math.max(0, ALPHABET.indexOf(character));
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((buffer >> bits) & 0xff);
    buffer &= (1 << bits) - 1;
  }
  const hash = Uint8Array.from(bytes.slice(PREFIX.length));
  // What decodes to the same bytes and is not their one text is none: the characters outside the alphabet among them.
  if (hash.length === 32 && cidOf(hash) === cid) return hash;
  const shown = JSON.stringify(cid.slice(0, 80));
  throw new ShardError(
    "map-mismatch",
    `${shown} is no CIDv1 of raw bytes with SHA-256 in base32`,
    {},
    { kind: "usage" },
  );
}

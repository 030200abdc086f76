/**
 * One-time codes (docs/protocol.md, section 14.3): what a registrar gives validators, so that a device without Swarmkeep's software may
 * enrol once with a code that a person types. Validators get the code's hash only, and the code counts for one key only: whoever
 * sees it on its way, a validator for one, can enrol nothing with it.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import type { DeviceKey } from "../certificate/cose-key.js";
import { subjectPublicKeyInfo } from "../certificate/public-key-info.js";
import { bytes, list, text, tuple, uint } from "../certificate/reader.js";
import { malformed } from "../certificate/refusal.js";
import { isScope } from "../statements/scope.js";

/** Codes that one message may carry. */
export const MAXIMUM_CODES = 1_024;
/** Seconds for which a code may be good. */
export const MAXIMUM_CODE_LIFETIME = 30 * 86_400;

export interface EnrolmentCode {
  readonly index: number;
  /** SHA-256 of the code's characters, 32 bytes. */
  readonly codeHash: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo of the only key that it enrols, 32 bytes. */
  readonly keyHash: Uint8Array;
  /** Of the certificate that it gives. */
  readonly deviceClass: number;
  readonly scope: string;
}

export interface EnrolmentCodes {
  readonly fleetId: number;
  /** Seconds since 1970: of the codes, and of this message. */
  readonly expiry: number;
  /** Ascending by index. */
  readonly codes: readonly EnrolmentCode[];
  /** By the registrar's account over EnrolmentCodes, 65 bytes. */
  readonly signature: Uint8Array;
}

const LIMITS: CborLimits = { maximumLength: 1 << 20, maximumDepth: 4 };

const readMessage = tuple<EnrolmentCodes>({
  fleetId: uint(),
  expiry: uint(),
  codes: list(
    tuple<EnrolmentCode>({
      index: uint(),
      codeHash: bytes(32),
      keyHash: bytes(32),
      deviceClass: uint(0xff),
      scope: text("a scope `geo:` or `grp:`", isScope),
    }),
    1,
    MAXIMUM_CODES,
  ),
  signature: bytes(65),
});

const codeValues = (codes: readonly EnrolmentCode[]): CborValue =>
  codes.map(({ index, codeHash, keyHash, deviceClass, scope }) => [index, codeHash, keyHash, deviceClass, scope]);

/** The part whose keccak256 is signed: `codesHash` of the statement EnrolmentCodes. */
export function encodeCodeList(codes: readonly EnrolmentCode[]): Uint8Array {
  return encodeCbor(codeValues(codes));
}

export function encodeEnrolmentCodes({ fleetId, expiry, codes, signature }: EnrolmentCodes): Uint8Array {
  return encodeCbor([fleetId, expiry, codeValues(codes), signature]);
}

/** @throws Refusal `malformed` */
export function decodeEnrolmentCodes(encoded: Uint8Array): EnrolmentCodes {
  const message = readMessage(decodeCbor(encoded, "enrolmentCodes", LIMITS), "enrolmentCodes");
  for (const [position, { index }] of message.codes.entries()) {
    const before = message.codes[position - 1];
    if (before !== undefined && before.index >= index) {
      throw malformed(`enrolmentCodes.codes[${position}]`, "does not follow the one before it");
    }
  }
  return message;
}

export function hashOfCode(code: string): Uint8Array {
  return sha256(utf8ToBytes(code));
}

export function hashOfKey(key: DeviceKey): Uint8Array {
  return sha256(subjectPublicKeyInfo(key));
}

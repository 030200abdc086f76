/**
 * Presences (docs/protocol.md, section 9.1): how a validator finds out that it is not the only one who signs in its place, from a
 * copy of its data folder, or that its folder is an old one. Each process gives itself a random name, and tells the other
 * members a number that only rises, signed with the registered TLS key. Who is told a number keeps the newest, and
 * shows it to whoever comes with one that is not newer. No I/O.
 */
import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytesToSign, decodeSignedObject, encodeSignedObject } from "../certificate/cose.js";
import { bytes, nullable, tuple, uint } from "../certificate/reader.js";
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";

/** Bytes of the random name of a process. */
export const RUN_LENGTH = 16;

export interface Presence {
  /** The validator's, 20 bytes. */
  readonly account: Uint8Array;
  /** Higher than all before it, over restarts too. */
  readonly number: number;
  /** Names the process, 16 bytes. */
  readonly run: Uint8Array;
}

export interface SignedPresence extends Presence {
  /** What was signed, and the signature, 64 bytes. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const KIND = { typ: COSE_TYP.presence, algorithm: COSE_ALG.es256 } as const;
const LIMITS: CborLimits = { maximumLength: 256, maximumDepth: 3 };

const readPresence = tuple<Presence>({ account: bytes(20), number: uint(), run: bytes(RUN_LENGTH) });

/**
 * A presence as it travels: COSE_Sign1 over CBOR [account, number, run].
 * @param separator of the TrustAnchor.
 * @param sign with the registered TLS key.
 */
export function encodePresence(
  { account, number, run }: Presence,
  separator: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const payload = encodeCbor([account, number, run]);
  return encodeSignedObject({ ...KIND, payload, signature: sign(bytesToSign(KIND, separator, payload)) });
}

/** The signature is the caller's to check: `verifyEvidence`. @throws Refusal `malformed` or `wrong-kind` */
export function decodePresence(encoded: Uint8Array, separator: Uint8Array): SignedPresence {
  const { payload, signature } = decodeSignedObject(encoded, "presence", KIND.typ, [KIND.algorithm], LIMITS);
  const presence = readPresence(decodeCbor(payload, "presence", LIMITS), "presence");
  return { ...presence, message: bytesToSign(KIND, separator, payload), signature: bytes(64)(signature, "presence") };
}

const readAnswer = nullable(bytes(1, LIMITS.maximumLength));

/** @param known a presence that is as new as the one that was told, or newer; null where there is none. */
export function encodePresenceAnswer(known: Uint8Array | null): Uint8Array {
  return encodeCbor(known);
}

/** @throws Refusal `malformed` */
export function decodePresenceAnswer(encoded: Uint8Array): Uint8Array | null {
  return readAnswer(decodeCbor(encoded, "presenceAnswer", LIMITS), "presenceAnswer");
}

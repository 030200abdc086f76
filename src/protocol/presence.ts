/**
 * Presences (docs/protocol.md, section 9.1): how a validator finds out that it is not the only one who signs in its place, from a
 * copy of its data folder, or that its folder is an old one. It tells the other members a number that only rises, signed
 * with the registered TLS key, each with a nonce of its own. Who is told a number keeps the newest, and shows it to whoever
 * comes with one that is not newer. No I/O.
 */
import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytesToSign, decodeSignedObject, encodeSignedObject } from "../certificate/cose.js";
import { boolean, bytes, nullable, tuple, uint } from "../certificate/reader.js";
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";

/** Bytes of a nonce. */
export const NONCE_LENGTH = 16;
/** Bytes of the SubjectPublicKeyInfo of a P-256 key. */
const SPKI_LENGTH = 91;

export interface Presence {
  /** The validator's, 20 bytes. */
  readonly account: Uint8Array;
  /** The highest that it told, by what its folder knows. */
  readonly number: number;
  /** Random, 16 bytes: two processes with one number have two nonces. */
  readonly nonce: Uint8Array;
  /** Whether the number is taken hereby. One that only asks has that of before, and takes none. */
  readonly isTaken: boolean;
}

export interface SignedPresence extends Presence {
  /** What was signed, and the signature, 64 bytes. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const KIND = { typ: COSE_TYP.presence, algorithm: COSE_ALG.es256 } as const;
const LIMITS: CborLimits = { maximumLength: 512, maximumDepth: 3 };

const readPresence = tuple<Presence>({
  account: bytes(20),
  number: uint(),
  nonce: bytes(NONCE_LENGTH),
  isTaken: boolean,
});

/**
 * A presence as it travels: COSE_Sign1 over CBOR [account, number, nonce, whether it is taken].
 * @param separator of the TrustAnchor.
 * @param sign with the registered TLS key.
 */
export function encodePresence(
  { account, number, nonce, isTaken }: Presence,
  separator: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const payload = encodeCbor([account, number, nonce, isTaken]);
  return encodeSignedObject({ ...KIND, payload, signature: sign(bytesToSign(KIND, separator, payload)) });
}

/** The signature is the caller's to check: `verifyEvidence`. @throws Refusal `malformed` or `wrong-kind` */
export function decodePresence(encoded: Uint8Array, separator: Uint8Array): SignedPresence {
  const { payload, signature } = decodeSignedObject(encoded, "presence", KIND.typ, [KIND.algorithm], LIMITS);
  const presence = readPresence(decodeCbor(payload, "presence", LIMITS), "presence");
  return { ...presence, message: bytesToSign(KIND, separator, payload), signature: bytes(64)(signature, "presence") };
}

/** A presence that a member was told before. */
export interface ShownPresence {
  /** As it was told. */
  readonly encoded: Uint8Array;
  /** SubjectPublicKeyInfo of the TLS key that signed it, DER: the registry may have another one by now. */
  readonly tlsKey: Uint8Array;
}

const readAnswer = nullable(
  tuple<ShownPresence>({ encoded: bytes(1, LIMITS.maximumLength), tlsKey: bytes(SPKI_LENGTH) }),
);

/** @param known the newest presence of the validator that asks, if that is newer than what it told; else null. */
export function encodePresenceAnswer(known: ShownPresence | null): Uint8Array {
  return encodeCbor(known === null ? null : [known.encoded, known.tlsKey]);
}

/** @throws Refusal `malformed` */
export function decodePresenceAnswer(encoded: Uint8Array): ShownPresence | null {
  return readAnswer(decodeCbor(encoded, "presenceAnswer", { ...LIMITS, maximumLength: 1_024 }), "presenceAnswer");
}

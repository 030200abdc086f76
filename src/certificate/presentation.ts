/**
 * What a device shows: its certificate, a revocation proof, and a signature over the verifier's challenge with the certified
 * key (docs/protocol.md, section 6). `verifyPresentation` judges it.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { COSE_ALG, COSE_TYP, type DeviceAlgorithm } from "../statements/cose.js";
import { MAXIMUM_CERTIFICATE_LENGTH } from "./certificate.js";
import { type CborLimits, decodeCbor, encodeCbor } from "./cbor.js";
import { type SignedObject, type Signer, bytesToSign, decodeSignedObject, signObject } from "./cose.js";
import { type DeviceKey, algorithmOf, verifyByDevice } from "./cose-key.js";
import { bytes, text, tuple } from "./reader.js";
import { Refusal } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";

/** Bytes of a challenge: long enough never to be guessed, short enough to be kept. */
export const CHALLENGE_LENGTH = { minimum: 16, maximum: 64 } as const;
/** Bytes of the longest audience. */
export const MAXIMUM_AUDIENCE_LENGTH = 255;

const LIMITS: CborLimits = { maximumLength: 2_560, maximumDepth: 2 };

/** The three parts, each still encoded. */
export interface Presentation {
  readonly certificate: Uint8Array;
  readonly drlProof: Uint8Array;
  /** COSE_Sign1 of the answer, by the certified key. */
  readonly answer: Uint8Array;
}

export interface Answer {
  /** 16 to 64 bytes, fresh from the verifier. */
  readonly challenge: Uint8Array;
  /** SHA-256 of the certificate's bytes. */
  readonly certificateHash: Uint8Array;
  /** Whom it is meant for, as verifier and presenter agreed; may be empty. At most 255 bytes. */
  readonly audience: string;
}

const readPresentation = tuple<Presentation>({
  certificate: bytes(1, MAXIMUM_CERTIFICATE_LENGTH),
  drlProof: bytes(1, 1_280),
  answer: bytes(1, 640),
});
const readAnswer = tuple<Answer>({
  challenge: bytes(CHALLENGE_LENGTH.minimum, CHALLENGE_LENGTH.maximum),
  certificateHash: bytes(32),
  audience: text(
    `text of at most ${MAXIMUM_AUDIENCE_LENGTH} bytes`,
    (audience) => utf8ToBytes(audience).length <= MAXIMUM_AUDIENCE_LENGTH,
  ),
});

export function encodePresentation({ certificate, drlProof, answer }: Presentation): Uint8Array {
  return encodeCbor([certificate, drlProof, answer]);
}

/** @throws Refusal `malformed` */
export function decodePresentation(encoded: Uint8Array): Presentation {
  return readPresentation(decodeCbor(encoded, "presentation", LIMITS), "presentation");
}

/** @throws Refusal `malformed` or `wrong-kind` */
export function decodeAnswer(encoded: Uint8Array): Answer & SignedObject<DeviceAlgorithm> {
  const algorithms = [COSE_ALG.eddsa, COSE_ALG.es256];
  const object = decodeSignedObject(encoded, "answer", COSE_TYP.presentation, algorithms, LIMITS);
  return { ...object, ...readAnswer(decodeCbor(object.payload, "answer", LIMITS), "answer") };
}

export interface PresentationRequest {
  readonly certificate: Uint8Array;
  readonly drlProof: Uint8Array;
  readonly challenge: Uint8Array;
  readonly audience?: string;
  /** The certified key. */
  readonly key: DeviceKey;
  /** The EIP-712 domain separator of the mesh's TrustAnchor. */
  readonly externalAad: Uint8Array;
  /** Signs with the certified key. */
  readonly sign: Signer;
}

/** Answers a challenge. @throws Refusal `malformed` for a challenge or audience of a length that nobody accepts. */
export async function makePresentation(request: PresentationRequest): Promise<Uint8Array> {
  const { certificate, drlProof, challenge, audience = "", key, externalAad, sign } = request;
  const answer = [challenge, sha256(certificate), audience];
  readAnswer(answer, "answer");
  const kind = { typ: COSE_TYP.presentation, algorithm: algorithmOf(key) };
  return encodePresentation({
    certificate,
    drlProof,
    answer: await signObject(kind, externalAad, encodeCbor(answer), sign),
  });
}

/** Whether the holder of `key` signed the answer. @throws Refusal `bad-signature` */
export function checkAnswerSignature(
  answer: SignedObject<DeviceAlgorithm>,
  key: DeviceKey,
  externalAad: Uint8Array,
  signatures: DeviceSignatures,
): void {
  const message = bytesToSign(answer, externalAad, answer.payload);
  if (answer.algorithm !== algorithmOf(key) || !verifyByDevice(key, message, answer.signature, signatures)) {
    throw new Refusal("bad-signature", "the challenge is not signed with the certified key: the certificate is a copy");
  }
}

/**
 * Probes (docs/protocol.md, section 15.1): what a member in office asks a candidate, and what a good answer is. An echo shows how far
 * away the candidate is; the work shows what it can do in what time: fill memory, and sign with the key that the registry has
 * for it. All of it is bound to the candidate's account and to the connection, so that nothing can be done ahead, copied
 * from another candidate, or passed on by a machine in the middle. No I/O; scrypt is the caller's (`work`).
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytesToSign } from "../certificate/cose.js";
import { bytes, list, tuple, uint } from "../certificate/reader.js";
import { concatBytes } from "../crypto/bytes.js";
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";
import { PROBE } from "../statements/probe.js";
import { TAG } from "../statements/tags.js";

const LIMITS: CborLimits = { maximumLength: 1_024, maximumDepth: 2 };
const KIND = { typ: COSE_TYP.probeStep, algorithm: COSE_ALG.es256 } as const;

/** Asks for an echo of the challenge, or for work on it. */
export interface Probe {
  /** In which the asking member is in office. */
  readonly epoch: number;
  /** Random, 32 bytes. */
  readonly challenge: Uint8Array;
}

const readProbe = tuple<Probe>({ epoch: uint(), challenge: bytes(PROBE.challenge) });

export function encodeProbe({ epoch, challenge }: Probe): Uint8Array {
  return encodeCbor([epoch, challenge]);
}

/** @throws Refusal `malformed`, as every decoder here. */
export function decodeProbe(encoded: Uint8Array): Probe {
  return readProbe(decodeCbor(encoded, "probe", LIMITS), "probe");
}

const readEcho = bytes(PROBE.challenge);

export function encodeEcho(challenge: Uint8Array): Uint8Array {
  return encodeCbor(challenge);
}

export function decodeEcho(encoded: Uint8Array): Uint8Array {
  return readEcho(decodeCbor(encoded, "echo", LIMITS), "echo");
}

/** What a candidate did. */
export interface ProbeAnswer {
  /** Result of the memory-hard part, 32 bytes. */
  readonly work: Uint8Array;
  /** ES256 by the registered TLS key, 64 bytes each, in order. */
  readonly signatures: readonly Uint8Array[];
}

const readAnswer = tuple<ProbeAnswer>({
  work: bytes(PROBE.challenge),
  signatures: list(bytes(64), PROBE.steps, PROBE.steps),
});

export function encodeProbeAnswer({ work, signatures }: ProbeAnswer): Uint8Array {
  return encodeCbor([work, [...signatures]]);
}

export function decodeProbeAnswer(encoded: Uint8Array): ProbeAnswer {
  return readAnswer(decodeCbor(encoded, "probeAnswer", LIMITS), "probeAnswer");
}

/** What a probe is answered about: the same bytes at both ends of one connection, and at no other. */
export interface ProbeSubject {
  /** The candidate's, 20 bytes. */
  readonly account: Uint8Array;
  readonly challenge: Uint8Array;
  /** Channel binding (RFC 9266), 32 bytes. */
  readonly channel: Uint8Array;
}

/** Password and salt of scrypt, whose cost is `PROBE.work`: 32 bytes come out. */
export function workInput({ account, challenge, channel }: ProbeSubject): { password: Uint8Array; salt: Uint8Array } {
  return { password: concatBytes(utf8ToBytes(TAG.probeWork), challenge), salt: concatBytes(account, channel) };
}

/**
 * What the TLS key signs in a step: steps cannot be done side by side, since each signs the one before.
 * @param separator of the TrustAnchor.
 * @param previous the work, or SHA-256 of the signature of the step before.
 */
export function stepToSign(
  separator: Uint8Array,
  { account, challenge, channel }: ProbeSubject,
  step: number,
  previous: Uint8Array,
): Uint8Array {
  return bytesToSign(KIND, separator, encodeCbor([account, challenge, channel, step, previous]));
}

/** Does the signing part. */
export function signSteps(
  separator: Uint8Array,
  subject: ProbeSubject,
  work: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array[] {
  const signatures: Uint8Array[] = [];
  for (let step = 0, previous = work; step < PROBE.steps; step++) {
    const signature = sign(stepToSign(separator, subject, step, previous));
    signatures.push(signature);
    previous = sha256(signature);
  }
  return signatures;
}

/** Whether each step of an answer was signed by the key that `verify` checks with. The work is compared by the caller. */
export function verifySteps(
  separator: Uint8Array,
  subject: ProbeSubject,
  { work, signatures }: ProbeAnswer,
  verify: (message: Uint8Array, signature: Uint8Array) => boolean,
): boolean {
  let previous = work;
  return signatures.every((signature, step) => {
    const isGood = verify(stepToSign(separator, subject, step, previous), signature);
    previous = sha256(signature);
    return isGood;
  });
}

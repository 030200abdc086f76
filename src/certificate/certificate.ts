/**
 * The compact certificate: a CWT (RFC 8392) with the holder's key (RFC 8747) in a COSE_Sign1 under a key of the swarm
 * (docs/protocol.md, section 6). Device and validators each build the payload from the same fields, byte for byte.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { CLAIM, CLOCK_SKEW_SECONDS, COSE_ALG, COSE_TYP, type GroupAlgorithm } from "../statements/cose.js";
import { isScope } from "../statements/scope.js";
import { TAG } from "../statements/tags.js";

import { toBytes } from "../crypto/bytes.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { bytesToSign, decodeSignedObject, encodeSignedObject } from "./cose.js";
import { type DeviceKey, coseKey, readCoseKey } from "./cose-key.js";
import { bytes, entry, map, text, tuple, uint } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import { type SignatureChecks, verifyByGroup } from "./signatures.js";
import { type GenerationTrust, keysOf } from "./succession.js";
import { when } from "../statements/time.js";

/** Bytes of the largest certificate that anybody accepts. */
export const MAXIMUM_CERTIFICATE_LENGTH = 300;
const LIMITS: CborLimits = { maximumLength: MAXIMUM_CERTIFICATE_LENGTH, maximumDepth: 4 };

export interface CertificateFields {
  /** Seconds since 1970. The certificate counts while notBefore - 60 <= now < expires. */
  readonly notBefore: number;
  readonly expires: number;
  /** 16 bytes; see `certificateSerial`. */
  readonly serial: Uint8Array;
  readonly key: DeviceKey;
  readonly scope: string;
  /** Of the group keys that sign it. */
  readonly generation: number;
  /** The device's index in the mesh. */
  readonly index: number;
  /** 0 sensor, 1 actuator, 2 gateway; others as the fleet has it. */
  readonly deviceClass: number;
}

export interface Certificate extends CertificateFields {
  readonly algorithm: GroupAlgorithm;
  readonly signature: Uint8Array;
  /** The signed claims. */
  readonly payload: Uint8Array;
}

export interface SerialFields {
  readonly meshId: Uint8Array;
  readonly index: number;
  /** floor(block time / certificatePeriodSeconds) */
  readonly period: number;
  /** Which of the period's certificates: 0 to quota - 1. */
  readonly k: number;
}

/** Fixed by device, period and count: with one signature per serial, a quota is exact. 16 bytes. */
export function certificateSerial({ meshId, index, period, k }: SerialFields): Uint8Array {
  return sha256(
    concatBytes(utf8ToBytes(TAG.serial), meshId, toBytes(index, 8), toBytes(period, 8), toBytes(k, 4)),
  ).slice(0, 16);
}

/** The claims set that is signed. */
export function certificatePayload(fields: CertificateFields): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [CLAIM.exp, fields.expires],
      [CLAIM.nbf, fields.notBefore],
      [CLAIM.cti, fields.serial],
      [CLAIM.cnf, new Map([[COSE_KEY_MEMBER, coseKey(fields.key)]])],
      [CLAIM.scope, fields.scope],
      [CLAIM.member, [fields.generation, fields.index, fields.deviceClass]],
    ]),
  );
}

/** The member of `cnf` that holds a COSE_Key (RFC 8747, section 3.2). */
const COSE_KEY_MEMBER = 1;

const readClaims = map({
  expires: entry(CLAIM.exp, uint()),
  notBefore: entry(CLAIM.nbf, uint()),
  serial: entry(CLAIM.cti, bytes(16)),
  confirmation: entry(CLAIM.cnf, map({ key: entry(COSE_KEY_MEMBER, readCoseKey) })),
  scope: entry(CLAIM.scope, text("a scope `geo:` or `grp:`", isScope)),
  member: entry(CLAIM.member, tuple({ generation: uint(), index: uint(), deviceClass: uint(0xff) })),
});

/** The fields of a claims set. @throws Refusal `malformed` */
export function decodeCertificatePayload(payload: Uint8Array): CertificateFields {
  const { confirmation, member, ...claims } = readClaims(decodeCbor(payload, "claims", LIMITS), "claims");
  if (claims.notBefore >= claims.expires) {
    throw malformed("claims.expires", `${claims.expires} is not after notBefore ${claims.notBefore}`);
  }
  return { ...claims, ...member, key: confirmation.key };
}

/** The bytes that validators sign: with BLS in one round, or with FROST for EdDSA. */
export function certificateToSign(algorithm: GroupAlgorithm, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return bytesToSign({ typ: COSE_TYP.certificate, algorithm }, externalAad, payload);
}

/** The finished certificate. */
export function encodeCertificate(algorithm: GroupAlgorithm, payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeSignedObject({ typ: COSE_TYP.certificate, algorithm, payload, signature });
}

/** Decodes without believing anything yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeCertificate(encoded: Uint8Array): Certificate {
  const groupAlgorithms = [COSE_ALG.bls, COSE_ALG.eddsa];
  const object = decodeSignedObject(encoded, "certificate", COSE_TYP.certificate, groupAlgorithms, LIMITS);
  const { algorithm, payload, signature } = object;
  return { ...decodeCertificatePayload(payload), algorithm, payload, signature };
}

/** What a verifier knows of a mesh: enough to check any certificate of it. A verified trust bundle is one. */
export interface CertificateTrust extends GenerationTrust {
  /** The EIP-712 domain separator of the TrustAnchor. */
  readonly externalAad: Uint8Array;
}

/** @param now seconds since 1970. @throws Refusal `not-yet-valid` or `expired` */
export function checkValidity(
  { notBefore, expires }: Pick<CertificateFields, "notBefore" | "expires">,
  now: number,
): void {
  // Written so that a time that is no number is refused.
  if (!(now >= notBefore - CLOCK_SKEW_SECONDS)) {
    throw new Refusal("not-yet-valid", `the certificate begins at ${when(notBefore)}, it is ${when(now)}`);
  }
  if (!(now < expires)) {
    throw new Refusal("expired", `the certificate ended at ${when(expires)}, it is ${when(now)}`);
  }
}

/**
 * Decodes a certificate and checks signature, generation and time. Revocation, possession of the key and scope are
 * `verifyPresentation`'s.
 * @param now seconds since 1970.
 * @throws Refusal
 */
export function verifyCertificate(
  encoded: Uint8Array,
  trust: CertificateTrust,
  now: number,
  checks: SignatureChecks,
): Certificate {
  const certificate = decodeCertificate(encoded);
  const keys = keysOf(certificate.generation, trust, now);
  checkValidity(certificate, now);
  checkCertificateSignature(certificate, { externalAad: trust.externalAad, keys }, checks);
  return certificate;
}

/** @param trust the keys of its generation. @throws Refusal `bad-signature` */
export function checkCertificateSignature(
  { algorithm, payload, signature }: Certificate,
  { externalAad, keys }: Pick<CertificateTrust, "externalAad" | "keys">,
  checks: SignatureChecks,
): void {
  const message = certificateToSign(algorithm, externalAad, payload);
  if (!verifyByGroup(algorithm, keys, message, signature, checks)) {
    throw new Refusal("bad-signature", "the certificate is not signed by this mesh, chain and contract's group key");
  }
}

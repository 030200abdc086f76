/** X.509 v3 certificates (RFC 5280), as the root and the swarm make them: building, reading, and the few extensions used. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import { KEY_TYPE } from "../statements/cose.js";
import { equalBytes } from "../crypto/bytes.js";
import { type DeviceKey, verifyByDevice } from "./cose-key.js";
import { DER, DerReader, der, derBitString, derInteger, derOid, derSequence, derTime } from "./der.js";
import {
  readSignatureBits,
  readSubjectPublicKeyInfo,
  signatureAlgorithm,
  signatureBits,
  subjectPublicKeyInfo,
} from "./public-key-info.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";

/** Bytes of the longest certificate that is read. */
export const MAXIMUM_X509_LENGTH = 4_096;

const VERSION_3 = der(DER.context(0), derInteger(Uint8Array.of(2)));
const OID = {
  commonName: derOid("2.5.4.3"),
  organization: derOid("2.5.4.10"),
  unit: derOid("2.5.4.11"),
  subjectKeyIdentifier: derOid("2.5.29.14"),
  keyUsage: derOid("2.5.29.15"),
  nameConstraints: derOid("2.5.29.30"),
  basicConstraints: derOid("2.5.29.19"),
  authorityKeyIdentifier: derOid("2.5.29.35"),
};
/** KeyUsage bits (RFC 5280, section 4.2.1.3) of a certificate authority. */
const CA_KEY_USAGE = { bits: 0b0000_0110, unused: 1 } as const;
const KEY_CERT_SIGN = 0b0000_0100;

/** A Name of one common name, below an organisation and its unit where they are given. */
export function distinguishedName(
  commonName: string,
  { organization, unit }: { readonly organization?: string; readonly unit?: string } = {},
): Uint8Array {
  const part = (oid: Uint8Array, value: string | undefined): Uint8Array[] =>
    value === undefined ? [] : [der(DER.set, derSequence(oid, der(DER.utf8String, utf8ToBytes(value))))];
  return derSequence(
    ...part(OID.organization, organization),
    ...part(OID.unit, unit),
    ...part(OID.commonName, commonName),
  );
}

// ---- Building ------------------------------------------------------------------------------------------------------

export interface TbsFields {
  /** 1 to 20 bytes, big-endian, not zero; unique under the issuer. */
  readonly serial: Uint8Array;
  /** Names, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: DeviceKey;
  /** The type of the key that signs. */
  readonly issuerKeyType: DeviceKey["type"];
  /** In order, each made by one of the functions below. */
  readonly extensions: readonly Uint8Array[];
}

/** TBSCertificate: the bytes that the issuer signs. The same fields give the same bytes. */
export function encodeTbsCertificate(fields: TbsFields): Uint8Array {
  return derSequence(
    VERSION_3,
    derInteger(fields.serial),
    signatureAlgorithm(fields.issuerKeyType),
    fields.issuer,
    derSequence(derTime(fields.notBefore), derTime(fields.notAfter)),
    fields.subject,
    subjectPublicKeyInfo(fields.key),
    der(DER.context(3), derSequence(...fields.extensions)),
  );
}

/** @param signature 64 bytes: r | s, or Ed25519's. */
export function encodeX509Certificate(
  tbs: Uint8Array,
  issuerKeyType: DeviceKey["type"],
  signature: Uint8Array,
): Uint8Array {
  return derSequence(tbs, signatureAlgorithm(issuerKeyType), signatureBits(issuerKeyType, signature));
}

/** @param oid DER. @param value the extension's own DER. */
export function extension(oid: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der(DER.boolean, Uint8Array.of(0xff))] : [];
  return derSequence(oid, ...flag, der(DER.octetString, value));
}

/** The key's identifier: the first 160 bits of SHA-256 over it (RFC 7093, section 2). */
export function keyIdentifier(key: DeviceKey): Uint8Array {
  return sha256(subjectPublicKeyInfo(key)).slice(0, 20);
}

/** CA:TRUE with at most `pathLength` authorities below, key usage, and the identifiers of subject and issuer. */
export function caExtensions(key: DeviceKey, pathLength: number, issuerKeyId: Uint8Array): Uint8Array[] {
  const constraints = derSequence(der(DER.boolean, Uint8Array.of(0xff)), derInteger(Uint8Array.of(pathLength)));
  return [
    extension(OID.basicConstraints, true, constraints),
    extension(OID.keyUsage, true, derBitString(Uint8Array.of(CA_KEY_USAGE.bits), CA_KEY_USAGE.unused)),
    extension(OID.subjectKeyIdentifier, false, der(DER.octetString, keyIdentifier(key))),
    extension(OID.authorityKeyIdentifier, false, derSequence(der(0x80, issuerKeyId))),
  ];
}

// ---- Reading -------------------------------------------------------------------------------------------------------

export interface X509Certificate {
  readonly encoded: Uint8Array;
  /** TBSCertificate, DER: what is signed. */
  readonly tbs: Uint8Array;
  /** At most 20 bytes, big-endian, without leading zeros. */
  readonly serial: Uint8Array;
  /** Names, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Seconds since 1970, both included. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: DeviceKey;
  readonly issuerKeyType: DeviceKey["type"];
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** Whether it may sign certificates: CA:TRUE and keyCertSign. */
  readonly isAuthority: boolean;
  /** Authorities allowed below it; Infinity if not limited. */
  readonly pathLength: number;
  readonly subjectKeyId: Uint8Array | undefined;
  /** The value of NameConstraints, DER. */
  readonly nameConstraints: Uint8Array | undefined;
  /** Values of the other, not critical extensions, by the hex of their DER object identifier. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(first < 0 ? bytes.length - 1 : first);
}

export function readAlgorithm(reader: DerReader): DeviceKey["type"] {
  for (const type of [KEY_TYPE.ed25519, KEY_TYPE.p256]) if (reader.skipIf(signatureAlgorithm(type))) return type;
  reader.content(DER.sequence);
  throw new Refusal("wrong-kind", "the certificate is not signed with ECDSA and SHA-256, nor with Ed25519");
}

/** All extensions, by the hex of their DER identifier. */
function readExtensions(tbs: DerReader): Map<string, { critical: boolean; value: Uint8Array }> {
  const found = new Map<string, { critical: boolean; value: Uint8Array }>();
  if (tbs.done) return found;
  const explicit = tbs.enter(DER.context(3), "extensions");
  const list = explicit.enter(DER.sequence, "list");
  explicit.end();
  while (!list.done) {
    const item = list.enter(DER.sequence, "extension");
    const oid = bytesToHex(item.whole(DER.oid));
    const critical = item.isTrue();
    if (found.has(oid)) throw item.problem("is there twice");
    found.set(oid, { critical, value: item.content(DER.octetString) });
    item.end();
  }
  return found;
}

function readBasicConstraints(value: Uint8Array, field: string): { isCa: boolean; pathLength: number } {
  const outer = new DerReader(value, field);
  const constraints = outer.enter(DER.sequence, "basicConstraints");
  outer.end();
  const isCa = constraints.isTrue();
  const pathLength = constraints.done ? Infinity : (constraints.integer(1)[0] as number);
  constraints.end();
  return { isCa, pathLength };
}

function readKeyUsage(value: Uint8Array, field: string): number {
  const outer = new DerReader(value, field);
  const bits = outer.content(DER.bitString);
  outer.end();
  if (bits.length < 2 || (bits[0] as number) > 7) throw outer.problem("has a key usage that is empty");
  return bits[1] as number;
}

/**
 * Decodes one certificate that fills `encoded`, and believes nothing of it yet.
 * @throws Refusal `malformed`; `wrong-kind` for algorithms or critical extensions that are not known here.
 */
export function decodeX509Certificate(encoded: Uint8Array, field: string): X509Certificate {
  if (encoded.length > MAXIMUM_X509_LENGTH) {
    throw malformed(field, `${encoded.length} bytes where at most ${MAXIMUM_X509_LENGTH} are allowed`);
  }
  const file = new DerReader(encoded, field);
  const certificate = file.enter(DER.sequence, "certificate");
  file.end();
  const tbs = certificate.whole(DER.sequence);
  const reader = new DerReader(tbs, field).enter(DER.sequence, "tbs");
  if (!reader.skipIf(VERSION_3)) throw reader.problem("is not of X.509 version 3");
  const serial = withoutZeros(reader.integer(20));
  const issuerKeyType = readAlgorithm(reader);
  const issuer = reader.whole(DER.sequence);
  const validity = reader.enter(DER.sequence, "validity");
  const [notBefore, notAfter] = [validity.time(), validity.time()];
  validity.end();
  const subject = reader.whole(DER.sequence);
  const key = readSubjectPublicKeyInfo(reader);
  const extensions = readExtensions(reader);
  reader.end();
  if (!certificate.skipIf(signatureAlgorithm(issuerKeyType))) {
    throw certificate.problem("names two different signature algorithms");
  }
  const signature = readSignatureBits(issuerKeyType, certificate, `${field}.signature`);
  certificate.end();

  const take = (oid: Uint8Array): Uint8Array | undefined => {
    const name = bytesToHex(oid);
    const value = extensions.get(name)?.value;
    extensions.delete(name);
    return value;
  };
  const constraintsValue = take(OID.basicConstraints);
  const { isCa, pathLength } =
    constraintsValue === undefined
      ? { isCa: false, pathLength: Infinity }
      : readBasicConstraints(constraintsValue, field);
  const usageValue = take(OID.keyUsage);
  const usage = usageValue === undefined ? 0 : readKeyUsage(usageValue, field);
  const keyIdValue = take(OID.subjectKeyIdentifier);
  const subjectKeyId = keyIdValue === undefined ? undefined : new DerReader(keyIdValue, field).content(DER.octetString);
  const constraints = take(OID.nameConstraints);
  const unknown = [...extensions].find(([, { critical }]) => critical);
  if (unknown !== undefined) {
    throw new Refusal("wrong-kind", `${field} has the critical extension ${unknown[0]}, which is not known here`, {
      field,
    });
  }
  return {
    encoded,
    tbs,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    key,
    issuerKeyType,
    signature,
    isAuthority: isCa && (usage & KEY_CERT_SIGN) !== 0,
    pathLength,
    subjectKeyId,
    nameConstraints: constraints,
    extensions: new Map([...extensions].map(([oid, { value }]) => [oid, value])),
  };
}

/** Whether `issuer` signed `certificate`, by name and by key. */
export function isIssuedBy(
  certificate: X509Certificate,
  issuer: X509Certificate,
  signatures: DeviceSignatures,
): boolean {
  return (
    issuer.isAuthority &&
    equalBytes(certificate.issuer, issuer.subject) &&
    certificate.issuerKeyType === issuer.key.type &&
    verifyByDevice(issuer.key, certificate.tbs, certificate.signature, signatures)
  );
}

/** PEM (RFC 7468) of a DER object. `label`: `CERTIFICATE`; of a revocation list `X509 CRL`. */
export function pem(label: string, encoded: Uint8Array): string {
  // 48 bytes are a line of 64 characters; a list is too long to be one call's arguments.
  const lines = Array.from({ length: Math.ceil(encoded.length / 48) }, (_, line) =>
    btoa(String.fromCharCode(...encoded.subarray(48 * line, 48 * (line + 1)))),
  );
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

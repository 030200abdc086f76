/**
 * Certificates that the swarm signs for TLS software: of devices, from the same fields as the compact form, and of members
 * (docs/protocol.md, section 6.2). Every signer builds these bytes for itself; a reader builds them again from what it read and
 * takes no others.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { equalBytes, toBytes } from "../crypto/bytes.js";
import { CLOCK_SKEW_SECONDS, KEY_TYPE } from "../statements/cose.js";
import { isScope } from "../statements/scope.js";
import { TAG } from "../statements/tags.js";
import { X509_OID } from "../statements/x509.js";
import { type CertificateFields, checkValidity } from "./certificate.js";
import type { DeviceKey } from "./cose-key.js";
import { DER, DerReader, der, derOid, derSequence } from "./der.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";
import { type GenerationTrust, keysOf } from "./succession.js";
import {
  type X509Certificate,
  decodeX509Certificate,
  distinguishedName,
  encodeTbsCertificate,
  extension,
  keyIdentifier,
} from "./x509.js";
import { type MeshAuthority, authorityName, checkSignedBySwarm } from "./x509-authority.js";
import {
  type AlternativeNames,
  AUTHORITY_KEY_IDENTIFIER,
  CRL_DISTRIBUTION_POINTS,
  SUBJECT_ALT_NAME,
  authorityKeyIdentifier,
  crlDistributionPoints,
  derNumber,
  endEntityExtensions,
  readAlternativeNames,
  readDistributionPoint,
  readNumber,
  subjectKeyIdentifier,
  subjectAltName,
} from "./x509-extensions.js";
import { deviceName, deviceNames, deviceUri, memberName, memberUri, meshLabel, meshName } from "./x509-names.js";
import type { MemberHosts } from "./x509-root.js";

const DEVICE = derOid(X509_OID.device);
const MEMBER = derOid(X509_OID.member);

interface Leaf {
  readonly serial: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: number;
  readonly expires: number;
  readonly key: DeviceKey;
  readonly names: AlternativeNames;
  /** Swarmkeep's own extension. */
  readonly own: Uint8Array;
}

function leafToSign(leaf: Leaf, authority: MeshAuthority): Uint8Array {
  const { serial, subject, key, names, own } = leaf;
  const { label, keyId, crlUrl } = authority;
  return encodeTbsCertificate({
    serial,
    issuer: authorityName(label),
    subject,
    // TLS software allows for no skew, and its certificates end with their last second.
    notBefore: leaf.notBefore - CLOCK_SKEW_SECONDS,
    notAfter: leaf.expires - 1,
    key,
    issuerKeyType: KEY_TYPE.ed25519,
    extensions: [
      ...endEntityExtensions(),
      subjectKeyIdentifier(keyIdentifier(key)),
      authorityKeyIdentifier(keyId),
      subjectAltName(names),
      ...(crlUrl === undefined ? [] : [crlDistributionPoints(crlUrl)]),
      own,
    ],
  });
}

// ---- Devices -------------------------------------------------------------------------------------------------------

/**
 * The TBSCertificate of a device.
 * @param requested names besides those that every device has, strictly ascending.
 * @throws Refusal `name-not-allowed`; `malformed` for a key that is no point of its curve
 */
export function deviceCertificateToSign(
  fields: CertificateFields,
  requested: readonly string[],
  authority: MeshAuthority,
): Uint8Array {
  const { serial, notBefore, expires, key, scope, generation, index, deviceClass } = fields;
  const { label } = authority;
  const own = derSequence(
    derNumber(generation),
    derNumber(index),
    derNumber(deviceClass),
    der(DER.utf8String, utf8ToBytes(scope)),
  );
  const names = { dns: deviceNames(label, index, scope, requested), ip: [], uri: [deviceUri(label, index, scope)] };
  const subject = distinguishedName(deviceName(label, index), { organization: meshName(label), unit: scope });
  const leaf = { serial, subject, notBefore, expires, key, names, own: extension(DEVICE, false, own) };
  return buildable(() => leafToSign(leaf, authority), key);
}

/** A device's certificate, read. */
export interface DeviceCertificate extends CertificateFields {
  readonly x509: X509Certificate;
  /** DNS names, all of them. */
  readonly names: readonly string[];
  readonly authority: MeshAuthority;
}

/** Decodes a device's certificate and believes nothing yet. @throws Refusal `malformed`, `wrong-kind` or `name-not-allowed` */
export function decodeDeviceCertificate(encoded: Uint8Array): DeviceCertificate {
  const field = "certificate";
  const x509 = decodeX509Certificate(encoded, field);
  const own = ownExtension(x509, DEVICE, "device", field);
  const [generation, index, deviceClass] = [readNumber(own), readNumber(own), readNumber(own)];
  const scope = readScope(own);
  own.end();
  if (deviceClass > 0xff) throw malformed(`${field}.class`, `${deviceClass} is above 255`);
  const { authority, names } = surroundings(x509, field);
  const [, , ...requested] = names.dns;
  const fields = { ...common(x509), scope, generation, index, deviceClass };
  expectRebuilt(x509, deviceCertificateToSign(fields, requested, authority), field);
  return { ...fields, x509, names: names.dns, authority };
}

/** What a verifier of certificates for TLS has to know of a mesh; a verified trust bundle is one. */
export interface X509Trust extends GenerationTrust {
  readonly meshId: Uint8Array;
}

/**
 * Decodes a device's certificate and checks mesh, generation, time and signature. Whether it is revoked, and whether the peer has
 * its key, is for the caller: the latter is what TLS proves.
 * @param now seconds since 1970.
 * @throws Refusal
 */
export function verifyDeviceCertificate(
  encoded: Uint8Array,
  trust: X509Trust,
  now: number,
  signatures: DeviceSignatures,
): DeviceCertificate {
  return trusted(decodeDeviceCertificate(encoded), trust, now, signatures);
}

// ---- Members -------------------------------------------------------------------------------------------------------

export interface MemberFields {
  /** 20 bytes. */
  readonly account: Uint8Array;
  readonly generation: number;
  /** As registered; the empty text for none. */
  readonly scope: string;
  /** 16 bytes; see `memberSerial`. */
  readonly serial: Uint8Array;
  readonly notBefore: number;
  readonly expires: number;
  /** P-256: the registered TLS key. */
  readonly key: DeviceKey;
  /** Of its endpoint, as far as the authority's name constraints permit it. */
  readonly hosts: MemberHosts;
}

/** Fixed by member, period and count. 16 bytes. */
export function memberSerial(meshId: Uint8Array, account: Uint8Array, period: number, k: number): Uint8Array {
  const tag = utf8ToBytes(TAG.memberSerial);
  return sha256(concatBytes(tag, meshId, account, toBytes(period, 8), toBytes(k, 4))).slice(0, 16);
}

/** The TBSCertificate of a member. @throws Refusal `malformed` for a key that is no point of its curve */
export function memberCertificateToSign(fields: MemberFields, authority: MeshAuthority): Uint8Array {
  const { account, generation, scope, serial, notBefore, expires, key, hosts } = fields;
  const { label } = authority;
  const own = derSequence(
    derNumber(generation),
    der(DER.octetString, account),
    der(DER.utf8String, utf8ToBytes(scope)),
  );
  const name = memberName(label, account);
  const names = { dns: [name, ...hosts.dns], ip: hosts.ip, uri: [memberUri(label, account)] };
  const subject = distinguishedName(`0x${bytesToHex(account)}`, { organization: meshName(label), unit: "validator" });
  const leaf = { serial, subject, notBefore, expires, key, names, own: extension(MEMBER, false, own) };
  return buildable(() => leafToSign(leaf, authority), key);
}

/** Whether a certificate says that it is a member's; nothing of it is believed by that. */
export function isMemberCertificate({ extensions }: X509Certificate): boolean {
  return extensions.has(bytesToHex(MEMBER));
}

export interface MemberCertificate extends MemberFields {
  readonly x509: X509Certificate;
  readonly authority: MeshAuthority;
}

/** Decodes a member's certificate and believes nothing yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeMemberCertificate(encoded: Uint8Array): MemberCertificate {
  const field = "certificate";
  const x509 = decodeX509Certificate(encoded, field);
  const own = ownExtension(x509, MEMBER, "member", field);
  const generation = readNumber(own);
  const account = own.content(DER.octetString);
  if (account.length !== 20) throw own.problem(`has an account of ${account.length} bytes`);
  const scope = own.has(DER.utf8String) ? readScope(own) : "";
  own.end();
  const { authority, names } = surroundings(x509, field);
  const [, ...dns] = names.dns;
  const fields = { ...common(x509), account, generation, scope, hosts: { dns, ip: names.ip } };
  expectRebuilt(x509, memberCertificateToSign(fields, authority), field);
  return { ...fields, x509, authority };
}

/** As `verifyDeviceCertificate`, for a member's. @throws Refusal */
export function verifyMemberCertificate(
  encoded: Uint8Array,
  trust: X509Trust,
  now: number,
  signatures: DeviceSignatures,
): MemberCertificate {
  return trusted(decodeMemberCertificate(encoded), trust, now, signatures);
}

// ---- Both ----------------------------------------------------------------------------------------------------------

/** The certificate that was decoded, if it is of this mesh, a generation that counts, in time, and signed. @throws Refusal */
export function trusted<Certificate extends DeviceCertificate | MemberCertificate>(
  certificate: Certificate,
  trust: X509Trust,
  now: number,
  signatures: DeviceSignatures,
): Certificate {
  const { x509, authority, generation } = certificate;
  if (authority.label !== meshLabel(trust.meshId)) {
    throw new Refusal("wrong-mesh", `the certificate is of mesh ${authority.label}`, { field: "certificate.issuer" });
  }
  const keys = keysOf(generation, trust, now);
  checkValidity(certificate, now);
  checkSignedBySwarm(x509, keys.ed25519, signatures, "certificate");
  return certificate;
}

/** A key that is no point of its curve cannot be written: whoever asked for it is told. */
function buildable(build: () => Uint8Array, key: DeviceKey): Uint8Array {
  try {
    return build();
  } catch (cause) {
    if (cause instanceof Refusal || key.type !== KEY_TYPE.p256) throw cause;
    throw malformed("key", "is no point of P-256", cause);
  }
}

function ownExtension(x509: X509Certificate, oid: Uint8Array, what: string, field: string): DerReader {
  const value = x509.extensions.get(bytesToHex(oid));
  if (value === undefined) {
    throw new Refusal("wrong-kind", `${field}: has no extension of a Swarmkeep ${what}`, { field });
  }
  const outer = new DerReader(value, field);
  const own = outer.enter(DER.sequence, what);
  outer.end();
  return own;
}

function readScope(own: DerReader): string {
  const scope = String.fromCharCode(...own.content(DER.utf8String));
  if (scope !== "" && !isScope(scope)) throw own.problem("has a scope that is none");
  return scope;
}

/** What is around a leaf's own fields: its authority, and its names. */
function surroundings(
  x509: X509Certificate,
  field: string,
): { readonly authority: MeshAuthority; readonly names: AlternativeNames } {
  const value = (oid: Uint8Array): Uint8Array | undefined => x509.extensions.get(bytesToHex(oid));
  const names = readAlternativeNames(value(SUBJECT_ALT_NAME) ?? new Uint8Array(), `${field}.names`);
  const [own = ""] = names.dns;
  const label = /([0-9a-f]{8})\.swarm\.internal$/.exec(own)?.[1];
  if (label === undefined) throw malformed(`${field}.names`, "begins with no name of a mesh");
  const identifier = new DerReader(value(AUTHORITY_KEY_IDENTIFIER) ?? new Uint8Array(), `${field}.authority`);
  const keyId = identifier.enter(DER.sequence, "keyIdentifier").content(0x80);
  const point = value(CRL_DISTRIBUTION_POINTS);
  const crlUrl = point === undefined ? undefined : readDistributionPoint(point, `${field}.crl`);
  return { authority: { label, keyId, crlUrl }, names };
}

/** The fields that every leaf has, in the compact form's terms. */
function common({ serial, notBefore, notAfter, key }: X509Certificate) {
  const padded = new Uint8Array(16);
  if (serial.length <= 16) padded.set(serial, 16 - serial.length);
  return { serial: padded, notBefore: notBefore + CLOCK_SKEW_SECONDS, expires: notAfter + 1, key };
}

function expectRebuilt(x509: X509Certificate, tbs: Uint8Array, field: string): void {
  if (!equalBytes(x509.tbs, tbs)) throw malformed(field, "is not the one encoding of what it says");
}

/** The standard extensions of Swarmkeep's certificates and revocation lists (RFC 5280, sections 4.2 and 5.2): writing, and reading names. */
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { DER, DerReader, der, derBitString, derInteger, derOid, derSequence } from "./der.js";
import { extension } from "./x509.js";

const OID = {
  subjectKeyIdentifier: derOid("2.5.29.14"),
  keyUsage: derOid("2.5.29.15"),
  subjectAltName: derOid("2.5.29.17"),
  basicConstraints: derOid("2.5.29.19"),
  crlNumber: derOid("2.5.29.20"),
  deltaCrlIndicator: derOid("2.5.29.27"),
  nameConstraints: derOid("2.5.29.30"),
  crlDistributionPoints: derOid("2.5.29.31"),
  authorityKeyIdentifier: derOid("2.5.29.35"),
  extendedKeyUsage: derOid("2.5.29.37"),
  freshestCrl: derOid("2.5.29.46"),
} as const;
const SERVER_AUTH = derOid("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH = derOid("1.3.6.1.5.5.7.3.2");

/** Tags of GeneralName (RFC 5280, section 4.2.1.6), all implicit. */
const GENERAL_NAME = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

/** Names in a certificate. */
export interface AlternativeNames {
  readonly dns: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ip: readonly Uint8Array[];
  readonly uri: readonly string[];
}

const text = (tag: number, value: string): Uint8Array => der(tag, utf8ToBytes(value));

export function subjectAltName({ dns, ip, uri }: AlternativeNames): Uint8Array {
  const names = [
    ...dns.map((name) => text(GENERAL_NAME.dns, name)),
    ...ip.map((address) => der(GENERAL_NAME.ip, address)),
    ...uri.map((name) => text(GENERAL_NAME.uri, name)),
  ];
  return extension(OID.subjectAltName, false, derSequence(...names));
}

/** Object identifiers, DER. */
export const SUBJECT_ALT_NAME: Uint8Array = OID.subjectAltName;
export const NAME_CONSTRAINTS: Uint8Array = OID.nameConstraints;
export const AUTHORITY_KEY_IDENTIFIER: Uint8Array = OID.authorityKeyIdentifier;
export const CRL_NUMBER: Uint8Array = OID.crlNumber;
export const FRESHEST_CRL: Uint8Array = OID.freshestCrl;
export const DELTA_CRL_INDICATOR: Uint8Array = OID.deltaCrlIndicator;
export const CRL_DISTRIBUTION_POINTS: Uint8Array = OID.crlDistributionPoints;

/**
 * Reads a SubjectAltName's value. Names of kinds that Swarmkeep has no use for are counted only.
 * @throws Refusal `malformed`
 */
export function readAlternativeNames(value: Uint8Array, field: string): AlternativeNames & { readonly others: number } {
  const outer = new DerReader(value, field);
  const names = outer.enter(DER.sequence, "names");
  outer.end();
  const found = { dns: [] as string[], ip: [] as Uint8Array[], uri: [] as string[], others: 0 };
  while (!names.done) {
    if (names.has(GENERAL_NAME.dns)) found.dns.push(ascii(names, GENERAL_NAME.dns));
    else if (names.has(GENERAL_NAME.uri)) found.uri.push(ascii(names, GENERAL_NAME.uri));
    else if (names.has(GENERAL_NAME.ip)) {
      const address = names.content(GENERAL_NAME.ip);
      if (address.length !== 4 && address.length !== 16) throw names.problem("has an IP address of another length");
      found.ip.push(address);
    } else {
      names.any();
      found.others += 1;
    }
  }
  return found;
}

function ascii(reader: DerReader, tag: number): string {
  const content = reader.content(tag);
  if (content.some((byte) => byte < 0x21 || byte > 0x7e)) throw reader.problem("has a name that is not visible ASCII");
  return String.fromCharCode(...content);
}

/** What an end entity's certificate says of its key: no authority, signs in TLS, as client and as server. */
export function endEntityExtensions(): Uint8Array[] {
  return [
    extension(OID.basicConstraints, true, derSequence()),
    // digitalSignature is bit 0.
    extension(OID.keyUsage, true, derBitString(Uint8Array.of(0x80), 7)),
    extension(OID.extendedKeyUsage, false, derSequence(SERVER_AUTH, CLIENT_AUTH)),
  ];
}

/** @param keyId 20 bytes. */
export function subjectKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return extension(OID.subjectKeyIdentifier, false, der(DER.octetString, keyId));
}

/** @param keyId 20 bytes. */
export function authorityKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return extension(OID.authorityKeyIdentifier, false, derSequence(der(0x80, keyId)));
}

/** A DistributionPoints value with one address. */
function distributionPoint(url: string): Uint8Array {
  const fullName = der(DER.context(0), text(GENERAL_NAME.uri, url));
  return derSequence(derSequence(der(DER.context(0), fullName)));
}

/** Back to the address. @throws Refusal `malformed` */
export function readDistributionPoint(value: Uint8Array, field: string): string {
  const outer = new DerReader(value, field);
  const points = outer.enter(DER.sequence, "points");
  const point = points.enter(DER.sequence, "point");
  const fullName = point.enter(DER.context(0), "name").enter(DER.context(0), "fullName");
  const url = ascii(fullName, GENERAL_NAME.uri);
  for (const reader of [fullName, point, points, outer]) reader.end();
  return url;
}

export function crlDistributionPoints(url: string): Uint8Array {
  return extension(OID.crlDistributionPoints, false, distributionPoint(url));
}

/** Where the delta list is (RFC 5280, section 4.2.1.15). */
export function freshestCrl(url: string): Uint8Array {
  return extension(OID.freshestCrl, false, distributionPoint(url));
}

export function crlNumber(number: number): Uint8Array {
  return extension(OID.crlNumber, false, derNumber(number));
}

/** Marks a list as changes since list `base` (RFC 5280, section 5.2.4). */
export function deltaCrlIndicator(base: number): Uint8Array {
  return extension(OID.deltaCrlIndicator, true, derNumber(base));
}

/** An INTEGER from 0 to 2^53 - 1. */
export function derNumber(value: number): Uint8Array {
  const digits: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return derInteger(Uint8Array.from(digits.length === 0 ? [0] : digits));
}

/** Back to a number. @throws Refusal `malformed` above 2^53 - 1 */
export function readNumber(reader: DerReader): number {
  const value = reader.integer(8).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!Number.isSafeInteger(value)) throw reader.problem("has a number above 2^53 - 1");
  return value;
}

/**
 * The names that an authority may certify: DNS names within `domains`, e-mail addresses and URIs at the first of them, and single
 * addresses. No other address, so that the mesh's authority cannot vouch for anything outside the mesh.
 * @param ip 4 or 16 bytes each.
 */
export function nameConstraints(domains: readonly [string, ...string[]], ip: readonly Uint8Array[]): Uint8Array {
  const subtree = (name: Uint8Array): Uint8Array => derSequence(name);
  const single = (address: Uint8Array): Uint8Array => concatBytes(address, new Uint8Array(address.length).fill(0xff));
  const permitted = [
    ...domains.map((domain) => subtree(text(GENERAL_NAME.dns, domain))),
    subtree(text(GENERAL_NAME.email, domains[0])),
    subtree(text(GENERAL_NAME.uri, domains[0])),
    ...ip.map((address) => subtree(der(GENERAL_NAME.ip, single(address)))),
  ];
  const families = [4, 16].filter((length) => !ip.some((address) => address.length === length));
  // Base and mask are zeros: the whole family.
  const excluded = families.map((length) => subtree(der(GENERAL_NAME.ip, new Uint8Array(2 * length))));
  const lists = [
    der(DER.context(0), ...permitted),
    ...(excluded.length === 0 ? [] : [der(DER.context(1), ...excluded)]),
  ];
  return extension(OID.nameConstraints, true, derSequence(...lists));
}

/** DNS names and single addresses that a NameConstraints value permits. @throws Refusal `malformed` */
export function readNameConstraints(
  value: Uint8Array,
  field: string,
): { readonly domains: string[]; readonly ip: Uint8Array[] } {
  const outer = new DerReader(value, field);
  const lists = outer.enter(DER.sequence, "nameConstraints");
  outer.end();
  const found = { domains: [] as string[], ip: [] as Uint8Array[] };
  if (lists.has(DER.context(0))) {
    const permitted = lists.enter(DER.context(0), "permitted");
    while (!permitted.done) {
      const subtree = permitted.enter(DER.sequence, "subtree");
      if (subtree.has(GENERAL_NAME.dns)) found.domains.push(ascii(subtree, GENERAL_NAME.dns));
      else if (subtree.has(GENERAL_NAME.ip)) found.ip.push(singleAddress(subtree));
      else subtree.any();
      subtree.end();
    }
  }
  if (lists.has(DER.context(1))) lists.any();
  lists.end();
  return found;
}

function singleAddress(subtree: DerReader): Uint8Array {
  const range = subtree.content(GENERAL_NAME.ip);
  const length = range.length / 2;
  const isSingle = (length === 4 || length === 16) && range.subarray(length).every((byte) => byte === 0xff);
  if (!isSingle) throw subtree.problem("permits more than single addresses");
  return range.slice(0, length);
}

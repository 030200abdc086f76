/**
 * The root CA and its cross-certificate of the group keys (docs/protocol.md, section 5): the one hand-over of trust from a
 * single key to the swarm. The cross-certificate certifies the Ed25519 group key to any X.509 stack, and in an extension the
 * BLS key and the place of the mesh to Swarmkeep's devices.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { KEY_TYPE } from "../statements/cose.js";
import { X509_OID } from "../statements/x509.js";
import { equalBytes } from "../crypto/bytes.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import type { Signer } from "./cose.js";
import type { DeviceKey } from "./cose-key.js";
import { DER, DerReader, der, derOid } from "./der.js";
import { bytes, entry, map, optional, text, uint, uint64 } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures, GroupKeys } from "./signatures.js";
import {
  type X509Certificate,
  caExtensions,
  decodeX509Certificate,
  distinguishedName,
  encodeTbsCertificate,
  encodeX509Certificate,
  extension,
  isIssuedBy,
  keyIdentifier,
} from "./x509.js";
import { nameConstraints } from "./x509-extensions.js";
import { meshDomain, meshLabel, meshName } from "./x509-names.js";

/** What the root certifies: the keys of one generation, and where the mesh lives. */
export interface MeshFacts {
  readonly generation: number;
  readonly keys: GroupKeys;
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly chainId: bigint;
  /** Contract addresses, 20 bytes each. */
  readonly anchor: Uint8Array;
  readonly registry: Uint8Array;
  readonly revocationList: Uint8Array;
  /** Where the mesh's certificate revocation list is, for software that asks there; undefined for none. */
  readonly crlUrl?: string | undefined;
}

export interface Validity {
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The extension with the facts, DER. */
export const GROUP_KEYS = derOid(X509_OID.groupKeys);
const LIMITS: CborLimits = { maximumLength: 1_024, maximumDepth: 1 };
const KEY = {
  bls: 1,
  meshId: 2,
  chainId: 3,
  anchor: 4,
  registry: 5,
  revocationList: 6,
  generation: 7,
  crlUrl: 8,
} as const;
/** Visible ASCII after the scheme; that of a list is plain HTTP as a rule, since checking HTTPS would take a list first. */
const CRL_URL = /^https?:\/\/[\x21-\x7e]{1,240}$/;

/** Whether `url` can be the address of the mesh's certificate revocation list. */
export function isCrlUrl(url: string): boolean {
  return CRL_URL.test(url);
}

const readFacts = map({
  bls: entry(KEY.bls, bytes(48)),
  meshId: entry(KEY.meshId, bytes(32)),
  chainId: entry(KEY.chainId, uint64),
  anchor: entry(KEY.anchor, bytes(20)),
  registry: entry(KEY.registry, bytes(20)),
  revocationList: entry(KEY.revocationList, bytes(20)),
  generation: entry(KEY.generation, uint()),
  crlUrl: optional(KEY.crlUrl, text("an address `http://`", isCrlUrl)),
});

export interface RootRequest extends Validity {
  /** P-256. */
  readonly key: DeviceKey;
  readonly commonName: string;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
  /** Signs with the root's key: ECDSA with SHA-256, r | s. */
  readonly sign: Signer;
}

/** Makes a root certificate: self-signed, CA:TRUE, path length 1. DER. */
export async function createRootCertificate(request: RootRequest): Promise<Uint8Array> {
  const { key, serial, notBefore, notAfter, sign } = request;
  const name = distinguishedName(request.commonName);
  const tbs = encodeTbsCertificate({
    serial,
    issuer: name,
    subject: name,
    notBefore,
    notAfter,
    key,
    issuerKeyType: KEY_TYPE.p256,
    extensions: caExtensions(key, 1, keyIdentifier(key)),
  });
  return encodeX509Certificate(tbs, KEY_TYPE.p256, await sign(tbs));
}

/** Decodes a root and checks that it is one. @throws Refusal `malformed`, `wrong-kind` or `bad-signature` */
export function verifyRootCertificate(encoded: Uint8Array, signatures: DeviceSignatures): X509Certificate {
  const root = decodeX509Certificate(encoded, "root");
  if (root.key.type !== KEY_TYPE.p256 || !root.isAuthority || root.pathLength < 1) {
    const wanted = "a P-256 key, CA:TRUE, keyCertSign and a path length of at least 1";
    throw new Refusal("wrong-kind", `the root certificate takes ${wanted}`, { field: "root" });
  }
  if (!isIssuedBy(root, root, signatures)) {
    throw new Refusal("bad-signature", "the root certificate is not signed by its own key", { field: "root" });
  }
  return root;
}

/** Hosts of endpoints. */
export interface MemberHosts {
  /** DNS names, lower case. */
  readonly dns: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ip: readonly Uint8Array[];
}

export interface CrossCertificateRequest extends Validity {
  /** The root certificate, DER. */
  readonly root: Uint8Array;
  readonly facts: MeshFacts;
  /** Besides the mesh's own domain, what its members' certificates may name: where they can be reached. */
  readonly hosts?: MemberHosts;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
  /** Signs with the root's key: ECDSA with SHA-256, r | s. */
  readonly sign: Signer;
}

/** Makes the root's certificate of the group keys. DER. */
export async function createCrossCertificate(request: CrossCertificateRequest): Promise<Uint8Array> {
  const { facts, serial, notBefore, notAfter, sign, hosts = { dns: [], ip: [] } } = request;
  const label = meshLabel(facts.meshId);
  const root = decodeX509Certificate(request.root, "root");
  const key: DeviceKey = { type: KEY_TYPE.ed25519, bytes: facts.keys.ed25519 };
  const tbs = encodeTbsCertificate({
    serial,
    issuer: root.subject,
    subject: distinguishedName(meshName(label)),
    notBefore,
    notAfter,
    key,
    issuerKeyType: KEY_TYPE.p256,
    extensions: [
      ...caExtensions(key, 0, root.subjectKeyId ?? keyIdentifier(root.key)),
      nameConstraints([meshDomain(label), ...hosts.dns], hosts.ip),
      extension(GROUP_KEYS, false, der(DER.octetString, encodeFacts(facts))),
    ],
  });
  return encodeX509Certificate(tbs, KEY_TYPE.p256, await sign(tbs));
}

function encodeFacts(facts: MeshFacts): Uint8Array {
  const fields = new Map<number, CborValue>([
    [KEY.bls, facts.keys.bls],
    [KEY.meshId, facts.meshId],
    [KEY.chainId, facts.chainId],
    [KEY.anchor, facts.anchor],
    [KEY.registry, facts.registry],
    [KEY.revocationList, facts.revocationList],
    [KEY.generation, facts.generation],
  ]);
  if (facts.crlUrl !== undefined) fields.set(KEY.crlUrl, facts.crlUrl);
  return encodeCbor(fields);
}

/** What an authority's certificate says of the mesh. @throws Refusal `malformed` */
export function readMeshFacts(certificate: X509Certificate, field: string): MeshFacts {
  const value = certificate.extensions.get(bytesToHex(GROUP_KEYS));
  if (value === undefined) throw malformed(field, `lacks the extension ${X509_OID.groupKeys} with the BLS group key`);
  const outer = new DerReader(value, field);
  const content = outer.content(DER.octetString);
  outer.end();
  const { bls, crlUrl, ...facts } = readFacts(decodeCbor(content, `${field}.groupKeys`, LIMITS), `${field}.groupKeys`);
  const name = meshName(meshLabel(facts.meshId));
  if (!equalBytes(certificate.subject, distinguishedName(name)))
    throw malformed(`${field}.subject`, `is not CN=${name}`);
  const keys = { bls, ed25519: certificate.key.bytes };
  return { ...facts, keys, ...(crlUrl === undefined ? {} : { crlUrl }) };
}

/**
 * Decodes a cross-certificate and checks it under a verified root. Its time is the caller's to check.
 * @throws Refusal `malformed`, `wrong-kind` or `bad-signature`
 */
export function verifyCrossCertificate(
  encoded: Uint8Array,
  root: X509Certificate,
  signatures: DeviceSignatures,
): MeshFacts & Validity {
  const field = "crossCertificate";
  const certificate = decodeX509Certificate(encoded, field);
  if (certificate.key.type !== KEY_TYPE.ed25519 || !certificate.isAuthority || certificate.pathLength !== 0) {
    const wanted = "an Ed25519 key, CA:TRUE, keyCertSign and a path length of 0";
    throw new Refusal("wrong-kind", `the cross-certificate takes ${wanted}`, { field });
  }
  const facts = readMeshFacts(certificate, field);
  if (!isIssuedBy(certificate, root, signatures)) {
    throw new Refusal("bad-signature", "the cross-certificate is not signed by the root", { field });
  }
  const { notBefore, notAfter } = certificate;
  return { ...facts, notBefore, notAfter };
}

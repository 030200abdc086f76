/**
 * The root CA and its cross-certificate of the group keys (docs/protocol.md, section 5): the one hand-over of trust from a
 * single key to the swarm. The cross-certificate certifies the Ed25519 group key to any X.509 stack, and in an extension the
 * BLS key and the place of the mesh to Swarmkeep's devices.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { GROUP_KEYS_OID, KEY_TYPE } from "../statements/cose.js";
import { equalBytes } from "../crypto/bytes.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import type { Signer } from "./cose.js";
import type { DeviceKey } from "./cose-key.js";
import { DER, DerReader, der, derOid } from "./der.js";
import { bytes, entry, map, uint, uint64 } from "./reader.js";
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
}

export interface Validity {
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const GROUP_KEYS = derOid(GROUP_KEYS_OID);
const LIMITS: CborLimits = { maximumLength: 512, maximumDepth: 1 };
const KEY = { bls: 1, meshId: 2, chainId: 3, anchor: 4, registry: 5, revocationList: 6, generation: 7 } as const;

const readFacts = map({
  bls: entry(KEY.bls, bytes(48)),
  meshId: entry(KEY.meshId, bytes(32)),
  chainId: entry(KEY.chainId, uint64),
  anchor: entry(KEY.anchor, bytes(20)),
  registry: entry(KEY.registry, bytes(20)),
  revocationList: entry(KEY.revocationList, bytes(20)),
  generation: entry(KEY.generation, uint()),
});

/** The subject of a mesh's cross-certificates. */
export function meshName(meshId: Uint8Array): string {
  return `Swarmkeep mesh ${bytesToHex(meshId.subarray(0, 4))}`;
}

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

export interface CrossCertificateRequest extends Validity {
  /** The root certificate, DER. */
  readonly root: Uint8Array;
  readonly facts: MeshFacts;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
  /** Signs with the root's key: ECDSA with SHA-256, r | s. */
  readonly sign: Signer;
}

/** Makes the root's certificate of the group keys. DER. */
export async function createCrossCertificate(request: CrossCertificateRequest): Promise<Uint8Array> {
  const { facts, serial, notBefore, notAfter, sign } = request;
  const root = decodeX509Certificate(request.root, "root");
  const key: DeviceKey = { type: KEY_TYPE.ed25519, bytes: facts.keys.ed25519 };
  const tbs = encodeTbsCertificate({
    serial,
    issuer: root.subject,
    subject: distinguishedName(meshName(facts.meshId)),
    notBefore,
    notAfter,
    key,
    issuerKeyType: KEY_TYPE.p256,
    extensions: [
      ...caExtensions(key, 0, root.subjectKeyId ?? keyIdentifier(root.key)),
      extension(GROUP_KEYS, false, der(DER.octetString, encodeFacts(facts))),
    ],
  });
  return encodeX509Certificate(tbs, KEY_TYPE.p256, await sign(tbs));
}

function encodeFacts(facts: MeshFacts): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [KEY.bls, facts.keys.bls],
      [KEY.meshId, facts.meshId],
      [KEY.chainId, facts.chainId],
      [KEY.anchor, facts.anchor],
      [KEY.registry, facts.registry],
      [KEY.revocationList, facts.revocationList],
      [KEY.generation, facts.generation],
    ]),
  );
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
  const value = certificate.extensions.get(bytesToHex(GROUP_KEYS));
  if (value === undefined) throw malformed(field, `lacks the extension ${GROUP_KEYS_OID} with the BLS group key`);
  const outer = new DerReader(value, field);
  const content = outer.content(DER.octetString);
  outer.end();
  const { bls, ...facts } = readFacts(decodeCbor(content, `${field}.groupKeys`, LIMITS), `${field}.groupKeys`);
  if (!equalBytes(certificate.subject, distinguishedName(meshName(facts.meshId)))) {
    throw malformed(`${field}.subject`, `is not CN=${meshName(facts.meshId)}`);
  }
  if (!isIssuedBy(certificate, root, signatures)) {
    throw new Refusal("bad-signature", "the cross-certificate is not signed by the root", { field });
  }
  const { notBefore, notAfter } = certificate;
  return { ...facts, keys: { bls, ed25519: certificate.key.bytes }, notBefore, notAfter };
}

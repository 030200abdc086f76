/**
 * Attributes with which a certificate request proves more than that somebody has its key (docs/protocol.md, section 14.2): where the
 * manifest lists that key, or that the key of the current certificate agrees to a new one. They are inside of what the request's
 * key signs, so any EST client can carry them, and no validator on the way can use them for another key.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { toBytes } from "../crypto/bytes.js";
import { isScope } from "../statements/scope.js";
import { TAG } from "../statements/tags.js";
import { X509_OID } from "../statements/x509.js";
import { type CborLimits, decodeCbor, encodeCbor } from "./cbor.js";
import type { Signer } from "./cose.js";
import type { DeviceKey } from "./cose-key.js";
import { DER, DerReader, der, derInteger, derOid, derSequence } from "./der.js";
import { type CertificateRequest, EXTENSION_REQUEST } from "./pkcs10.js";
import { signatureAlgorithm, signatureBits, subjectPublicKeyInfo } from "./public-key-info.js";
import { text, tuple, uint } from "./reader.js";
import { type Enrolment, enrolmentValue, readEnrolment } from "./request.js";
import { distinguishedName } from "./x509.js";
import { subjectAltName } from "./x509-extensions.js";

const ENROLMENT = derOid(X509_OID.enrolment);
const RENEWAL = derOid(X509_OID.renewal);
const LIMITS: CborLimits = { maximumLength: 4_096, maximumDepth: 3 };

/** Where the manifest lists the request's key, and the scope that the device asks for. */
export interface CsrEnrolment {
  readonly index: number;
  readonly scope: string;
  readonly enrolment: Enrolment;
}

const readCsrEnrolment = tuple<CsrEnrolment>({
  index: uint(),
  scope: text("a scope `geo:` or `grp:`", isScope),
  enrolment: readEnrolment,
});

/** An attribute (RFC 2986, section 4.1) of one OCTET STRING. */
function attribute(oid: Uint8Array, content: Uint8Array): Uint8Array {
  return derSequence(oid, der(DER.set, der(DER.octetString, content)));
}

function contentOf({ attributes }: CertificateRequest, oid: Uint8Array, field: string): Uint8Array | undefined {
  const set = attributes.get(bytesToHex(oid));
  if (set === undefined) return undefined;
  const values = new DerReader(set, field);
  const content = values.content(DER.octetString);
  values.end();
  return content;
}

export function enrolmentAttribute({ index, scope, enrolment }: CsrEnrolment): Uint8Array {
  return attribute(ENROLMENT, encodeCbor([index, scope, enrolmentValue(enrolment)]));
}

/** @throws Refusal `malformed` */
export function enrolmentOf(request: CertificateRequest): CsrEnrolment | undefined {
  const field = "csr.enrolment";
  const content = contentOf(request, ENROLMENT, field);
  return content === undefined ? undefined : readCsrEnrolment(decodeCbor(content, field, LIMITS), field);
}

/** @param signature of the current certificate's key over `renewedKeyProof`, 64 bytes. */
export function renewalAttribute(signature: Uint8Array): Uint8Array {
  return attribute(RENEWAL, signature);
}

/** The old key's signature over the new one, 64 bytes. @throws Refusal `malformed` */
export function renewalProofOf(request: CertificateRequest): Uint8Array | undefined {
  return contentOf(request, RENEWAL, "csr.renewal");
}

/**
 * What the current certificate's key signs to have another key certified in its place: 32 bytes, signed as a message.
 * @param serial of the current certificate, so that the proof counts for no later one.
 */
export function renewedKeyProof(meshId: Uint8Array, index: number, serial: Uint8Array, key: DeviceKey): Uint8Array {
  const tag = utf8ToBytes(TAG.renewedKey);
  return sha256(concatBytes(tag, meshId, toBytes(index, 8), serial, subjectPublicKeyInfo(key)));
}

export interface CertificateRequestFields {
  readonly commonName: string;
  readonly key: DeviceKey;
  /** DNS names to ask for. */
  readonly names?: readonly string[];
  /** DER, made by the functions above. */
  readonly attributes?: readonly Uint8Array[];
}

/** Makes a certificate request (PKCS#10), DER. @param sign with the key: Ed25519, or ECDSA with SHA-256 as r | s. */
export async function makeCertificateRequest(fields: CertificateRequestFields, sign: Signer): Promise<Uint8Array> {
  const { commonName, key, names = [], attributes = [] } = fields;
  const wanted = derSequence(subjectAltName({ dns: names, ip: [], uri: [] }));
  const info = derSequence(
    derInteger(Uint8Array.of(0)),
    distinguishedName(commonName),
    subjectPublicKeyInfo(key),
    der(
      DER.context(0),
      ...(names.length === 0 ? [] : [derSequence(EXTENSION_REQUEST, der(DER.set, wanted))]),
      ...attributes,
    ),
  );
  return derSequence(info, signatureAlgorithm(key.type), signatureBits(key.type, await sign(info)));
}

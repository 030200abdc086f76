/**
 * The request for a certificate (docs/protocol.md, section 7): every field of the certificate to be, the proof that the
 * device may ask, and the connection that it asks on.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { toBytes } from "../crypto/bytes.js";
import {
  COSE_ALG,
  COSE_TYP,
  type DeviceAlgorithm,
  type GroupAlgorithm,
  JOIN_METHOD,
  KEY_TYPE,
} from "../statements/cose.js";
import { isScope } from "../statements/scope.js";
import { TAG } from "../statements/tags.js";
import { MAXIMUM_REQUESTED_NAMES } from "../statements/x509.js";
import { type CertificateFields, MAXIMUM_CERTIFICATE_LENGTH, certificateSerial } from "./certificate.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { type SignedObject, type Signer, decodeSignedObject, signObject } from "./cose.js";
import { type DeviceKey, algorithmOf, coseKey, readCoseKey } from "./cose-key.js";
import type { ManifestEntry, ManifestProof } from "./manifest.js";
import { MAXIMUM_CSR_LENGTH } from "./pkcs10.js";
import { type Reader, bytes, entry, list, map, oneOf, optional, text, tuple, uint } from "./reader.js";
import { malformed } from "./refusal.js";
import { isDnsName } from "./x509-names.js";

const U32 = 0xffff_ffff;
/** Bytes of the longest path that is read: 53 levels, as many as indexes have bits. */
const MAXIMUM_PATH_LENGTH = 53 * 32;
export const REQUEST_LIMITS: CborLimits = { maximumLength: 8_192, maximumDepth: 3 };

export const REQUEST_KIND = { enrol: 1, renew: 2 } as const;

/** The certificate asked for: its payload follows, byte for byte, on both sides (`requestedCertificate`). */
interface RequestedFields {
  /** The device's index in the mesh. */
  readonly index: number;
  /** floor(block time / certificatePeriodSeconds) */
  readonly period: number;
  /** Which of the period's certificates. */
  readonly k: number;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly expires: number;
  readonly scope: string;
  /** The key to be certified. */
  readonly key: DeviceKey;
  /** Which of the group keys is to sign. */
  readonly algorithm: GroupAlgorithm;
  /** RFC 9266 `tls-exporter` of the connection, 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** A PKCS#10 request by the certified key, where that key does not sign the request itself. */
  readonly csr: Uint8Array | undefined;
  /** In its place, the certified key's signature over `certifiedKeyProof`, 64 bytes. */
  readonly keyProof: Uint8Array | undefined;
  /**
   * Present where an X.509 certificate of the same fields is wanted too: the DNS names that it is to have besides those that every
   * device has, strictly ascending (section 6.3).
   */
  readonly x509Names?: readonly string[] | undefined;
}

/** Where the device is listed: its manifest entry without the index, and the batch as the ledger has it. */
export interface Enrolment extends ManifestProof, Omit<ManifestEntry, "index"> {
  readonly fleetId: number;
  readonly batch: number;
}

export interface EnrolRequest extends RequestedFields {
  readonly kind: typeof REQUEST_KIND.enrol;
  readonly enrolment: Enrolment;
  /** One of `JOIN_METHOD`. */
  readonly joinMethod: number;
}

export interface RenewRequest extends RequestedFields {
  readonly kind: typeof REQUEST_KIND.renew;
  /** The certificate whose key signs the request. */
  readonly certificate: Uint8Array;
}

export type IssuanceRequest = EnrolRequest | RenewRequest;
/** A request as it arrives: signed, by whom is still to be checked. */
export type SignedRequest = SignedObject<DeviceAlgorithm> & { readonly request: IssuanceRequest };

const KEY = {
  kind: 1,
  index: 2,
  period: 3,
  k: 4,
  notBefore: 5,
  expires: 6,
  scope: 7,
  key: 8,
  algorithm: 9,
  channelBinding: 10,
  enrolment: 11,
  certificate: 12,
  joinMethod: 13,
  csr: 14,
  keyProof: 15,
  x509Names: 16,
} as const;

const readEnrolmentFields = tuple({
  fleetId: uint(),
  batch: uint(),
  root: bytes(32),
  base: uint(),
  count: uint(),
  salt: bytes(32),
  keyType: oneOf(KEY_TYPE.ed25519, KEY_TYPE.p256),
  publicKey: bytes(32, 33),
  deviceClass: uint(0xff),
  path: bytes(0, MAXIMUM_PATH_LENGTH),
});

export const readEnrolment: Reader<Enrolment> = (value, field) => {
  const { keyType, publicKey, ...rest } = readEnrolmentFields(value, field);
  const length = keyType === KEY_TYPE.ed25519 ? 32 : 33;
  if (publicKey.length !== length) {
    throw malformed(`${field}.publicKey`, `takes ${length} bytes for key type ${keyType}, not ${publicKey.length}`);
  }
  return { ...rest, key: { type: keyType, bytes: publicKey } };
};

const readFields = map({
  kind: entry(KEY.kind, oneOf(REQUEST_KIND.enrol, REQUEST_KIND.renew)),
  index: entry(KEY.index, uint()),
  period: entry(KEY.period, uint()),
  k: entry(KEY.k, uint(U32)),
  notBefore: entry(KEY.notBefore, uint()),
  expires: entry(KEY.expires, uint()),
  scope: entry(KEY.scope, text("a scope `geo:` or `grp:`", isScope)),
  key: entry(KEY.key, readCoseKey),
  algorithm: entry(KEY.algorithm, oneOf(COSE_ALG.bls, COSE_ALG.eddsa)),
  channelBinding: entry(KEY.channelBinding, bytes(32)),
  enrolment: optional(KEY.enrolment, readEnrolment),
  certificate: optional(KEY.certificate, bytes(1, MAXIMUM_CERTIFICATE_LENGTH)),
  joinMethod: optional(KEY.joinMethod, oneOf(...Object.values(JOIN_METHOD))),
  csr: optional(KEY.csr, bytes(1, MAXIMUM_CSR_LENGTH)),
  keyProof: optional(KEY.keyProof, bytes(64)),
  x509Names: optional(KEY.x509Names, list(text("a DNS name in lower case", isDnsName), 0, MAXIMUM_REQUESTED_NAMES)),
});

const readRequest: Reader<IssuanceRequest> = (value, field) => {
  const { kind, enrolment, certificate, joinMethod, ...rest } = readFields(value, field);
  if (rest.notBefore >= rest.expires) {
    throw malformed(`${field}.expires`, `${rest.expires} is not after notBefore ${rest.notBefore}`);
  }
  if (kind === REQUEST_KIND.enrol && enrolment !== undefined && joinMethod !== undefined && certificate === undefined) {
    return { kind, ...rest, enrolment, joinMethod };
  }
  if (kind === REQUEST_KIND.renew && certificate !== undefined && enrolment === undefined && joinMethod === undefined) {
    return { kind, ...rest, certificate };
  }
  throw malformed(field, "an enrolment takes keys 11 and 13 and not 12, a renewal takes key 12 and neither 11 nor 13");
};

export function enrolmentValue({ key, ...enrolment }: Enrolment): CborValue {
  const { fleetId, batch, root, base, count, salt, deviceClass, path } = enrolment;
  return [fleetId, batch, root, base, count, salt, key.type, key.bytes, deviceClass, path];
}

export function encodeRequestPayload(request: IssuanceRequest): Uint8Array {
  const { kind, index, period, k, notBefore, expires, scope, key, algorithm, channelBinding, csr, keyProof } = request;
  const { x509Names } = request;
  const fields: [number, CborValue | undefined][] = [
    [KEY.kind, kind],
    [KEY.index, index],
    [KEY.period, period],
    [KEY.k, k],
    [KEY.notBefore, notBefore],
    [KEY.expires, expires],
    [KEY.scope, scope],
    [KEY.key, coseKey(key)],
    [KEY.algorithm, algorithm],
    [KEY.channelBinding, channelBinding],
    [KEY.enrolment, kind === REQUEST_KIND.enrol ? enrolmentValue(request.enrolment) : undefined],
    [KEY.certificate, kind === REQUEST_KIND.renew ? request.certificate : undefined],
    [KEY.joinMethod, kind === REQUEST_KIND.enrol ? request.joinMethod : undefined],
    [KEY.csr, csr],
    [KEY.keyProof, keyProof],
    [KEY.x509Names, x509Names],
  ];
  return encodeCbor(new Map(fields.filter((field): field is [number, CborValue] => field[1] !== undefined)));
}

/** Signs a request with the manifest key (enrol) or the current certificate's key (renew). */
export function signRequest(
  request: IssuanceRequest,
  signer: { readonly key: DeviceKey; readonly sign: Signer },
  externalAad: Uint8Array,
): Promise<Uint8Array> {
  const kind = { typ: COSE_TYP.issuanceRequest, algorithm: algorithmOf(signer.key) };
  return signObject(kind, externalAad, encodeRequestPayload(request), signer.sign);
}

/** Decodes without believing anything yet; `checkRequest` goes on. @throws Refusal `malformed` or `wrong-kind` */
export function decodeRequest(encoded: Uint8Array): SignedRequest {
  const algorithms = [COSE_ALG.eddsa, COSE_ALG.es256];
  const object = decodeSignedObject(encoded, "request", COSE_TYP.issuanceRequest, algorithms, REQUEST_LIMITS);
  return { ...object, request: readRequest(decodeCbor(object.payload, "request", REQUEST_LIMITS), "request") };
}

/** What the certified key signs to show that somebody holds it: 32 bytes, signed as a message. */
export function certifiedKeyProof(meshId: Uint8Array, index: number, key: DeviceKey): Uint8Array {
  return sha256(concatBytes(utf8ToBytes(TAG.certifiedKey), meshId, toBytes(index, 8), encodeCbor(coseKey(key))));
}

/**
 * The certificate that a request asks for.
 * @param from mesh and generation, and the device's class: from the manifest entry, or from the certificate to be renewed.
 */
export function requestedCertificate(
  { index, period, k, notBefore, expires, scope, key }: RequestedFields,
  from: { readonly meshId: Uint8Array; readonly generation: number; readonly deviceClass: number },
): CertificateFields {
  const { meshId, generation, deviceClass } = from;
  const serial = certificateSerial({ meshId, index, period, k });
  return { notBefore, expires, serial, key, scope, generation, index, deviceClass };
}

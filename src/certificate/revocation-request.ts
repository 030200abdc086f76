/**
 * A device's request to be revoked (docs/protocol.md, section 8): for the owner of a device that was opened, sold or lost. It
 * is signed by the certified key, which the certificate in it names, or by the manifest key with its manifest proof.
 */
import { COSE_ALG, COSE_TYP, type DeviceAlgorithm } from "../statements/cose.js";
import {
  MAXIMUM_CERTIFICATE_LENGTH,
  type CertificateTrust,
  checkCertificateSignature,
  decodeCertificate,
} from "./certificate.js";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { type SignedObject, type Signer, bytesToSign, decodeSignedObject, signObject } from "./cose.js";
import { type DeviceKey, algorithmOf, verifyByDevice } from "./cose-key.js";
import { checkManifest } from "./manifest.js";
import { type Reader, bytes, tuple, uint } from "./reader.js";
import { Refusal } from "./refusal.js";
import { type Enrolment, REQUEST_LIMITS, enrolmentValue, readEnrolment } from "./request.js";
import type { SignatureChecks } from "./signatures.js";
import { keysOf } from "./succession.js";

export interface DeviceRevocation {
  /** The device's index in the mesh. */
  readonly index: number;
  /** CRLReason (`REVOCATION_REASON`). */
  readonly reason: number;
  /** Until when the ledger takes the swarm's signature, seconds since 1970. */
  readonly expiry: number;
  /** RFC 9266 `tls-exporter` of the connection, 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** What names the signing key: the certificate, or the place in the manifest. */
  readonly subject: Uint8Array | Enrolment;
}

const readSubject: Reader<Uint8Array | Enrolment> = (value, field) =>
  value instanceof Uint8Array ? bytes(1, MAXIMUM_CERTIFICATE_LENGTH)(value, field) : readEnrolment(value, field);

const readRevocation = tuple<DeviceRevocation>({
  index: uint(),
  reason: uint(0xff),
  expiry: uint(),
  channelBinding: bytes(32),
  subject: readSubject,
});

export function signDeviceRevocation(
  { index, reason, expiry, channelBinding, subject }: DeviceRevocation,
  signer: { readonly key: DeviceKey; readonly sign: Signer },
  externalAad: Uint8Array,
): Promise<Uint8Array> {
  const subjectValue: CborValue = subject instanceof Uint8Array ? subject : enrolmentValue(subject);
  const payload = encodeCbor([index, reason, expiry, channelBinding, subjectValue]);
  return signObject(
    { typ: COSE_TYP.revocationRequest, algorithm: algorithmOf(signer.key) },
    externalAad,
    payload,
    signer.sign,
  );
}

/** Decodes without believing anything yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeDeviceRevocation(
  encoded: Uint8Array,
): SignedObject<DeviceAlgorithm> & { readonly revocation: DeviceRevocation } {
  const algorithms = [COSE_ALG.eddsa, COSE_ALG.es256];
  const name = "revocation";
  const object = decodeSignedObject(encoded, name, COSE_TYP.revocationRequest, algorithms, REQUEST_LIMITS);
  return { ...object, revocation: readRevocation(decodeCbor(object.payload, name, REQUEST_LIMITS), name) };
}

/**
 * Checks that the device itself asks. Left to the caller: that the channel binding is the connection's, that a manifest proof
 * is of a batch on the ledger, and that expiry and reason are acceptable. A certificate counts however old it is.
 * @throws Refusal
 */
export function verifyDeviceRevocation(
  encoded: Uint8Array,
  trust: CertificateTrust,
  checks: SignatureChecks,
): DeviceRevocation {
  const signed = decodeDeviceRevocation(encoded);
  const { revocation } = signed;
  const signer = keyOf(revocation, trust, checks);
  const message = bytesToSign(signed, trust.externalAad, signed.payload);
  if (signed.algorithm !== algorithmOf(signer) || !verifyByDevice(signer, message, signed.signature, checks.device)) {
    throw new Refusal("bad-signature", "the revocation request is not signed by the device that it names");
  }
  return revocation;
}

function keyOf({ index, subject }: DeviceRevocation, trust: CertificateTrust, checks: SignatureChecks): DeviceKey {
  if (!(subject instanceof Uint8Array)) {
    checkManifest({ ...subject, index }, subject);
    return subject.key;
  }
  const certificate = decodeCertificate(subject);
  if (certificate.index !== index) {
    throw new Refusal("not-listed", `the certificate of device ${certificate.index} cannot revoke device ${index}`);
  }
  const keys = keysOf(certificate.generation, trust, undefined);
  checkCertificateSignature(certificate, { ...trust, keys }, checks);
  return certificate.key;
}

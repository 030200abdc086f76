/** The checks of an issuance request that need no ledger: who signed it, and whether that device is the one it names. */
import { equalBytes } from "../crypto/bytes.js";
import {
  type CertificateFields,
  type CertificateTrust,
  checkCertificateSignature,
  certificateToSign,
  decodeCertificate,
} from "./certificate.js";
import { bytesToSign } from "./cose.js";
import { type DeviceKey, algorithmOf, verifyByDevice } from "./cose-key.js";
import { checkManifest } from "./manifest.js";
import type { ManifestNodes } from "./manifest-nodes.js";
import { verifyCertificateRequest } from "./pkcs10.js";
import { Refusal, malformed } from "./refusal.js";
import {
  type IssuanceRequest,
  REQUEST_KIND,
  type SignedRequest,
  certifiedKeyProof,
  requestedCertificate,
} from "./request.js";
import type { SignatureChecks } from "./signatures.js";
import { keysOf } from "./succession.js";

/** What a checked request shows. */
export interface CheckedRequest {
  /** The certificate to be, still to be weighed against the ledger: policy, revocation, period, quota. */
  readonly certificate: CertificateFields;
  /** The key that signed the request. */
  readonly signer: DeviceKey;
  /** The certificate to be renewed; it may have expired, and the fleet's grace decides. Undefined when enrolling. */
  readonly renewed: CertificateFields | undefined;
}

/** What spares whoever checks many requests from working out twice what it knows already. Answers are the same without. */
export interface RequestMemory {
  /** Of manifests. */
  readonly nodes?: ManifestNodes;
  /** Whether the asker itself has signed for this certificate of the device: it knows then that it is one of the mesh. */
  hasSigned?(index: number, message: Uint8Array): boolean;
}

/**
 * Checks all of a request that follows from its own bytes and the mesh's keys. Left to the caller: that the batch, policy and
 * times are those of the ledger, that nothing is revoked, and that the channel binding is the connection's.
 * @throws Refusal `bad-signature`, `not-listed`, `generation-old`, `generation-unknown`, `malformed` or `wrong-kind`
 */
export function checkRequest(
  signed: SignedRequest,
  trust: CertificateTrust & { readonly meshId: Uint8Array },
  checks: SignatureChecks,
  memory?: RequestMemory,
): CheckedRequest {
  const { request } = signed;
  const { signer, deviceClass, renewed } = checkSubject(request, trust, checks, memory);
  const message = bytesToSign(signed, trust.externalAad, signed.payload);
  if (signed.algorithm !== algorithmOf(signer) || !verifyByDevice(signer, message, signed.signature, checks.device)) {
    const expected = renewed === undefined ? "manifest key" : "renewed certificate's key";
    throw new Refusal("bad-signature", `the request is not signed by the ${expected} for this mesh`);
  }
  checkCertifiedKey(request, signer, trust.meshId, checks);
  const { meshId, generation } = trust;
  return { certificate: requestedCertificate(request, { meshId, generation, deviceClass }), signer, renewed };
}

/** Who has to have signed: the listed device, or the holder of the certificate to be renewed. */
function checkSubject(
  request: IssuanceRequest,
  trust: CertificateTrust,
  checks: SignatureChecks,
  memory: RequestMemory | undefined,
): { signer: DeviceKey; deviceClass: number; renewed: CertificateFields | undefined } {
  if (request.kind === REQUEST_KIND.enrol) {
    const { enrolment, index } = request;
    checkManifest({ ...enrolment, index }, enrolment, memory?.nodes);
    return { signer: enrolment.key, deviceClass: enrolment.deviceClass, renewed: undefined };
  }
  const renewed = decodeCertificate(request.certificate);
  const keys = keysOf(renewed.generation, trust, undefined);
  if (renewed.index !== request.index) {
    throw new Refusal("not-listed", `device ${request.index} asks with the certificate of device ${renewed.index}`);
  }
  const message = certificateToSign(renewed.algorithm, trust.externalAad, renewed.payload);
  if (memory?.hasSigned?.(renewed.index, message) !== true)
    checkCertificateSignature(renewed, { ...trust, keys }, checks);
  return { signer: renewed.key, deviceClass: renewed.deviceClass, renewed };
}

function isSameKey(a: DeviceKey, b: DeviceKey): boolean {
  return a.type === b.type && equalBytes(a.bytes, b.bytes);
}

/** A certified key that is not the signer's proves itself, or a device could have a stranger's key certified as its own. */
function checkCertifiedKey(
  { key, index, csr, keyProof }: IssuanceRequest,
  signer: DeviceKey,
  meshId: Uint8Array,
  checks: SignatureChecks,
): void {
  if (csr !== undefined && !isSameKey(verifyCertificateRequest(csr, checks.device).key, key)) {
    throw malformed("request.csr", "is for another key than the one to be certified");
  }
  if (keyProof !== undefined) {
    if (!verifyByDevice(key, certifiedKeyProof(meshId, index, key), keyProof, checks.device)) {
      throw new Refusal("bad-signature", "the proof of the certified key (15) is not its signature");
    }
  } else if (csr === undefined && !isSameKey(key, signer)) {
    throw malformed("request", "certifies another key than the one that signs: it takes a proof of it, key 14 or 15");
  }
}

/** Certificate requests (PKCS#10, RFC 2986) with an Ed25519 or P-256 key: the proof that a device holds a key. */
import { type DeviceKey, verifyByDevice } from "./cose-key.js";
import { DER, DerReader } from "./der.js";
import { readSignatureBits, readSubjectPublicKeyInfo, signatureAlgorithm } from "./public-key-info.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";

/** Bytes of the longest request that is read. */
export const MAXIMUM_CSR_LENGTH = 4_096;

export interface CertificateRequest {
  readonly key: DeviceKey;
  /** The Name, DER. Swarmkeep takes nothing from it. */
  readonly subject: Uint8Array;
  /** CertificationRequestInfo, DER: what is signed. */
  readonly signed: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** Decodes without believing anything yet. @throws Refusal `malformed`, or `wrong-kind` for another kind of key. */
export function decodeCertificateRequest(encoded: Uint8Array): CertificateRequest {
  if (encoded.length > MAXIMUM_CSR_LENGTH) {
    throw malformed("csr", `${encoded.length} bytes where at most ${MAXIMUM_CSR_LENGTH} are allowed`);
  }
  const file = new DerReader(encoded, "csr");
  const request = file.enter(DER.sequence, "request");
  file.end();
  const signed = request.whole(DER.sequence);
  const info = new DerReader(signed, "csr").enter(DER.sequence, "info");
  if (info.integer(1)[0] !== 0) throw info.problem("has a version that is not 1 (0 in the encoding)");
  const subject = info.whole(DER.sequence);
  const key = readSubjectPublicKeyInfo(info);
  const attributes = info.enter(DER.context(0), "attributes");
  while (!attributes.done) attributes.content(DER.sequence);
  info.end();
  if (!request.skipIf(signatureAlgorithm(key.type))) {
    throw new Refusal("wrong-kind", "the request is not signed with the algorithm of its key (SHA-256 for P-256)");
  }
  const signature = readSignatureBits(key.type, request, "csr.signature");
  request.end();
  return { key, subject, signed, signature };
}

/** Decodes a request and checks that its key signed it. @throws Refusal `malformed`, `wrong-kind` or `bad-signature` */
export function verifyCertificateRequest(encoded: Uint8Array, signatures: DeviceSignatures): CertificateRequest {
  const request = decodeCertificateRequest(encoded);
  if (!verifyByDevice(request.key, request.signed, request.signature, signatures)) {
    throw new Refusal("bad-signature", "the certificate request is not signed by the key that it names");
  }
  return request;
}

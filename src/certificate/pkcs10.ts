/** Certificate requests (PKCS#10, RFC 2986) with an Ed25519 or P-256 key: the proof that a device holds a key, and the names it wishes. */
import { bytesToHex } from "@noble/hashes/utils.js";

import { type DeviceKey, verifyByDevice } from "./cose-key.js";
import { DER, DerReader, derOid } from "./der.js";
import { readSignatureBits, readSubjectPublicKeyInfo, signatureAlgorithm } from "./public-key-info.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";
import { SUBJECT_ALT_NAME, readAlternativeNames } from "./x509-extensions.js";

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
  /** The sets of values of its attributes, DER without the set's header, by the hex of their DER object identifier. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
}

/** The attribute that asks for extensions (RFC 2985, section 5.4.2). */
export const EXTENSION_REQUEST: Uint8Array = derOid("1.2.840.113549.1.9.14");

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
  const attributes = readAttributes(info.enter(DER.context(0), "attributes"));
  info.end();
  if (!request.skipIf(signatureAlgorithm(key.type))) {
    throw new Refusal("wrong-kind", "the request is not signed with the algorithm of its key (SHA-256 for P-256)", {
      advice: "Sign it with ECDSA and SHA-256 where the key is P-256, and with Ed25519 where it is Ed25519.",
    });
  }
  const signature = readSignatureBits(key.type, request, "csr.signature");
  request.end();
  return { key, subject, signed, signature, attributes };
}

function readAttributes(list: DerReader): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  while (!list.done) {
    const attribute = list.enter(DER.sequence, "attribute");
    const oid = bytesToHex(attribute.whole(DER.oid));
    if (found.has(oid)) throw attribute.problem("is there twice");
    found.set(oid, attribute.content(DER.set));
    attribute.end();
  }
  return found;
}

/**
 * The DNS names that a request asks for, ascending, each once. Its subject counts for nothing: a device has the name that the
 * swarm gives it.
 * @throws Refusal `malformed`; `name-not-allowed` for names of other kinds, which no certificate of a device has
 */
export function requestedNames({ attributes }: CertificateRequest): string[] {
  const values = attributes.get(bytesToHex(EXTENSION_REQUEST));
  if (values === undefined) return [];
  const extensions = new DerReader(values, "csr").enter(DER.sequence, "extensions");
  while (!extensions.done) {
    const item = extensions.enter(DER.sequence, "extension");
    const isNames = item.skipIf(SUBJECT_ALT_NAME);
    if (!isNames) item.content(DER.oid);
    item.isTrue();
    const value = item.content(DER.octetString);
    item.end();
    if (!isNames) continue;
    const { dns, ip, uri, others } = readAlternativeNames(value, "csr.names");
    if (ip.length + uri.length + others > 0) {
      throw new Refusal(
        "name-not-allowed",
        "the request asks for an address, a URI or another name that is no DNS name",
        {
          field: "csr.names",
        },
      );
    }
    return [...new Set(dns.map((name) => name.toLowerCase()))].sort();
  }
  return [];
}

/** Decodes a request and checks that its key signed it. @throws Refusal `malformed`, `wrong-kind` or `bad-signature` */
export function verifyCertificateRequest(encoded: Uint8Array, signatures: DeviceSignatures): CertificateRequest {
  const request = decodeCertificateRequest(encoded);
  if (!verifyByDevice(request.key, request.signed, request.signature, signatures)) {
    throw new Refusal("bad-signature", "the certificate request is not signed by the key that it names", {
      advice: "Sign the request with the key that it names.",
    });
  }
  return request;
}

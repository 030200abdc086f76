/** PKCS#10 requests, made with the writer of src: what openssl makes of one is tested beside it. */
import { DER, der, derInteger, derOid, derSequence } from "../../src/certificate/der.js";
import { signatureAlgorithm, signatureBits, subjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import { distinguishedName } from "../../src/certificate/x509.js";
import { subjectAltName } from "../../src/certificate/x509-extensions.js";
import type { Holder } from "./fixtures.js";

/** @param names DNS names that it asks for. */
export function makeCsr({ key, sign }: Holder, version = 0, names: readonly string[] = []): Uint8Array {
  const wanted = derSequence(subjectAltName({ dns: names, ip: [], uri: [] }));
  const attribute = derSequence(derOid("1.2.840.113549.1.9.14"), der(DER.set, wanted));
  const info = derSequence(
    derInteger(Uint8Array.of(version)),
    distinguishedName("device"),
    subjectPublicKeyInfo(key),
    der(DER.context(0), ...(names.length === 0 ? [] : [attribute])),
  );
  return derSequence(info, signatureAlgorithm(key.type), signatureBits(key.type, sign(info)));
}

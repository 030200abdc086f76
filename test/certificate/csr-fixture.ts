/** PKCS#10 requests, made with the writer of src: what openssl makes of one is tested beside it. */
import { DER, der, derInteger, derSequence } from "../../src/certificate/der.js";
import { signatureAlgorithm, signatureBits, subjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import { distinguishedName } from "../../src/certificate/x509.js";
import type { Holder } from "./fixtures.js";

export function makeCsr({ key, sign }: Holder, version = 0): Uint8Array {
  const info = derSequence(
    derInteger(Uint8Array.of(version)),
    distinguishedName("device"),
    subjectPublicKeyInfo(key),
    der(DER.context(0)),
  );
  return derSequence(info, signatureAlgorithm(key.type), signatureBits(key.type, sign(info)));
}

/**
 * CSR attributes (RFC 7030, section 4.5.2): what a server wants to find in certificate requests, as a list of object
 * identifiers, each alone or with values.
 */
import { DER, DerReader, der, derOid, derSequence } from "./der.js";
import { malformed } from "./refusal.js";

export interface CsrAttribute {
  /** DER, with tag and length. */
  readonly oid: Uint8Array;
  /** DER of each value; undefined where the identifier stands alone. */
  readonly values: readonly Uint8Array[] | undefined;
}

const MAXIMUM_LENGTH = 4_096;

export function encodeCsrAttributes(attributes: readonly CsrAttribute[]): Uint8Array {
  return derSequence(
    ...attributes.map(({ oid, values }) => (values === undefined ? oid : derSequence(oid, der(DER.set, ...values)))),
  );
}

/** @throws Refusal `malformed` */
export function decodeCsrAttributes(encoded: Uint8Array): CsrAttribute[] {
  if (encoded.length > MAXIMUM_LENGTH) {
    throw malformed("csrAttributes", `${encoded.length} bytes where at most ${MAXIMUM_LENGTH} are allowed`);
  }
  const file = new DerReader(encoded, "csrAttributes");
  const list = file.enter(DER.sequence, "list");
  file.end();
  const attributes: CsrAttribute[] = [];
  while (!list.done) {
    if (list.has(DER.oid)) {
      attributes.push({ oid: list.whole(DER.oid), values: undefined });
      continue;
    }
    const attribute = list.enter(DER.sequence, `[${attributes.length}]`);
    const oid = attribute.whole(DER.oid);
    const set = attribute.enter(DER.set, "values");
    attribute.end();
    const values: Uint8Array[] = [];
    while (!set.done) values.push(set.any());
    attributes.push({ oid, values });
  }
  return attributes;
}

const OID = {
  ecPublicKey: derOid("1.2.840.10045.2.1"),
  p256: derOid("1.2.840.10045.3.1.7"),
  ecdsaWithSha256: derOid("1.2.840.10045.4.3.2"),
  ed25519: derOid("1.3.101.112"),
  extensionRequest: derOid("1.2.840.113549.1.9.14"),
  subjectAltName: derOid("2.5.29.17"),
};

/** What this CA takes: a P-256 or an Ed25519 key, signed with SHA-256 or EdDSA, and alternative names, if any. */
export const WANTED_ATTRIBUTES: readonly CsrAttribute[] = [
  { oid: OID.ecPublicKey, values: [OID.p256] },
  { oid: OID.ecdsaWithSha256, values: undefined },
  { oid: OID.ed25519, values: undefined },
  { oid: OID.extensionRequest, values: [OID.subjectAltName] },
];

/**
 * "Certs-only" messages of CMS (RFC 5652, section 5): a SignedData that signs nothing and carries certificates, which is how
 * EST hands them over (RFC 7030, sections 4.1.3 and 4.2.3).
 */
import { DER, DerReader, der, derInteger, derOid, derSequence } from "./der.js";
import { malformed } from "./refusal.js";

/** Bytes of the longest message that is read, and certificates in one. */
export const MAXIMUM_CERTS_ONLY_LENGTH = 65_536;
const MAXIMUM_CERTIFICATES = 16;

const SIGNED_DATA = derOid("1.2.840.113549.1.7.2");
const DATA = derOid("1.2.840.113549.1.7.1");
const VERSION_1 = derInteger(Uint8Array.of(1));
const EMPTY_SET = der(DER.set);

/** @param certificates DER; the reader gets them in this order. */
export function encodeCertsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const signedData = derSequence(
    VERSION_1,
    EMPTY_SET,
    derSequence(DATA),
    // A set, and CMS allows any order of it: the end entity's comes first, since some clients take the first for theirs.
    der(DER.context(0), ...certificates),
    EMPTY_SET,
  );
  return derSequence(SIGNED_DATA, der(DER.context(0), signedData));
}

/**
 * The certificates of a message, each as DER and none believed yet. Revocation lists in it are passed over.
 * @throws Refusal `malformed`
 */
export function decodeCertsOnly(encoded: Uint8Array): Uint8Array[] {
  if (encoded.length > MAXIMUM_CERTS_ONLY_LENGTH) {
    throw malformed("cms", `${encoded.length} bytes where at most ${MAXIMUM_CERTS_ONLY_LENGTH} are allowed`);
  }
  const file = new DerReader(encoded, "cms");
  const contentInfo = file.enter(DER.sequence, "contentInfo");
  file.end();
  if (!contentInfo.skipIf(SIGNED_DATA)) throw contentInfo.problem("is no SignedData");
  const explicit = contentInfo.enter(DER.context(0), "content");
  contentInfo.end();
  const signedData = explicit.enter(DER.sequence, "signedData");
  explicit.end();
  signedData.integer(1);
  if (!signedData.skipIf(EMPTY_SET))
    throw signedData.problem("has digest algorithms where a certs-only message has none");
  if (!signedData.skipIf(derSequence(DATA)))
    throw signedData.problem("has a content where a certs-only message has none");
  const set = signedData.enter(DER.context(0), "certificates");
  const certificates: Uint8Array[] = [];
  while (!set.done) certificates.push(set.whole(DER.sequence).slice());
  if (signedData.has(DER.context(1))) signedData.content(DER.context(1));
  if (!signedData.skipIf(EMPTY_SET)) throw signedData.problem("has signers where a certs-only message has none");
  signedData.end();
  if (certificates.length > MAXIMUM_CERTIFICATES) {
    throw malformed("cms.certificates", `${certificates.length} where at most ${MAXIMUM_CERTIFICATES} are allowed`);
  }
  return certificates;
}

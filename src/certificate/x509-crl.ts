/**
 * Certificate revocation lists (RFC 5280, section 5) under the Ed25519 group key (docs/protocol.md, section 8.1): a complete list
 * and its changes since an earlier one. Both are functions of what the ledger says, so all members build the same bytes; a
 * list has tens of thousands of entries, so they are written and read without an object for each.
 */
import { CLOCK_SKEW_SECONDS, KEY_TYPE } from "../statements/cose.js";
import { DER, DerReader, der, derInteger, derOid, derSequence, derTime } from "./der.js";
import { signatureAlgorithm } from "./public-key-info.js";
import { Refusal, malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";
import { equalBytes } from "../crypto/bytes.js";
import { type MeshAuthority, authorityName, checkSignedBySwarm } from "./x509-authority.js";
import {
  AUTHORITY_KEY_IDENTIFIER,
  CRL_NUMBER,
  DELTA_CRL_INDICATOR,
  FRESHEST_CRL,
  authorityKeyIdentifier,
  crlNumber,
  deltaCrlIndicator,
  freshestCrl,
  readDistributionPoint,
  readNumber,
} from "./x509-extensions.js";
import { when } from "../statements/time.js";

/** Bytes of the longest list that is made or read. */
export const MAXIMUM_CRL_LENGTH = 1 << 26;

/** CRLReason of an entry, where it says one (RFC 5280, section 5.3.1). */
export type EntryReason = "certificateHold" | "removeFromCRL" | undefined;

export interface CrlEntry {
  /** 16 bytes, as in the certificate. */
  readonly serial: Uint8Array;
  /** Seconds since 1970. */
  readonly revoked: number;
  readonly reason: EntryReason;
}

export interface CrlFields {
  /** The head's. */
  readonly number: number;
  /** Of a delta list: the number of the complete list that it goes on from. */
  readonly base: number | undefined;
  /** Seconds since 1970: the head's `issued` and `expires`. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Each serial once. */
  readonly entries: Iterable<CrlEntry>;
}

const REASON_CODE = { certificateHold: 6, removeFromCRL: 8 } as const;
const ENUMERATED = 0x0a;
const CRL_REASON = derOid("2.5.29.21");
const VERSION_2 = derInteger(Uint8Array.of(1));

const REASONS = new Map(
  (["certificateHold", "removeFromCRL"] as const).map((reason) => [
    reason as EntryReason,
    derSequence(derSequence(CRL_REASON, der(DER.octetString, der(ENUMERATED, Uint8Array.of(REASON_CODE[reason]))))),
  ]),
);

/** Grows by doubling, so that writing many entries costs one copy each. */
class Output {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  write(part: Uint8Array): void {
    const end = this.#length + part.length;
    if (end > MAXIMUM_CRL_LENGTH) {
      throw new RangeError(`a revocation list of more than ${MAXIMUM_CRL_LENGTH} bytes is not made`);
    }
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = end;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Entries that follow one another share times and reasons as a rule: their encodings are kept. */
function encodeEntries(entries: Iterable<CrlEntry>): Uint8Array {
  const output = new Output();
  let time: { readonly seconds: number; readonly encoded: Uint8Array } | undefined;
  for (const { serial, revoked, reason } of entries) {
    if (time?.seconds !== revoked) time = { seconds: revoked, encoded: derTime(revoked) };
    const code = REASONS.get(reason) ?? new Uint8Array();
    output.write(derSequence(derInteger(serial), time.encoded, code));
  }
  return output.bytes;
}

/** Where the delta of the list at `url` is: `x.crl` has its own at `x-delta.crl`. */
export function deltaUrl(url: string): string {
  return url.endsWith(".crl") ? `${url.slice(0, -4)}-delta.crl` : `${url}-delta`;
}

/** Back to the complete list's. */
function completeUrl(delta: string): string {
  return delta.replace(/-delta(\.crl)?$/, "$1");
}

function listExtensions(
  { number, base }: Pick<CrlFields, "number" | "base">,
  { keyId, crlUrl }: MeshAuthority,
): Uint8Array {
  const extensions = [
    authorityKeyIdentifier(keyId),
    crlNumber(number),
    ...(base === undefined ? [] : [deltaCrlIndicator(base)]),
    ...(base === undefined && crlUrl !== undefined ? [freshestCrl(deltaUrl(crlUrl))] : []),
  ];
  return der(DER.context(0), derSequence(...extensions));
}

/** TBSCertList: the bytes that the swarm signs. @throws RangeError above MAXIMUM_CRL_LENGTH */
export function crlToSign(fields: CrlFields, authority: MeshAuthority): Uint8Array {
  const { thisUpdate, nextUpdate } = fields;
  const entries = encodeEntries(fields.entries);
  return derSequence(
    VERSION_2,
    signatureAlgorithm(KEY_TYPE.ed25519),
    authorityName(authority.label),
    derTime(thisUpdate),
    derTime(nextUpdate),
    // RFC 5280, section 5.1.2.6: absent where nothing is revoked.
    ...(entries.length === 0 ? [] : [derSequence(entries)]),
    listExtensions(fields, authority),
  );
}

export interface RevocationListFile {
  readonly encoded: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuerKeyType: typeof KEY_TYPE.ed25519;
  readonly signature: Uint8Array;
  readonly authority: MeshAuthority;
  readonly number: number;
  readonly base: number | undefined;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly entries: readonly CrlEntry[];
}

/** Decodes a list and believes nothing yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeCrl(encoded: Uint8Array): RevocationListFile {
  const { encodedEntries, ...list } = decodeFrame(encoded);
  return { ...list, entries: encodedEntries === undefined ? [] : readEntries(encodedEntries) };
}

/** All but its entries, however many these are. */
interface CrlFrame extends Omit<RevocationListFile, "entries"> {
  readonly encodedEntries: Uint8Array | undefined;
}

function decodeFrame(encoded: Uint8Array): CrlFrame {
  const field = "crl";
  if (encoded.length > MAXIMUM_CRL_LENGTH) throw malformed(field, `has more than ${MAXIMUM_CRL_LENGTH} bytes`);
  const file = new DerReader(encoded, field);
  const list = file.enter(DER.sequence, "list");
  file.end();
  const tbs = list.whole(DER.sequence);
  const reader = new DerReader(tbs, field).enter(DER.sequence, "tbs");
  if (!reader.skipIf(VERSION_2)) throw reader.problem("is not of version 2");
  const algorithm = signatureAlgorithm(KEY_TYPE.ed25519);
  for (const place of [reader, list]) {
    if (place.skipIf(algorithm)) continue;
    place.content(DER.sequence);
    throw new Refusal("wrong-kind", "the revocation list is not signed with Ed25519", { field });
  }
  const issuer = reader.whole(DER.sequence);
  const label = /Swarmkeep mesh ([0-9a-f]{8})$/.exec(String.fromCharCode(...issuer.subarray(0, 64)))?.[1] ?? "";
  if (!equalBytes(issuer, authorityName(label))) throw malformed(`${field}.issuer`, "is no mesh");
  const [thisUpdate, nextUpdate] = [reader.time(), reader.time()];
  if (thisUpdate >= nextUpdate) throw malformed(`${field}.nextUpdate`, "is not after thisUpdate");
  const encodedEntries = reader.has(DER.sequence) ? reader.whole(DER.sequence) : undefined;
  const extensions = reader.whole(DER.context(0));
  reader.end();
  const { keyId, url, ...numbers } = readListExtensions(extensions, field);
  const authority = { label, keyId, crlUrl: url === undefined ? undefined : completeUrl(url) };
  if (!equalBytes(extensions, listExtensions(numbers, authority))) {
    throw malformed(`${field}.extensions`, "are not the one encoding of what they say");
  }
  const signature = list.bitString();
  if (signature.length !== 64) throw list.problem(`has an Ed25519 signature of ${signature.length} bytes`);
  list.end();
  const issuerKeyType = KEY_TYPE.ed25519;
  return { encoded, tbs, issuerKeyType, signature, authority, thisUpdate, nextUpdate, encodedEntries, ...numbers };
}

function readEntries(encoded: Uint8Array): CrlEntry[] {
  const list = new DerReader(encoded, "crl").enter(DER.sequence, "entries");
  const entries: CrlEntry[] = [];
  while (!list.done) {
    const entry = list.enter(DER.sequence, "entry");
    const serial = entry.integer(16);
    const revoked = entry.time();
    let reason: EntryReason;
    if (!entry.done) {
      const found = [...REASONS].find(([, encoded]) => entry.skipIf(encoded));
      if (found === undefined) throw entry.problem("has an extension that is not known here");
      [reason] = found;
    }
    entry.end();
    entries.push({ serial, revoked, reason });
  }
  if (entries.length === 0) throw list.problem("is empty: a list without entries has none of these");
  return entries;
}

interface ListExtensions {
  readonly keyId: Uint8Array;
  readonly number: number;
  readonly base: number | undefined;
  /** Of the delta list. */
  readonly url: string | undefined;
}

/** In their one order; that nothing else is there shows when they are built again. */
function readListExtensions(encoded: Uint8Array, field: string): ListExtensions {
  const explicit = new DerReader(encoded, field).enter(DER.context(0), "extensions");
  const list = explicit.enter(DER.sequence, "list");
  const value = (oid: Uint8Array): Uint8Array | undefined => {
    const item = list.done ? undefined : list.peek(DER.sequence, "extension");
    if (item?.skipIf(oid) !== true) return undefined;
    list.content(DER.sequence);
    item.isTrue();
    return item.content(DER.octetString);
  };
  const number = (bytes: Uint8Array): number => readNumber(new DerReader(bytes, `${field}.number`));
  const identifier = new DerReader(value(AUTHORITY_KEY_IDENTIFIER) ?? new Uint8Array(), `${field}.authority`);
  const keyId = identifier.enter(DER.sequence, "keyIdentifier").content(0x80);
  const own = number(value(CRL_NUMBER) ?? new Uint8Array());
  const base = value(DELTA_CRL_INDICATOR);
  const freshest = value(FRESHEST_CRL);
  return {
    keyId,
    number: own,
    base: base && number(base),
    url: freshest && readDistributionPoint(freshest, `${field}.freshest`),
  };
}

/**
 * Checks the authority, time and signature of a list. Its entries, which may be millions and anybody's before the signature is known,
 * are left as they are: `decodeCrl` reads them.
 * @param groupKey Ed25519, 32 bytes.
 * @param now seconds since 1970.
 * @throws Refusal `malformed`, `wrong-kind`, `wrong-mesh`, `head-stale`, `head-future` or `bad-signature`
 */
export function verifyCrl(
  encoded: Uint8Array,
  { authority, groupKey }: { readonly authority: MeshAuthority; readonly groupKey: Uint8Array },
  now: number,
  signatures: DeviceSignatures,
): Omit<RevocationListFile, "entries"> {
  const { encodedEntries: _, ...list } = decodeFrame(encoded);
  if (list.authority.label !== authority.label) {
    throw new Refusal("wrong-mesh", "the revocation list is of another mesh", { field: "crl.issuer" });
  }
  if (!(now < list.nextUpdate)) {
    throw new Refusal("head-stale", `the revocation list ended at ${when(list.nextUpdate)}, it is ${when(now)}`);
  }
  if (!(list.thisUpdate <= now + CLOCK_SKEW_SECONDS)) {
    throw new Refusal("head-future", `the revocation list is of ${when(list.thisUpdate)}, it is ${when(now)}`);
  }
  checkSignedBySwarm(list, groupKey, signatures, "revocation list");
  return list;
}

/**
 * Certificates for devices that speak EST and nothing of Swarmkeep (docs/protocol.md, section 14): the validator that such a device asks
 * passes its PKCS#10 request on to the others, and each of them judges it by itself. Whatever the asked one might choose is fixed
 * by a rule here, and nothing that it sees enrols another key: it can let the device's own key be certified, or refuse.
 */
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { type CertificateFields, certificateSerial } from "../certificate/certificate.js";
import { keysOf } from "../certificate/succession.js";
import { type DeviceKey, verifyByDevice } from "../certificate/cose-key.js";
import { enrolmentOf, renewalProofOf, renewedKeyProof } from "../certificate/csr-proofs.js";
import { checkManifest } from "../certificate/manifest.js";
import type { ManifestNodes } from "../certificate/manifest-nodes.js";
import {
  type CertificateRequest,
  MAXIMUM_CSR_LENGTH,
  requestedNames,
  verifyCertificateRequest,
} from "../certificate/pkcs10.js";
import { bytes, entry, map, optional, text, tuple, uint } from "../certificate/reader.js";
import { Refusal, malformed } from "../certificate/refusal.js";
import type { DeviceSignatures } from "../certificate/signatures.js";
import { checkSignedBySwarm, meshAuthority } from "../certificate/x509-authority.js";
import { decodeDeviceCertificate, deviceCertificateToSign } from "../certificate/x509-leaf.js";
import { meshLabel } from "../certificate/x509-names.js";
import { MAXIMUM_X509_LENGTH } from "../certificate/x509.js";
import { equalBytes } from "../crypto/bytes.js";
import { JOIN_METHOD } from "../statements/cose.js";
import { SwarmkeepError, deviceRevoked } from "../statements/errors.js";
import { type EnrolmentCode, hashOfKey } from "./enrolment-codes.js";
import {
  type CertificateSlot,
  type IssuanceLedger,
  type IssuanceTrust,
  type RegisteredDevice,
  checkPolicy,
  checkRegistered,
  checkX509Offered,
} from "./issuance.js";

/** Characters of the longest one-time code. */
const MAXIMUM_CODE_LENGTH = 128;
const U32 = 0xffff_ffff;

/** How the device proved itself to the validator that it asked, beside what its request proves. */
export interface StandardProof {
  /** The X.509 certificate that the device used in the handshake, DER. */
  readonly certificate?: Uint8Array | undefined;
  readonly code?: { readonly index: number; readonly characters: string } | undefined;
}

/** A PKCS#10 request as members pass it on. */
export interface StandardRequest extends StandardProof {
  readonly period: number;
  readonly k: number;
  /** Seconds since 1970. */
  readonly notBefore: number;
  /** DER. */
  readonly csr: Uint8Array;
}

const LIMITS: CborLimits = { maximumLength: 16_384, maximumDepth: 3 };
const readRequest = map({
  period: entry(1, uint()),
  k: entry(2, uint(U32)),
  notBefore: entry(3, uint()),
  csr: entry(4, bytes(1, MAXIMUM_CSR_LENGTH)),
  certificate: optional(5, bytes(1, MAXIMUM_X509_LENGTH)),
  code: optional(
    6,
    tuple({
      index: uint(),
      characters: text("a one-time code", (code) => code.length >= 1 && code.length <= MAXIMUM_CODE_LENGTH),
    }),
  ),
});

export function encodeStandardRequest(request: StandardRequest): Uint8Array {
  const { period, k, notBefore, csr, certificate, code } = request;
  const fields: [number, CborValue | undefined][] = [
    [1, period],
    [2, k],
    [3, notBefore],
    [4, csr],
    [5, certificate],
    [6, code === undefined ? undefined : [code.index, code.characters]],
  ];
  return encodeCbor(new Map(fields.filter((field): field is [number, CborValue] => field[1] !== undefined)));
}

/** @throws Refusal `malformed` */
export function decodeStandardRequest(encoded: Uint8Array): StandardRequest {
  const request = readRequest(decodeCbor(encoded, "standardRequest", LIMITS), "standardRequest");
  if (request.certificate === undefined || request.code === undefined) return request;
  throw malformed("standardRequest", "takes one proof: a certificate (5) or a one-time code (6)");
}

/** What a member knows that a request is judged by. */
export interface StandardRules<Code extends EnrolmentCode> {
  readonly trust: IssuanceTrust;
  readonly ledger: IssuanceLedger;
  /** This member's clock, seconds since 1970. */
  readonly now: number;
  readonly signatures: DeviceSignatures;
  /** The open code of a device that these characters are. */
  readonly findCode: (index: number, characters: string) => Code | undefined;
  readonly nodes?: ManifestNodes;
}

/** A certificate that may be signed. */
export interface StandardOrder<Code extends EnrolmentCode> {
  readonly slot: CertificateSlot;
  readonly fields: CertificateFields;
  /** TBSCertificate, DER: the bytes to sign. */
  readonly message: Uint8Array;
  /** To be used for this, once. */
  readonly code: Code | undefined;
}

function refused(code: string, message: string, advice: string, details: Record<string, unknown> = {}): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice, details });
}

/** The device that asks, and what follows from how it proved itself. */
interface Subject<Code> {
  readonly index: number;
  readonly scope: string;
  readonly deviceClass: number;
  /** Names that it has already, where its request asks for none. */
  readonly names: readonly string[];
  readonly code: Code | undefined;
}

/**
 * From when on the very request that led to a certificate counts again, seconds since 1970: half of its lifetime. Whoever has seen a
 * request can repeat it; so that gives the device one certificate more, for its own key, and its quota stays its own.
 */
export function repeatableFrom({ notBefore, expires }: Pick<CertificateFields, "notBefore" | "expires">): number {
  return notBefore + Math.floor((expires - notBefore) / 2);
}

/**
 * Judges a request. What comes back was built here, field by field.
 * @throws Refusal for what is wrong with its bytes, names or signatures; SwarmkeepError `refused` with a code of `judgeIssuance`, or
 * `no-proof`, `wrong-code` or `wrong-key`
 */
export function judgeStandard<Code extends EnrolmentCode>(
  request: StandardRequest,
  rules: StandardRules<Code>,
): StandardOrder<Code> {
  const { trust, ledger, now } = rules;
  const csr = verifyCertificateRequest(request.csr, rules.signatures);
  const { index, scope, deviceClass, names, code } = subjectOf(request, csr, rules);
  const device = registered(ledger, index);
  const { period, k, notBefore } = request;
  const expires = notBefore + device.policy.maximumLifetime;
  checkX509Offered(device.policy, ledger);
  checkPolicy({ scope, notBefore, expires, period, k }, device.policy, ledger, now);
  const wanted = requestedNames(csr);
  const serial = certificateSerial({ meshId: trust.meshId, index, period, k });
  const { generation } = trust;
  const fields = { serial, notBefore, expires, key: csr.key, scope, generation, index, deviceClass };
  const message = deviceCertificateToSign(fields, wanted.length === 0 ? names : wanted, meshAuthority(trust));
  return { slot: { index, period, k }, fields, message, code };
}

function registered(ledger: IssuanceLedger, index: number): RegisteredDevice {
  const device = ledger.deviceAt(index);
  if (device === undefined) {
    throw refused("unknown-device", `no fleet has a device with index ${index}`, "Wait until it is registered.", {
      index,
    });
  }
  if (ledger.isRevoked(index)) throw deviceRevoked(index);
  return device;
}

function subjectOf<Code extends EnrolmentCode>(
  request: StandardRequest,
  csr: CertificateRequest,
  rules: StandardRules<Code>,
): Subject<Code> {
  if (request.certificate !== undefined) return byCertificate(request.certificate, csr, rules);
  if (request.code !== undefined) return byCode(request.code, csr, rules);
  return byManifest(csr, rules);
}

/** Renewal: the key of the current certificate asks for itself, or agrees to the new key. */
function byCertificate<Code extends EnrolmentCode>(
  encoded: Uint8Array,
  csr: CertificateRequest,
  { trust, ledger, now, signatures }: StandardRules<Code>,
): Subject<Code> {
  const current = decodeDeviceCertificate(encoded);
  const { index, scope, deviceClass, authority, serial } = current;
  if (authority.label !== meshLabel(trust.meshId)) {
    throw new Refusal("wrong-mesh", `the certificate is of mesh ${authority.label}`, { field: "certificate.issuer" });
  }
  const keys = keysOf(current.generation, trust, now);
  checkSignedBySwarm(current.x509, keys.ed25519, signatures, "certificate");
  checkRenewedKey(csr, current, renewedKeyProof(trust.meshId, index, serial, csr.key), signatures);
  const { graceSeconds } = registered(ledger, index).policy;
  if (now >= current.expires + graceSeconds) {
    throw refused(
      "grace-over",
      `the certificate ended at ${current.expires}, more than the fleet's ${graceSeconds} s of grace ago`,
      "Enrol again, with the manifest key or a one-time code.",
      { expired: current.expires, grace: graceSeconds },
    );
  }
  // The first two names are every device's own; the others were asked for once, and stay.
  return { index, scope, deviceClass, names: current.names.slice(2), code: undefined };
}

function checkRenewedKey(
  csr: CertificateRequest,
  current: { readonly key: DeviceKey },
  proof: Uint8Array,
  signatures: DeviceSignatures,
): void {
  if (csr.key.type === current.key.type && equalBytes(csr.key.bytes, current.key.bytes)) return;
  const agreed = renewalProofOf(csr);
  if (agreed !== undefined && verifyByDevice(current.key, proof, agreed, signatures)) return;
  throw refused(
    "wrong-key",
    "the request is for another key than the current certificate's, and that key has not agreed to it",
    "Ask for the same key, or add the attribute by which the old key agrees (docs/protocol.md, section 14.2).",
  );
}

/** By a one-time code: the registrar's word that this key is the device's. */
function byCode<Code extends EnrolmentCode>(
  { index, characters }: NonNullable<StandardProof["code"]>,
  csr: CertificateRequest,
  { ledger, findCode }: StandardRules<Code>,
): Subject<Code> {
  const code = findCode(index, characters);
  if (code === undefined) {
    throw refused(
      "wrong-code",
      `this is no open one-time code of device ${index}`,
      "Check the code, or ask for another.",
    );
  }
  if (!equalBytes(code.keyHash, hashOfKey(csr.key))) {
    throw refused(
      "wrong-key",
      `the one-time code of device ${index} was given for another key`,
      "Ask with the key whose request the registrar was given.",
    );
  }
  allowed(registered(ledger, index));
  return { index, scope: code.scope, deviceClass: code.deviceClass, names: [], code };
}

/** By the manifest key, which signs the request. */
function byManifest<Code extends EnrolmentCode>(
  csr: CertificateRequest,
  { ledger, nodes }: StandardRules<Code>,
): Subject<Code> {
  const listed = enrolmentOf(csr);
  if (listed === undefined) {
    throw refused(
      "no-proof",
      "the request comes with no certificate, no one-time code, and no place in a manifest",
      "Show the current certificate, send a one-time code, or let `swarmkeep device csr` make the request.",
    );
  }
  const { index, scope, enrolment } = listed;
  const { key, deviceClass } = enrolment;
  if (key.type !== csr.key.type || !equalBytes(key.bytes, csr.key.bytes)) {
    throw refused("wrong-key", "the request is for another key than the manifest lists", "Ask with the manifest key.");
  }
  const device = registered(ledger, index);
  checkRegistered(enrolment, device);
  allowed(device);
  checkManifest({ ...enrolment, index }, enrolment, nodes);
  return { index, scope, deviceClass, names: [], code: undefined };
}

function allowed({ policy }: RegisteredDevice): void {
  if ((policy.joinMethods & JOIN_METHOD.csr) !== 0) return;
  throw refused("join-method", "the fleet's devices do not join by certificate request", "Use a way that it allows.", {
    allowed: policy.joinMethods,
  });
}

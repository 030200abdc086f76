/**
 * A gateway's request to be admitted as a candidate for the committee (docs/protocol.md, section 8.2): it names the account that is
 * to stake, and is signed by the certified key, whose certificate is in it.
 */
import { COSE_ALG, COSE_TYP, DEVICE_CLASS, type DeviceAlgorithm } from "../statements/cose.js";
import {
  type Certificate,
  type CertificateTrust,
  MAXIMUM_CERTIFICATE_LENGTH,
  verifyCertificate,
} from "./certificate.js";
import { type CborLimits, decodeCbor, encodeCbor } from "./cbor.js";
import { type SignedObject, type Signer, bytesToSign, decodeSignedObject, signObject } from "./cose.js";
import { type DeviceKey, algorithmOf, verifyByDevice } from "./cose-key.js";
import { bytes, tuple, uint } from "./reader.js";
import { Refusal } from "./refusal.js";
import type { SignatureChecks } from "./signatures.js";

const LIMITS: CborLimits = { maximumLength: 1_024, maximumDepth: 2 };

export interface Candidacy {
  /** Of the ledger, 20 bytes: the one that hands the admission in, stakes and registers. */
  readonly account: Uint8Array;
  /** Until when the ledger takes the swarm's signature, seconds since 1970. */
  readonly expiry: number;
  /** RFC 9266 `tls-exporter` of the connection, 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** The gateway's certificate, encoded. */
  readonly certificate: Uint8Array;
}

const readCandidacy = tuple<Candidacy>({
  account: bytes(20),
  expiry: uint(),
  channelBinding: bytes(32),
  certificate: bytes(1, MAXIMUM_CERTIFICATE_LENGTH),
});

export function signCandidacy(
  { account, expiry, channelBinding, certificate }: Candidacy,
  signer: { readonly key: DeviceKey; readonly sign: Signer },
  externalAad: Uint8Array,
): Promise<Uint8Array> {
  const payload = encodeCbor([account, expiry, channelBinding, certificate]);
  return signObject({ typ: COSE_TYP.candidacy, algorithm: algorithmOf(signer.key) }, externalAad, payload, signer.sign);
}

/** Decodes without believing anything yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeCandidacy(
  encoded: Uint8Array,
): SignedObject<DeviceAlgorithm> & { readonly candidacy: Candidacy } {
  const object = decodeSignedObject(encoded, "candidacy", COSE_TYP.candidacy, [COSE_ALG.eddsa, COSE_ALG.es256], LIMITS);
  return { ...object, candidacy: readCandidacy(decodeCbor(object.payload, "candidacy", LIMITS), "candidacy") };
}

/**
 * Checks that a gateway with a running certificate asks. Left to the caller: that the channel binding is the connection's, that the
 * device is not revoked, and that its grant has a candidate left.
 * @param now seconds since 1970.
 * @throws Refusal, `wrong-class` for another device than a gateway
 */
export function verifyCandidacy(
  encoded: Uint8Array,
  trust: CertificateTrust,
  now: number,
  checks: SignatureChecks,
): Candidacy & { readonly device: Certificate } {
  const signed = decodeCandidacy(encoded);
  const { candidacy } = signed;
  const device = verifyCertificate(candidacy.certificate, trust, now, checks);
  const message = bytesToSign(signed, trust.externalAad, signed.payload);
  const isOwn =
    signed.algorithm === algorithmOf(device.key) &&
    verifyByDevice(device.key, message, signed.signature, checks.device);
  if (!isOwn) throw new Refusal("bad-signature", "the candidacy is not signed by the device that it names");
  if (device.deviceClass !== DEVICE_CLASS.gateway) {
    throw new Refusal(
      "wrong-class",
      `device ${device.index} is of class ${device.deviceClass}, and a candidate is a gateway, of class ${DEVICE_CLASS.gateway}`,
    );
  }
  return { ...candidacy, device };
}

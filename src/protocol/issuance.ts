/**
 * When a validator signs a certificate: the rules of docs/protocol.md, section 7, as one function of the request, of what
 * the finalised ledger says, and of the connection. What it gives back was built here, field by field; no byte to be
 * signed comes from the asker.
 */
import { type CertificateTrust, certificatePayload, certificateToSign } from "../certificate/certificate.js";
import { type RequestMemory, checkRequest } from "../certificate/request-check.js";
import {
  type EnrolRequest,
  type Enrolment,
  type IssuanceRequest,
  REQUEST_KIND,
  decodeRequest,
} from "../certificate/request.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import { meshAuthority } from "../certificate/x509-authority.js";
import { deviceCertificateToSign } from "../certificate/x509-leaf.js";
import { equalBytes } from "../crypto/bytes.js";
import { CLOCK_SKEW_SECONDS, type GroupAlgorithm, JOIN_METHOD } from "../statements/cose.js";
import { SwarmkeepError, deviceRevoked } from "../statements/errors.js";
import { scopeContains } from "../statements/scope.js";
import { MAXIMUM_SERIALS_PER_DEVICE } from "../statements/x509.js";
import { isX509Offered, serialsPerDevice } from "./crl.js";

/** What a fleet's registrar allows its devices (docs/protocol.md, section 3.4). */
export interface FleetPolicy {
  readonly scopes: readonly string[];
  /** Seconds. */
  readonly maximumLifetime: number;
  /** Certificates per device and period. */
  readonly quota: number;
  /** Bits of `JOIN_METHOD`. */
  readonly joinMethods: number;
  /** How long after its end a certificate still renews. */
  readonly graceSeconds: number;
}

/** Where the ledger has a device. */
export interface RegisteredDevice {
  readonly fleetId: number;
  readonly batch: number;
  /** 32 bytes. */
  readonly manifestRoot: Uint8Array;
  readonly base: number;
  readonly count: number;
  readonly policy: FleetPolicy;
}

/** The finalised ledger, as far as issuance asks. */
export interface IssuanceLedger {
  /** Seconds of the finalised block. */
  readonly blockTime: number;
  readonly certificatePeriodSeconds: number;
  readonly headLifetimeSeconds: number;
  /** Undefined for an index that no batch has. */
  deviceAt(index: number): RegisteredDevice | undefined;
  /** Revoked or held. */
  isRevoked(index: number): boolean;
}

/** The connection that a request came in on. */
export interface RequestChannel {
  /** RFC 9266 `tls-exporter`, 32 bytes. */
  readonly binding: Uint8Array;
  /** The device whose pre-shared key or certificate opened the channel, if one's did. */
  readonly device: { readonly index: number; readonly by: "pre-shared-key" | "certificate" } | undefined;
}

/** Which of a device's certificates: at most one TBS is ever signed for it. */
export interface CertificateSlot {
  readonly index: number;
  readonly period: number;
  readonly k: number;
}

/** A certificate that may be signed. */
export interface IssuanceOrder {
  readonly slot: CertificateSlot;
  readonly quota: number;
  readonly algorithm: GroupAlgorithm;
  /** The claims set. */
  readonly payload: Uint8Array;
  /** The bytes to sign. */
  readonly message: Uint8Array;
  /** The TBSCertificate of the X.509 form, where it was asked for: the Ed25519 group key signs it too. */
  readonly x509: Uint8Array | undefined;
}

/** The mesh that certificates are issued for. */
export interface IssuanceTrust extends CertificateTrust {
  readonly meshId: Uint8Array;
  /** As the root's newest cross-certificate has it: part of every X.509 certificate. */
  readonly crlUrl?: string | undefined;
}

function refused(code: string, message: string, advice: string, details: Record<string, unknown> = {}): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice, details });
}

/**
 * Judges a request.
 * @param now this validator's clock, seconds since 1970.
 * @param memory of earlier requests.
 * @throws Refusal (certificate layer) for what is wrong with its bytes or signatures; SwarmkeepError `refused` with code
 * `wrong-channel`, `unknown-device`, `revoked`, `join-method`, `scope-not-allowed`, `lifetime-too-long`, `clock-skew`,
 * `wrong-period`, `quota-exceeded` or `grace-over` for what the rules do not allow.
 */
export function judgeIssuance(
  encoded: Uint8Array,
  trust: IssuanceTrust,
  ledger: IssuanceLedger,
  channel: RequestChannel,
  now: number,
  checks: SignatureChecks,
  memory?: RequestMemory,
): IssuanceOrder {
  const signed = decodeRequest(encoded);
  const { request } = signed;
  // Cheap checks come first: a flood of bad requests must not cost signature checks.
  if (!equalBytes(request.channelBinding, channel.binding)) {
    throw refused(
      "wrong-channel",
      "the request was made for another connection",
      "Sign the tls-exporter value of the connection that the request is sent on.",
    );
  }
  const device = ledger.deviceAt(request.index);
  if (device === undefined) {
    throw refused(
      "unknown-device",
      `no fleet has a device with index ${request.index}`,
      "Check the provisioning file, or wait until the registration is final on the ledger.",
      { index: request.index },
    );
  }
  if (ledger.isRevoked(request.index)) throw deviceRevoked(request.index);
  checkPolicy(request, device.policy, ledger, now);
  if (channel.device !== undefined && channel.device.index !== request.index) {
    throw refused(
      "wrong-channel",
      `device ${request.index} asked on the channel of device ${channel.device.index}`,
      "Open a connection with this device's own pre-shared key or certificate.",
    );
  }
  if (request.kind === REQUEST_KIND.enrol) checkEnrolment(request, device, channel);

  const { certificate, renewed } = checkRequest(signed, trust, checks, memory);
  if (renewed !== undefined && now >= renewed.expires + device.policy.graceSeconds) {
    throw refused(
      "grace-over",
      `the certificate ended at ${renewed.expires}, more than the fleet's ${device.policy.graceSeconds} s of grace ago`,
      "Enrol again with the manifest key.",
      { expired: renewed.expires, grace: device.policy.graceSeconds },
    );
  }
  const { x509Names } = request;
  if (x509Names !== undefined) checkX509Offered(device.policy, ledger);
  const payload = certificatePayload(certificate);
  return {
    slot: { index: request.index, period: request.period, k: request.k },
    quota: device.policy.quota,
    algorithm: request.algorithm,
    payload,
    message: certificateToSign(request.algorithm, trust.externalAad, payload),
    x509: x509Names && deviceCertificateToSign(certificate, x509Names, meshAuthority(trust)),
  };
}

/**
 * Whether a fleet's devices can have X.509 certificates: one that is revoked must not fill the revocation list.
 * @throws SwarmkeepError `x509-not-offered`
 */
export function checkX509Offered(
  policy: FleetPolicy,
  ledger: Pick<IssuanceLedger, "certificatePeriodSeconds" | "headLifetimeSeconds">,
): void {
  if (isX509Offered(policy, ledger)) return;
  const serials = serialsPerDevice(policy, ledger);
  throw refused(
    "x509-not-offered",
    `one revoked device of this fleet would take ${serials} entries of the revocation list, more than ${MAXIMUM_SERIALS_PER_DEVICE}`,
    "Do without the X.509 form, or have the registrar make a fleet with a shorter lifetime or a smaller quota.",
    { serials, maximum: MAXIMUM_SERIALS_PER_DEVICE },
  );
}

/** What is asked for, as far as a fleet's policy limits it. */
export type PolicyRequest = Pick<IssuanceRequest, "scope" | "notBefore" | "expires" | "period" | "k">;

/** @throws SwarmkeepError `scope-not-allowed`, `lifetime-too-long`, `clock-skew`, `wrong-period` or `quota-exceeded` */
export function checkPolicy(request: PolicyRequest, policy: FleetPolicy, ledger: IssuanceLedger, now: number): void {
  if (!policy.scopes.some((scope) => scopeContains(scope, request.scope))) {
    throw refused(
      "scope-not-allowed",
      `the fleet has no scope that contains ${request.scope}`,
      `Ask for one within ${policy.scopes.join(", ")}.`,
      {
        scope: request.scope,
        allowed: policy.scopes,
      },
    );
  }
  const lifetime = request.expires - request.notBefore;
  if (lifetime > policy.maximumLifetime) {
    throw refused(
      "lifetime-too-long",
      `the fleet's certificates live for ${policy.maximumLifetime} s at most, not ${lifetime} s`,
      "Ask for a shorter lifetime.",
      { lifetime, maximum: policy.maximumLifetime },
    );
  }
  if (Math.abs(request.notBefore - now) > CLOCK_SKEW_SECONDS) {
    throw refused(
      "clock-skew",
      `the certificate would begin at ${request.notBefore}, and it is ${now}`,
      "Set the device's clock, or take the time from a validator's status.",
      { notBefore: request.notBefore, now },
    );
  }
  const seconds = ledger.certificatePeriodSeconds;
  const period = (time: number): number => Math.floor(time / seconds);
  const first = period(ledger.blockTime - CLOCK_SKEW_SECONDS);
  const last = period(ledger.blockTime + CLOCK_SKEW_SECONDS);
  if (request.period < first || request.period > last) {
    throw refused(
      "wrong-period",
      `it is certificate period ${period(ledger.blockTime)} by block time, not ${request.period}`,
      "Take the period from a validator's status.",
      { period: request.period, current: period(ledger.blockTime) },
    );
  }
  if (request.k >= policy.quota) {
    throw refused(
      "quota-exceeded",
      `the fleet allows ${policy.quota} certificates in a period of ${seconds} s, and this would be number ${request.k + 1}`,
      `Wait until ${new Date((request.period + 1) * seconds * 1000).toISOString()}.`,
      { quota: policy.quota, k: request.k },
    );
  }
}

function checkEnrolment(
  { enrolment, joinMethod, csr }: EnrolRequest,
  device: RegisteredDevice,
  channel: RequestChannel,
): void {
  const { policy } = device;
  checkRegistered(enrolment, device);
  if ((policy.joinMethods & joinMethod) === 0) {
    throw refused("join-method", `the fleet does not allow join method ${joinMethod}`, "Use one that it allows.", {
      joinMethod,
      allowed: policy.joinMethods,
    });
  }
  if (joinMethod === JOIN_METHOD.attestation) {
    throw refused("join-method", "this validator cannot judge attestations", "Join by a key that the manifest has.");
  }
  if (joinMethod === JOIN_METHOD.csr && csr === undefined) {
    throw refused("join-method", "a join by certificate request came without one", "Send the request (PKCS#10) along.");
  }
  const byPreSharedKey = joinMethod === JOIN_METHOD.preSharedKey;
  if (byPreSharedKey && channel.device?.by !== "pre-shared-key") {
    throw refused(
      "join-method",
      "a join by pre-shared key came over a channel without one",
      "Open the TLS connection with the pre-shared key.",
    );
  }
}

/** That a batch is what the ledger has for the index. @throws SwarmkeepError `unknown-device` */
export function checkRegistered(enrolment: Enrolment, device: RegisteredDevice): void {
  const { fleetId, batch, manifestRoot, base, count } = device;
  const asRegistered =
    enrolment.fleetId === fleetId &&
    enrolment.batch === batch &&
    enrolment.base === base &&
    enrolment.count === count &&
    equalBytes(enrolment.root, manifestRoot);
  if (!asRegistered) {
    throw refused(
      "unknown-device",
      `batch ${enrolment.batch} of fleet ${enrolment.fleetId} is not what the ledger has for this index`,
      "Check the provisioning file.",
      { fleetId, batch, base, count },
    );
  }
}

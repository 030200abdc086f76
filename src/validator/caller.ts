/**
 * Who is at the other end of a connection to this validator (docs/protocol.md, section 9). The handshake tells: TLS has shown that
 * the client holds the key of what it presents, and here that is looked up, in the ledger and under the swarm's key, anew with
 * every request, so that a connection is worth nothing any more once its owner is revoked.
 */
import { createHash } from "node:crypto";

import { hexlify } from "ethers";

import { subjectPublicKeyInfo } from "../certificate/public-key-info.js";
import type { DeviceSignatures } from "../certificate/signatures.js";
import { type X509Certificate, decodeX509Certificate } from "../certificate/x509.js";
import {
  type DeviceCertificate,
  type MemberCertificate,
  type X509Trust,
  decodeDeviceCertificate,
  decodeMemberCertificate,
  isMemberCertificate,
  trusted,
} from "../certificate/x509-leaf.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Member } from "../ledger/projection.js";
import type { GroupKeys } from "../crypto/outcome.js";
import type { Exchange, Peer, Route } from "../net/server.js";
import { indexOfIdentity } from "../protocol/pre-shared-key.js";
import { SwarmkeepError, deviceRevoked } from "../statements/errors.js";
import { isRevoked } from "./issuing.js";
import type { MeshContext } from "./mesh-context.js";
import type { Standing } from "./standing.js";
import { formerKeys } from "./generations.js";

export type Caller =
  | { readonly kind: "anyone" }
  | { readonly kind: "device"; readonly index: number; readonly by: "pre-shared-key" }
  /** `scope` is that of the certificate. */
  | { readonly kind: "device"; readonly index: number; readonly by: "certificate"; readonly scope: string }
  | {
      readonly kind: "validator";
      readonly account: string;
      /** SubjectPublicKeyInfo of its registered TLS key, DER, 91 bytes. */
      readonly tlsKey: Uint8Array;
      /** With the swarm's certificate for that key, or until it has one with the bare key. */
      readonly by: "certificate" | "identity-key";
    };

/** What has to be known of the ledger to tell. */
export interface CallerStanding extends Pick<Standing, "projection" | "finalised"> {
  /** The keys in office; undefined before they were read. */
  committee: { readonly generation: number; readonly keys: Pick<GroupKeys, "bls" | "ed25519"> } | undefined;
}

export interface CallerOptions {
  readonly context: MeshContext;
  readonly standing: CallerStanding;
  readonly signatures: DeviceSignatures;
  readonly nowSeconds: () => number;
}

/** A route whose handler is told who calls. */
export interface CalledRoute extends Omit<Route, "handle"> {
  handle(exchange: Exchange, caller: Caller): ReturnType<Route["handle"]>;
}

/**
 * Has routes told who calls, on every path: a certificate that is not good is refused also for what anyone may ask.
 * @param onCall is told first
 */
export function routesWithCaller(
  routes: readonly CalledRoute[],
  options: CallerOptions,
  onCall: (caller: Caller) => void = () => undefined,
): Route[] {
  return routes.map((route) => ({
    ...route,
    handle(exchange) {
      const caller = callerOf(options, exchange.peer);
      onCall(caller);
      return route.handle(exchange, caller);
    },
  }));
}

/**
 * Whoever presents nothing, or a key that nobody has registered, is anyone. A certificate in somebody's name has to be good.
 * @throws Refusal for a certificate that is not the swarm's, of another generation, or out of time; SwarmkeepError `revoked`,
 * `not-a-validator`, or `ledger-away` as long as this validator has no keys to check one by
 */
export function callerOf(options: CallerOptions, { certificate, pskIdentity }: Peer): Caller {
  if (pskIdentity !== undefined) {
    const index = indexOfIdentity(options.context.meshId, pskIdentity);
    return index === undefined ? { kind: "anyone" } : { kind: "device", index, by: "pre-shared-key" };
  }
  if (certificate === undefined) return { kind: "anyone" };
  const shown = shownBy(certificate);
  if ("index" in shown) return byDeviceCertificate(options, shown);
  return "account" in shown ? byMemberCertificate(options, shown) : byKey(options, shown);
}

/** The last holds a key in its own name. */
type Shown = MemberCertificate | DeviceCertificate | X509Certificate;

/** What was read of certificates: all requests of a connection have one and the same object of bytes. */
const readBefore = new WeakMap<Uint8Array, Shown>();

/** What a certificate says, of which nothing is believed yet. @throws Refusal `malformed`, `wrong-kind` or `name-not-allowed` */
function shownBy(certificate: Uint8Array): Shown {
  const known = readBefore.get(certificate);
  if (known !== undefined) return known;
  const x509 = decodeX509Certificate(certificate, "client");
  let shown: Shown = x509;
  if (!equalBytes(x509.issuer, x509.subject)) {
    shown = isMemberCertificate(x509) ? decodeMemberCertificate(certificate) : decodeDeviceCertificate(certificate);
  }
  readBefore.set(certificate, shown);
  return shown;
}

/** The registered key with nobody's word for it: what a validator has before its first certificate. */
function byKey({ standing }: CallerOptions, { key }: X509Certificate): Caller {
  const tlsKey = subjectPublicKeyInfo(key);
  const pin = pinOf(tlsKey);
  const member = standing.projection.members().find((one) => hasPin(one, pin));
  if (member === undefined) return { kind: "anyone" };
  return { kind: "validator", account: member.account, tlsKey, by: "identity-key" };
}

function byMemberCertificate(options: CallerOptions, shown: MemberCertificate): Caller {
  const { signatures, standing, nowSeconds } = options;
  const { account: bytes, key } = trusted(shown, trustOf(options), nowSeconds(), signatures);
  const account = hexlify(bytes);
  const tlsKey = subjectPublicKeyInfo(key);
  const member = standing.projection.member(account);
  if (member !== undefined && hasPin(member, pinOf(tlsKey))) {
    return { kind: "validator", account: member.account, tlsKey, by: "certificate" };
  }
  throw new SwarmkeepError(`the registry no longer has the key of this certificate for ${account}`, {
    kind: "refused",
    code: "not-a-validator",
    advice: "Ask with the TLS key that the registry has.",
    details: { account },
  });
}

function byDeviceCertificate(options: CallerOptions, shown: DeviceCertificate): Caller {
  const { signatures, standing, nowSeconds } = options;
  const { index, scope } = trusted(shown, trustOf(options), nowSeconds(), signatures);
  if (!isRevoked(standing.projection, index, standing.finalised?.number ?? 0)) {
    return { kind: "device", index, by: "certificate", scope };
  }
  throw deviceRevoked(index);
}

function hasPin({ contact }: Member, pin: string): boolean {
  return contact?.tlsPin.toLowerCase() === pin;
}

/** As the registry has it, in lower case. */
function pinOf(tlsKey: Uint8Array): string {
  return `0x${createHash("sha256").update(tlsKey).digest("hex")}`;
}

function trustOf({ context, standing, nowSeconds }: CallerOptions): X509Trust {
  const { committee } = standing;
  if (committee !== undefined) {
    const { generation, keys } = committee;
    return {
      meshId: context.meshId,
      generation,
      keys,
      former: formerKeys(standing.projection, generation, nowSeconds()),
    };
  }
  throw new SwarmkeepError("this validator has read of no committee yet, whose certificates it could check", {
    kind: "network",
    code: "ledger-away",
    advice: "Ask another validator, or this one again in a moment.",
  });
}

type ValidatorCaller = Extract<Caller, { kind: "validator" }>;
export type CertifiedDevice = Extract<Caller, { kind: "device"; by: "certificate" }>;

/** @throws SwarmkeepError `not-a-validator` */
export function expectValidator(caller: Caller): ValidatorCaller {
  if (caller.kind === "validator") return caller;
  throw new SwarmkeepError("this is between validators, and the connection is not a registered one's", {
    kind: "refused",
    code: "not-a-validator",
    advice: "Open the connection with the TLS key that the registry has.",
  });
}

/** @throws SwarmkeepError `not-a-validator`, `not-a-member`, and those of `Standing.inOffice` */
export function expectMember(caller: Caller, standing: Standing, seat: number): ValidatorCaller {
  const validator = expectValidator(caller);
  const account = standing.inOffice().committee.accounts.get(seat);
  if (account?.toLowerCase() === validator.account.toLowerCase()) return validator;
  throw new SwarmkeepError(`seat ${seat} is not that of ${validator.account}, which asks`, {
    kind: "refused",
    code: "not-a-member",
    advice: "Ask as a member of the committee in office, for its own seat.",
    details: { seat, account: validator.account },
  });
}

/** @throws SwarmkeepError `certificate-needed` */
export function expectCertifiedDevice(caller: Caller): CertifiedDevice {
  if (caller.kind === "device" && caller.by === "certificate") return caller;
  throw new SwarmkeepError("this is for a device that shows its certificate in the handshake", {
    kind: "refused",
    code: "certificate-needed",
    advice: "Enrol the device with an X.509 certificate, and open the connection with it.",
  });
}

/** How the caller has shown who it is, for metrics. */
export function waysOf(caller: Caller): string {
  return caller.kind === "anyone" ? "anyone" : `${caller.kind}-by-${caller.by}`;
}

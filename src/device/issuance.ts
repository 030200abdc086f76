/**
 * Getting a certificate from the swarm (docs/protocol.md, section 7). The certificate's fields are on disk before anybody is
 * asked, so that a device that was cut off asks for the very same bytes again: no validator signs another for them.
 */
import {
  type Certificate,
  certificatePayload,
  certificateSerial,
  certificateToSign,
  decodeCertificate,
  encodeCertificate,
  verifyCertificate,
} from "../certificate/certificate.js";
import {
  type IssuanceRequest,
  REQUEST_KIND,
  certifiedKeyProof,
  requestedCertificate,
  signRequest,
} from "../certificate/request.js";
import { meshAuthority, signedBySwarm } from "../certificate/x509-authority.js";
import { deviceCertificateToSign, verifyDeviceCertificate } from "../certificate/x509-leaf.js";
import { equalBytes } from "../crypto/bytes.js";
import { coseStatementDigest } from "../protocol/evidence.js";
import { GatherError } from "../protocol/gather.js";
import { type Clock, seconds } from "../runtime/clock.js";
import type { GroupAlgorithm } from "../statements/cose.js";
import type { DeviceIdentity } from "./identity.js";
import { isSameKey } from "./keystore.js";
import type { Mesh } from "./mesh.js";
import { JOIN_METHOD_BITS, type JoinMethod } from "./provisioning.js";
import { Patience } from "./patience.js";
import { judgeFailures } from "./refusals.js";
import type { DeviceStore, PendingRequest } from "./store.js";
import { type SigningChecks, signIssuance } from "./swarm-signing.js";
import { keepX509 } from "./x509-files.js";

/** `wanted`: where the fleet's policy lets it; `needed`: or nothing at all; `names` as in the request, strictly ascending. */
export type X509Wish =
  { readonly want: "none" } | { readonly want: "wanted" | "needed"; readonly names: readonly string[] };

/** The certificate that is wanted, and who asks for it. */
export interface Wish {
  readonly kind: PendingRequest["kind"];
  /** The manifest key to enrol, the current certificate's to renew. */
  readonly signer: DeviceIdentity;
  /** The key to be certified. */
  readonly certified: DeviceIdentity;
  readonly algorithm: GroupAlgorithm;
  readonly scope: string;
  readonly lifetimeSeconds: number;
  /** To enrol. */
  readonly joinMethod: JoinMethod;
  /** PKCS#10 by the certified key, DER. */
  readonly csr: Uint8Array | undefined;
  /** The certificate to renew. */
  readonly current: Uint8Array | undefined;
  /** What is wanted for TLS software besides the compact form. */
  readonly x509: X509Wish;
  /** Rounds in which too few validators answer well, before giving up. */
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

export interface IssuanceContext {
  readonly store: DeviceStore;
  readonly mesh: Mesh;
  readonly checks: SigningChecks;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A stored request is asked for again while validators still take its notBefore (60 s of skew, less some for the way). */
const REUSE_SECONDS = 40;

/**
 * Rounds in a row in which a k has to be in the way by the word of f members or fewer, until the next one is asked for. They may lie, and each
 * k that is left is one less of the fleet's quota; what the others lacked may be back by then.
 */
const BLOCKED_ROUNDS = 3;

/** What the swarm signed. */
interface Issued {
  readonly certificate: Uint8Array;
  /** DER. */
  readonly x509: Uint8Array | undefined;
}

/** The fleet's certificates would make revocation lists too long (section 8.1). */
const X509_NOT_OFFERED = "x509-not-offered";

/**
 * Asks until there is a certificate, stores it in both forms and gives the bytes of the compact one.
 * @throws SwarmkeepError of kind `refused` with the validators' reason, or `too-few-validators`; the signal's reason
 */
export async function obtainCertificate(context: IssuanceContext, wish: Wish): Promise<Uint8Array> {
  const { store, mesh, checks, clock, random } = context;
  const { signal } = wish;
  let request = await plan(context, wish);
  const patience = new Patience(wish.attempts, random);
  let blocked = 0;
  for (;;) {
    signal?.throwIfAborted();
    await store.savePendingRequest(request);
    try {
      const { certificate, x509 } = await ask(context, wish, request);
      verifyCertificate(certificate, mesh.trust, seconds(clock), checks);
      if (x509 !== undefined) verifyDeviceCertificate(x509, mesh.trust, seconds(clock), checks.device);
      await keepX509(store, x509);
      await store.saveCertificate(certificate);
      return certificate;
    } catch (error) {
      if (!(error instanceof GatherError)) throw error;
      const verdict = judgeFailures(error, mesh.quorum, request.k);
      if (verdict.next === "give-up") {
        const canDoWithout = verdict.error.code === X509_NOT_OFFERED && wish.x509.want === "wanted";
        if (!canDoWithout || request.x509Names === undefined) throw verdict.error;
        request = { ...request, x509Names: undefined };
      } else if (verdict.next === "serial") request = { ...freshTimes(context, wish, request), k: verdict.k };
      else if (verdict.next === "period")
        request = { ...freshTimes(context, wish, request), ...startOf(context, verdict.period) };
      else {
        blocked = verdict.isBlocked ? blocked + 1 : 0;
        if (blocked === BLOCKED_ROUNDS) {
          request = { ...freshTimes(context, wish, request), k: request.k + 1 };
          blocked = 0;
        }
        const wait = patience.after(error);
        // Other endpoints, pins or shares since: the next try is at once, and better informed.
        if (!(await mesh.refresh([], signal))) await clock.sleep(wait, signal);
      }
    }
    if (!isFresh(context, request)) request = freshTimes(context, wish, request);
  }
}

function isFresh({ clock }: IssuanceContext, { notBefore }: PendingRequest): boolean {
  return Math.abs(seconds(clock) - notBefore) <= REUSE_SECONDS;
}

function freshTimes({ clock }: IssuanceContext, { lifetimeSeconds }: Wish, request: PendingRequest): PendingRequest {
  const notBefore = seconds(clock);
  return { ...request, notBefore, expires: notBefore + lifetimeSeconds };
}

/** The stored request if it is for the same thing, otherwise a new one. */
async function plan(context: IssuanceContext, wish: Wish): Promise<PendingRequest> {
  const { store, clock } = context;
  const { kind, scope, algorithm, lifetimeSeconds, certified } = wish;
  const x509Names = wish.x509.want === "none" ? undefined : wish.x509.names;
  const stored = await store.pendingRequest();
  const now = seconds(clock);
  const period = Math.floor(now / store.provisioning.periodSeconds);
  const isSame =
    stored?.kind === kind &&
    stored.scope === scope &&
    stored.algorithm === algorithm &&
    stored.expires - stored.notBefore === lifetimeSeconds &&
    isSameKey(stored.key, certified.key) &&
    JSON.stringify(stored.x509Names) === JSON.stringify(x509Names) &&
    isFresh(context, stored);
  if (isSame) return stored;
  const start = startOf(context, period, wish.current);
  const k = stored?.period === period ? Math.max(stored.k, start.k) : start.k;
  const expires = now + lifetimeSeconds;
  return { kind, period, k, notBefore: now, expires, scope, algorithm, key: certified.key, x509Names };
}

/** How many of a period's certificates the current one is looked for among. */
const SERIALS_LOOKED_AT = 64;

/** The first k of a period that this device has not used, as far as its current certificate tells. */
function startOf(
  { store }: IssuanceContext,
  period: number,
  current?: Uint8Array,
): { readonly period: number; readonly k: number } {
  if (current === undefined) return { period, k: 0 };
  const { meshId, index } = store.provisioning;
  const { serial } = decodeCertificate(current);
  for (let k = 0; k < SERIALS_LOOKED_AT; k++) {
    if (equalBytes(serial, certificateSerial({ meshId, index, period, k }))) return { period, k: k + 1 };
  }
  return { period, k: 0 };
}

/** One round with the committee: BLS in one exchange with each member, FROST in two. */
async function ask(context: IssuanceContext, wish: Wish, pending: PendingRequest): Promise<Issued> {
  const { store, mesh, checks } = context;
  const { meshId, enrolment } = store.provisioning;
  const { externalAad, generation } = mesh.trust;
  const { signer, signal } = wish;
  const unbound = await requestOf(context, wish, pending);
  const renewed: Certificate | undefined = wish.current === undefined ? undefined : decodeCertificate(wish.current);
  const deviceClass = renewed?.deviceClass ?? enrolment.deviceClass;
  const fields = requestedCertificate(unbound, { meshId, generation, deviceClass });
  const payload = certificatePayload(fields);
  const message = certificateToSign(pending.algorithm, externalAad, payload);
  const { algorithm, x509Names } = pending;
  const tbs = x509Names && deviceCertificateToSign(fields, x509Names, meshAuthority(mesh.trust));
  const signatures = await signIssuance(
    mesh,
    {
      compact: { algorithm, message, digest: coseStatementDigest(message) },
      x509: tbs && { message: tbs, digest: coseStatementDigest(tbs) },
      body: (channelBinding) => signRequest({ ...unbound, channelBinding }, signer, externalAad),
      as: wish.kind === "renew" ? "itself" : "anyone",
      signal,
    },
    checks,
  );
  return {
    certificate: encodeCertificate(algorithm, payload, signatures.compact),
    x509: tbs && signedBySwarm(tbs, signatures.x509 as Uint8Array),
  };
}

/** The request but for the channel binding, which every connection has of its own. */
async function requestOf({ store }: IssuanceContext, wish: Wish, pending: PendingRequest): Promise<IssuanceRequest> {
  const { meshId, index, enrolment } = store.provisioning;
  const { signer, certified, csr } = wish;
  const { period, k, notBefore, expires, scope, algorithm, key, x509Names } = pending;
  const needsProof = csr === undefined && !isSameKey(signer.key, certified.key);
  const keyProof = needsProof ? await certified.sign(certifiedKeyProof(meshId, index, key)) : undefined;
  const channelBinding = new Uint8Array(32);
  const fields = {
    index,
    period,
    k,
    notBefore,
    expires,
    scope,
    algorithm,
    key,
    channelBinding,
    csr,
    keyProof,
    x509Names,
  };
  return wish.current === undefined
    ? { kind: REQUEST_KIND.enrol, ...fields, enrolment, joinMethod: JOIN_METHOD_BITS[wish.joinMethod] }
    : { kind: REQUEST_KIND.renew, ...fields, certificate: wish.current };
}

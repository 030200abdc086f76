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
import { equalBytes } from "../crypto/bytes.js";
import { PATH } from "../protocol/api.js";
import { coseStatementDigest } from "../protocol/evidence.js";
import { GatherError } from "../protocol/gather.js";
import { type Clock, seconds } from "../runtime/clock.js";
import { COSE_ALG, type GroupAlgorithm } from "../statements/cose.js";
import type { DeviceIdentity } from "./identity.js";
import { isSameKey } from "./keystore.js";
import type { Mesh } from "./mesh.js";
import { JOIN_METHOD_BITS, type JoinMethod } from "./provisioning.js";
import { backoffMilliseconds } from "./backoff.js";
import { judgeFailures, tooFewAnswers } from "./refusals.js";
import type { DeviceStore, PendingRequest } from "./store.js";
import { type SigningChecks, signByBls, signByFrost } from "./swarm-signing.js";

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
 * Asks until there is a certificate, stores it and gives its bytes.
 * @throws SwarmkeepError of kind `refused` with the validators' reason, or `too-few-validators`; the signal's reason
 */
export async function obtainCertificate(context: IssuanceContext, wish: Wish): Promise<Uint8Array> {
  const { store, mesh, checks, clock, random } = context;
  const { signal } = wish;
  let request = await plan(context, wish);
  for (let attempt = 0; ;) {
    signal?.throwIfAborted();
    await store.savePendingRequest(request);
    try {
      const certificate = await ask(context, wish, request);
      verifyCertificate(certificate, mesh.trust, seconds(clock), checks);
      await store.saveCertificate(certificate);
      return certificate;
    } catch (error) {
      if (!(error instanceof GatherError)) throw error;
      const verdict = judgeFailures(error, mesh.quorum, request.k);
      if (verdict.next === "give-up") throw verdict.error;
      if (verdict.next === "serial") request = { ...freshTimes(context, wish, request), k: verdict.k };
      else if (verdict.next === "period")
        request = { ...freshTimes(context, wish, request), ...startOf(context, verdict.period) };
      else {
        attempt += 1;
        if (verdict.k !== request.k) request = { ...freshTimes(context, wish, request), k: verdict.k };
        if (attempt >= wish.attempts) throw tooFewAnswers(error);
        // Other endpoints, pins or shares since: the next try is at once, and better informed.
        if (!(await mesh.refresh([], signal))) await clock.sleep(backoffMilliseconds(attempt, random()), signal);
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
  const stored = await store.pendingRequest();
  const now = seconds(clock);
  const period = Math.floor(now / store.provisioning.periodSeconds);
  const isSame =
    stored?.kind === kind &&
    stored.scope === scope &&
    stored.algorithm === algorithm &&
    stored.expires - stored.notBefore === lifetimeSeconds &&
    isSameKey(stored.key, certified.key) &&
    isFresh(context, stored);
  if (isSame) return stored;
  const start = startOf(context, period, wish.current);
  const k = stored?.period === period ? Math.max(stored.k, start.k) : start.k;
  return { kind, period, k, notBefore: now, expires: now + lifetimeSeconds, scope, algorithm, key: certified.key };
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
async function ask(context: IssuanceContext, wish: Wish, pending: PendingRequest): Promise<Uint8Array> {
  const { store, mesh, checks } = context;
  const { meshId, enrolment } = store.provisioning;
  const { externalAad, generation } = mesh.trust;
  const { signer, signal } = wish;
  const unbound = await requestOf(context, wish, pending);
  const renewed: Certificate | undefined = wish.current === undefined ? undefined : decodeCertificate(wish.current);
  const deviceClass = renewed?.deviceClass ?? enrolment.deviceClass;
  const payload = certificatePayload(requestedCertificate(unbound, { meshId, generation, deviceClass }));
  const message = certificateToSign(pending.algorithm, externalAad, payload);
  const signing = {
    signed: { message, digest: coseStatementDigest(message) },
    body: (channelBinding: Uint8Array) => signRequest({ ...unbound, channelBinding }, signer, externalAad),
    signal,
  };
  const signature =
    pending.algorithm === COSE_ALG.bls
      ? await signByBls(mesh, PATH.issue, signing, checks)
      : await signByFrost(mesh, signing, checks);
  return encodeCertificate(pending.algorithm, payload, signature);
}

/** The request but for the channel binding, which every connection has of its own. */
async function requestOf({ store }: IssuanceContext, wish: Wish, pending: PendingRequest): Promise<IssuanceRequest> {
  const { meshId, index, enrolment } = store.provisioning;
  const { signer, certified, csr } = wish;
  const { period, k, notBefore, expires, scope, algorithm, key } = pending;
  const needsProof = csr === undefined && !isSameKey(signer.key, certified.key);
  const keyProof = needsProof ? await certified.sign(certifiedKeyProof(meshId, index, key)) : undefined;
  const channelBinding = new Uint8Array(32);
  const fields = { index, period, k, notBefore, expires, scope, algorithm, key, channelBinding, csr, keyProof };
  return wish.current === undefined
    ? { kind: REQUEST_KIND.enrol, ...fields, enrolment, joinMethod: JOIN_METHOD_BITS[wish.joinMethod] }
    : { kind: REQUEST_KIND.renew, ...fields, certificate: wish.current };
}

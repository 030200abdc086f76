/** A small mesh in one process: real shares from a dealer, validators that follow section 7, and ways for them not to. */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

import { sha256 } from "@noble/hashes/sha2.js";

import { decodeBundle, encodeBundle } from "../../src/certificate/bundle.js";
import { certificatePayload, certificateToSign } from "../../src/certificate/certificate.js";
import {
  committeeListPayload,
  committeeListToSign,
  encodeCommitteeList,
} from "../../src/certificate/committee-list.js";
import {
  type DrlHead,
  decodeDrlProof,
  drlHeadToSign,
  drlPosition,
  encodeDrlProof,
  encodeSignedDrlHead,
} from "../../src/certificate/drl.js";
import { DerReader } from "../../src/certificate/der.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { readSubjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import { Refusal } from "../../src/certificate/refusal.js";
import { verifyDeviceRevocation } from "../../src/certificate/revocation-request.js";
import { REQUEST_KIND, decodeRequest } from "../../src/certificate/request.js";
import { checkRequest } from "../../src/certificate/request-check.js";
import { nobleSignatures } from "../../src/certificate/signatures.js";
import { successionDigest } from "../../src/certificate/succession.js";
import { authorityToSign, meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { crlToSign } from "../../src/certificate/x509-crl.js";
import { deviceCertificateToSign, memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { FrostNonces, aggregateShares } from "../../src/crypto/frost.js";
import { combinePartials } from "../../src/crypto/threshold-bls.js";
import type { DeviceSecret } from "../../src/device/keystore.js";
import { manifestKeyOf } from "../../src/device/keystore.js";
import type { Transport } from "../../src/device/mesh.js";
import type { Provisioning } from "../../src/device/provisioning.js";
import type { Trust } from "../../src/net/client.js";
import { HttpError, decodeError, encodeError, statusOf } from "../../src/net/error-body.js";
import {
  type CommitmentAnswer,
  PATH,
  type PartialAnswer,
  decodeFrostSignRequest,
  decodeRevokeRequest,
  decodeSignedRevocation,
  encodeIssueAnswer,
  encodePartialAnswer,
  encodeShareAnswer,
} from "../../src/protocol/api.js";
import { crlEntries } from "../../src/protocol/crl.js";
import { coseStatementDigest, evidenceDigest, evidenceDomain, frostDigest } from "../../src/protocol/evidence.js";
import { validatorPreSharedKey } from "../../src/protocol/pre-shared-key.js";
import { revocationDigest, revocationEntries } from "../../src/protocol/revocation.js";
import { SessionBook } from "../../src/protocol/sessions.js";
import { blstBls } from "../../src/runtime/blst.js";
import type { Clock } from "../../src/runtime/clock.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { COSE_ALG, type GroupAlgorithm } from "../../src/statements/cose.js";
import { sharedKeys } from "../crypto/shared-key-fixture.js";
import * as certificates from "../certificate/fixtures.js";

const { NOW, anchor, chainId, externalAad, facts, meshId, registry, revocations, seed } = certificates;
export const checks = { bls: blstBls, device: nobleSignatures };
export const PERIOD_SECONDS = 86_400;
export const LIFETIME_SECONDS = 3_600;
const HEAD_SECONDS = 900;
const QUOTA = 8;
const GRACE_SECONDS = 7_200;

/** Sleeping takes no time, and is written down. */
export class LeapingClock implements Clock {
  readonly sleeps: number[] = [];
  milliseconds = NOW * 1000;
  now = (): number => this.milliseconds;
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(milliseconds);
    this.milliseconds += milliseconds;
  }
}

/** What a validator does in place of what it should. `undefined` leaves it honest. */
export type Misbehaviour =
  | "dead"
  | "hangs"
  | "cuts-off"
  | "wrong-partial"
  | "wrong-evidence"
  | "wrong-seat"
  | "wrong-share"
  | "wrong-commitment"
  | "wrong-key"
  | "garbage"
  | "refuses"
  | "busy"
  | "busy-for-ever"
  | "hands-over"
  | "claims-taken"
  | "claims-all-taken"
  | "garbles-signatures"
  | "delta-crl"
  | "older-bundle"
  | "early-bundle"
  | "forged-bundle";

export interface Call {
  readonly path: string;
  readonly body: Uint8Array;
  readonly binding: Uint8Array;
  readonly pskIdentity: string | undefined;
  /** That the device has shown in TLS. */
  readonly certificate?: Uint8Array | undefined;
}

export interface Result {
  readonly body: Uint8Array;
}

export class Validator {
  readonly seat: number;
  readonly account: Uint8Array;
  endpoint: string;
  readonly tlsKey: KeyObject;
  readonly spki: Uint8Array;
  readonly pin: Uint8Array;
  misbehaviour: Misbehaviour | undefined;
  /** Paths in the order in which they were asked for. */
  readonly calls: string[] = [];
  /** Called before an answer leaves. */
  onCall: (call: Call) => void = () => undefined;
  /** What answers at the paths of shards, where a test has them. */
  holder: ((call: Call) => Promise<Uint8Array> | Uint8Array) | undefined;
  readonly signed = new Map<string, Uint8Array>();
  readonly preSharedKeys = new Map<string, Uint8Array>();
  submitted = 0;
  readonly #mesh: TestMesh;
  readonly #sessions = new SessionBook<FrostNonces>({
    randomId: () => new Uint8Array(randomBytes(16)),
    nowMilliseconds: () => Date.now(),
    wipe: (nonces) => nonces.discard(),
  });

  constructor(mesh: TestMesh, seat: number) {
    this.#mesh = mesh;
    this.seat = seat;
    this.account = seed(`account ${seat}`).slice(12);
    this.endpoint = `127.0.0.1:${7_000 + seat}`;
    this.tlsKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    this.spki = spkiOf(this.tlsKey);
    this.pin = new Uint8Array(createHash("sha256").update(this.spki).digest());
  }

  /** @throws SwarmkeepError or Refusal, as a validator's route does */
  handle(call: Call): Result {
    this.calls.push(call.path);
    this.onCall(call);
    if (this.misbehaviour === "busy") throw busy(7);
    if (this.misbehaviour === "busy-for-ever") throw busy(999_999);
    if (this.misbehaviour === "hands-over" && call.path === PATH.issue)
      throw new SwarmkeepError("it waits for the numbers of the committee before", {
        kind: "network",
        code: "counters-pending",
        advice: "Ask again in a moment.",
      });
    if (this.misbehaviour === "garbage") return { body: Uint8Array.of(1, 2, 3) };
    if (this.misbehaviour === "refuses") throw refused("revoked", "device is revoked or held", {});
    if (call.path === PATH.bundle) return { body: this.#bundle() };
    if (call.path === PATH.drlHead) return { body: this.#mesh.signedHead() };
    if (call.path.startsWith(PATH.drlProof)) {
      const proof = this.#mesh.proof(call.path);
      if (this.misbehaviour !== "garbles-signatures") return { body: proof };
      const decoded = decodeDrlProof(proof);
      return { body: encodeDrlProof({ ...decoded, signature: new Uint8Array(decoded.signature.length).fill(7) }) };
    }
    if (call.path === PATH.authority) return { body: this.#mesh.ownCertificate() };
    if (call.path === PATH.crl)
      return { body: this.misbehaviour === "delta-crl" ? this.#mesh.deltaCrl() : this.#mesh.crl() };
    if (call.path === PATH.issue) return { body: this.#issue(call) };
    if (call.path === PATH.frostSign) return { body: this.#frostSign(call.body) };
    if (call.path === PATH.revoke) return { body: this.#revoke(call) };
    if (call.path === PATH.revocations) return { body: this.#submit(call.body) };
    throw refused("not-found", `nothing is at ${call.path}`, {});
  }

  #bundle(): Uint8Array {
    if (this.misbehaviour === "older-bundle") return this.#mesh.bundles[0] as Uint8Array;
    if (this.misbehaviour === "early-bundle") return this.#mesh.earlyBundle;
    if (this.misbehaviour === "forged-bundle") return this.#mesh.forgedBundle;
    return this.#mesh.bundle;
  }

  #issue({ body, binding, pskIdentity }: Call): Uint8Array {
    const signed = decodeRequest(body);
    const { request } = signed;
    if (Buffer.compare(request.channelBinding, binding) !== 0) throw refused("wrong-channel", "another connection", {});
    if (request.kind === REQUEST_KIND.enrol && request.joinMethod === 2 && pskIdentity === undefined) {
      throw refused("join-method", "no pre-shared key", {});
    }
    const now = Math.floor(this.#mesh.clock.now() / 1000);
    if (Math.abs(request.notBefore - now) > 60) throw refused("clock-skew", "notBefore is off", {});
    const current = Math.floor(now / PERIOD_SECONDS) + this.#mesh.periodOffset;
    if (request.period !== current) throw refused("wrong-period", "another period", { current });
    if (request.k >= QUOTA) throw refused("quota-exceeded", "the quota is used up", {});
    if (this.#mesh.revoked.has(request.index)) throw refused("revoked", "the device is revoked", {});
    const { certificate, renewed } = checkRequest(signed, { ...this.#mesh.trust, meshId }, checks);
    if (renewed !== undefined && now >= renewed.expires + GRACE_SECONDS)
      throw refused("grace-over", "the certificate ended too long ago", {});

    const message = certificateToSign(request.algorithm, externalAad, certificatePayload(certificate));
    const slot = `${request.index}/${request.period}/${request.k}`;
    const earlier = this.signed.get(slot);
    const isTaken = earlier !== undefined && Buffer.compare(earlier, message) !== 0;
    if (this.misbehaviour === "claims-all-taken") throw refused("serial-taken", "k is taken", { next: 0xffff_ffff });
    if (isTaken || this.misbehaviour === "claims-taken")
      throw refused("serial-taken", "k is taken", { next: request.k + 1 });
    this.signed.set(slot, message);
    const { x509Names } = request;
    if (x509Names !== undefined && !this.#mesh.offersX509) throw refused("x509-not-offered", "no such form", {});
    const x509 =
      x509Names && this.#commit(deviceCertificateToSign(certificate, x509Names, meshAuthority(this.#mesh.authority)));
    const compact =
      request.algorithm === COSE_ALG.bls ? this.#partial(message, coseStatementDigest(message)) : this.#commit(message);
    return encodeIssueAnswer({ compact, x509 });
  }

  /** As `handle`, and what a holder is asked for besides. */
  async answer(call: Call): Promise<Result> {
    const isHolders = call.path.startsWith(PATH.shardMap) || call.path === PATH.shards;
    if (!isHolders || this.holder === undefined || this.misbehaviour !== undefined) return this.handle(call);
    this.calls.push(call.path);
    return { body: await this.holder(call) };
  }

  /** This member's part of a signature over what it has built for itself. */
  partOf(message: Uint8Array): Uint8Array {
    return encodePartialAnswer(this.#partial(message, coseStatementDigest(message)));
  }

  #answerSeat(): number {
    return this.misbehaviour === "wrong-seat" ? (this.seat % this.#mesh.n) + 1 : this.seat;
  }

  #evidence(digest: Uint8Array, part: Uint8Array): Uint8Array {
    const named = this.misbehaviour === "wrong-evidence" ? sha256(digest) : digest;
    const message = evidenceDigest(evidenceDomain({ chainId, meshId, registry }), named, part);
    return new Uint8Array(sign("sha256", message, { key: this.tlsKey, dsaEncoding: "ieee-p1363" }));
  }

  #partial(message: Uint8Array, digest: Uint8Array): PartialAnswer {
    const share = this.#mesh.keys.blsShares.get(this.seat) as Uint8Array;
    const partial = blstBls.sign(share, this.misbehaviour === "wrong-partial" ? sha256(message) : message);
    return { seat: this.#answerSeat(), partial, evidence: this.#evidence(digest, partial) };
  }

  #commit(message: Uint8Array): CommitmentAnswer {
    const share = this.#mesh.keys.edShares.get(this.seat) as Uint8Array;
    const nonces = FrostNonces.draw(this.seat, share, (length) => new Uint8Array(randomBytes(length)));
    const session = this.#sessions.open({ message, nonces }, "device");
    const { hiding, binding } = nonces.commitment;
    const shown = this.misbehaviour === "wrong-commitment" ? new Uint8Array(32).fill(0xff) : hiding;
    return { seat: this.#answerSeat(), session, hiding: shown, binding };
  }

  #frostSign(body: Uint8Array): Uint8Array {
    const { session, commitments } = decodeFrostSignRequest(body);
    const taken = this.#sessions.take(session);
    if (taken === undefined) throw refused("session-unknown", "no such session", {});
    const { message, nonces } = taken;
    const share = this.#mesh.keys.edShares.get(this.seat) as Uint8Array;
    const signed = nonces.sign(this.#mesh.keys.ed25519, share, { message, commitments });
    const shown = this.misbehaviour === "wrong-share" ? sha256(signed).fill(0, 31) : signed;
    return encodeShareAnswer({
      seat: this.seat,
      share: shown,
      evidence: this.#evidence(frostDigest(coseStatementDigest(message), commitments), shown),
    });
  }

  #revoke({ body, binding }: Call): Uint8Array {
    const request = decodeRevokeRequest(body);
    if (request.by !== "device") throw refused("not-found", "not here", {});
    const { index, reason, expiry, channelBinding } = verifyDeviceRevocation(request.request, this.#mesh.trust, checks);
    if (Buffer.compare(channelBinding, binding) !== 0) throw refused("wrong-channel", "another connection", {});
    const digest = revocationDigest(revocations, revocationEntries([index]), reason, expiry);
    return encodePartialAnswer(this.#partial(digest, digest));
  }

  #submit(body: Uint8Array): Uint8Array {
    const { words, masks, reason, expiry, signature } = decodeSignedRevocation(body);
    const digest = revocationDigest(revocations, { words, masks }, reason, expiry);
    if (!blstBls.verify(this.#mesh.keys.bls.groupKey, digest, signature))
      throw refused("bad-signature", "not signed", {});
    this.submitted += 1;
    if (this.#mesh.used.has(digest.join())) throw refused("already-revoked", "these are revoked already", {});
    this.#mesh.used.add(digest.join());
    for (const [i, word] of words.entries()) {
      for (let bit = 0; bit < 256; bit++) {
        if ((((masks[i] as Uint8Array)[31 - (bit >> 3)] as number) >> (bit & 7)) & 1)
          this.#mesh.revoked.add(256 * word + bit);
      }
    }
    return new Uint8Array();
  }
}

export function spkiOf(privateKey: KeyObject): Uint8Array {
  const pem = privateKey.export({ format: "der", type: "pkcs8" });
  const key = createPrivateKey({ key: pem, format: "der", type: "pkcs8" });
  const jwk = key.export({ format: "jwk" });
  const point = [4, ...Buffer.from(jwk.x as string, "base64url"), ...Buffer.from(jwk.y as string, "base64url")];
  return Uint8Array.from([...Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"), ...point]);
}

function busy(retryAfter: number): HttpError {
  return new HttpError("too many requests", {
    kind: "network",
    code: "busy",
    advice: "Wait.",
    status: 429,
    retryAfter,
  });
}

export function refused(code: string, message: string, details: Record<string, number> = {}): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice: "See the protocol.", details });
}

export class TestMesh {
  readonly n: number;
  readonly keys: ReturnType<typeof sharedKeys>;
  readonly clock: LeapingClock;
  readonly validators: readonly Validator[];
  readonly trust: Omit<typeof certificates.trust, "keys"> & { readonly keys: { bls: Uint8Array; ed25519: Uint8Array } };
  readonly revoked = new Set<number>();
  /** Digests that the ledger has taken: each once. */
  readonly used = new Set<string>();
  /** The oldest first. */
  readonly bundles: Uint8Array[] = [];
  forgedBundle = new Uint8Array();
  /** As before the committee signed its first list. */
  earlyBundle = new Uint8Array();
  rootFingerprint = new Uint8Array();
  /** By how many periods the ledger's time is off. */
  periodOffset = 0;
  headNumber = 100;
  offersX509 = true;
  readonly #crls = new Map<number, Uint8Array>();
  #root = new Uint8Array();
  #tick = 1;

  #validity(): typeof certificates.validity {
    const now = Math.floor(this.clock.now() / 1000);
    return { notBefore: now - 1_000_000, notAfter: now + 1_000_000 };
  }

  private constructor(n: number, clock: LeapingClock) {
    this.n = n;
    this.clock = clock;
    this.keys = sharedKeys(n, `device mesh ${n}`);
    this.trust = { ...certificates.trust, keys: { bls: this.keys.bls.groupKey, ed25519: this.keys.ed25519.groupKey } };
    this.validators = Array.from({ length: n }, (_, i) => new Validator(this, i + 1));
  }

  /** @param clock at NOW, and leaping over sleeps, if not given. */
  static async create(n = 4, clock: LeapingClock = new LeapingClock()): Promise<TestMesh> {
    const mesh = new TestMesh(n, clock);
    mesh.#root = Uint8Array.from(await certificates.makeRoot(certificates.rootHolder, mesh.#validity()));
    mesh.rootFingerprint = Uint8Array.from(sha256(mesh.#root));
    await mesh.publishBundle();
    const stranger = Uint8Array.from(await certificates.makeRoot(certificates.p256Holder("stranger")));
    mesh.forgedBundle = Uint8Array.from(
      encodeBundle({ root: stranger, crossCertificates: [stranger], committeeList: undefined }),
    );
    return mesh;
  }

  get bundle(): Uint8Array {
    return this.bundles.at(-1) as Uint8Array;
  }

  validator(seat: number): Validator {
    return this.validators[seat - 1] as Validator;
  }

  /** Makes a bundle with a committee list of a later tick. */
  async publishBundle(endpoint: (validator: Validator) => string = ({ endpoint }) => endpoint): Promise<void> {
    const payload = committeeListPayload({
      generation: 1,
      epoch: 1,
      tick: this.#tick++,
      issued: NOW,
      members: this.#members(this.keys, endpoint),
    });
    const committeeList = encodeCommitteeList(payload, this.groupSign(committeeListToSign(externalAad, payload)));
    const changes = { ...facts, keys: this.trust.keys };
    const cross = await certificates.makeCrossCertificate(this.#root, changes, this.#validity());
    this.bundles.push(encodeBundle({ root: this.#root, crossCertificates: [cross], committeeList }));
    this.earlyBundle = Uint8Array.from(
      encodeBundle({ root: this.#root, crossCertificates: [cross], committeeList: undefined }),
    );
  }

  /** A bundle in which the root CA certifies keys of a second generation that nobody before signed, and that certificate's SHA-256. */
  async recoveredBundle(): Promise<readonly [bundle: Uint8Array, fingerprint: Uint8Array]> {
    const others = sharedKeys(this.n, `recovered mesh ${this.n}`);
    const keys = { bls: others.bls.groupKey, ed25519: others.ed25519.groupKey };
    const make = (changes: object): Promise<Uint8Array> =>
      certificates.makeCrossCertificate(this.#root, { ...facts, ...changes }, this.#validity());
    const crossCertificates = [await make({ keys: this.trust.keys }), await make({ keys, generation: 2 })];
    const newest = crossCertificates[1] as Uint8Array;
    return [encodeBundle({ root: this.#root, crossCertificates, committeeList: undefined }), sha256(newest)];
  }

  /** A bundle after a re-key in this moment, whole or without one of its parts; its committee list is of `tick`. */
  async rekeyedBundle(tick: number, without?: "list" | "link"): Promise<Uint8Array> {
    const others = sharedKeys(this.n, `second keys of mesh ${this.n}`);
    const keys = { bls: others.bls.groupKey, ed25519: others.ed25519.groupKey };
    const crossCertificates = [
      await certificates.makeCrossCertificate(this.#root, { ...facts, keys: this.trust.keys }, this.#validity()),
      await certificates.makeCrossCertificate(this.#root, { ...facts, keys, generation: 2 }, this.#validity()),
    ];
    const terms = { generation: 2, ceremony: 2, ...keys, since: Math.floor(this.clock.now() / 1000) };
    const link = { ...terms, signature: this.groupSign(successionDigest(terms, externalAad)) };
    const members = this.#members(others, ({ endpoint }) => endpoint);
    const payload = committeeListPayload({ generation: 2, epoch: 2, tick, issued: NOW, members });
    const signature = this.groupSign(committeeListToSign(externalAad, payload), others);
    return encodeBundle({
      root: this.#root,
      crossCertificates,
      committeeList: without === "list" ? undefined : encodeCommitteeList(payload, signature),
      successions: without === "link" ? undefined : [link],
    });
  }

  #members(keys: TestMesh["keys"], endpoint: (validator: Validator) => string) {
    return this.validators.map((validator) => ({
      seat: validator.seat,
      account: validator.account,
      endpoint: endpoint(validator),
      tlsPin: validator.pin,
      scope: "geo:u33",
      blsKey: keys.bls.verificationKeys.get(validator.seat) as Uint8Array,
      ed25519Key: keys.ed25519.verificationKeys.get(validator.seat) as Uint8Array,
    }));
  }

  /** As t members would, by BLS. */
  groupSign(message: Uint8Array, { blsShares, bls } = this.keys): Uint8Array {
    const seats = [...blsShares].slice(0, bls.t);
    return combinePartials(seats.map(([seat, share]) => ({ seat, signature: blstBls.sign(share, message) })));
  }

  /** As t members would, by FROST. */
  #signByEd25519(message: Uint8Array): Uint8Array {
    const { ed25519, edShares } = this.keys;
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
    const nonces = [...edShares]
      .slice(0, ed25519.t)
      .map(([seat, share]) => ({ share, nonces: FrostNonces.draw(seat, share, random) }));
    const session = { message, commitments: nonces.map(({ nonces: { commitment } }) => commitment) };
    const shares = nonces.map(
      ({ share, nonces: own }) => [own.commitment.seat, own.sign(ed25519, share, session)] as const,
    );
    return aggregateShares(ed25519, session, new Map(shares));
  }

  #head(): { head: DrlHead; signature: Uint8Array; tree: ReturnType<typeof certificates.drlTree> } {
    const tree = certificates.drlTree(1_000, [...this.revoked]);
    const issued = Math.floor(this.clock.now() / 1000);
    const number = this.headNumber;
    const head = {
      number,
      root: tree.root(),
      words: tree.words,
      issued,
      expires: issued + HEAD_SECONDS,
      blockNumber: 7,
    };
    return { head, signature: this.groupSign(drlHeadToSign(COSE_ALG.bls, head, { revocations, externalAad })), tree };
  }

  get authority() {
    return { meshId, keys: this.trust.keys, crlUrl: undefined };
  }

  /** The mesh's own certificate in X.509. */
  ownCertificate(): Uint8Array {
    const tbs = authorityToSign(decodeBundle(this.bundle).crossCertificates.at(-1) as Uint8Array);
    return signedBySwarm(tbs, this.#signByEd25519(tbs));
  }

  /** A validator's own certificate in X.509. */
  memberCertificate({ account, spki }: Validator): Uint8Array {
    const now = Math.floor(this.clock.now() / 1000);
    const key = readSubjectPublicKeyInfo(new DerReader(spki, "key"));
    const fields = certificates.memberFields({ account, key, notBefore: now, expires: now + LIFETIME_SECONDS });
    const tbs = memberCertificateToSign(fields, meshAuthority(this.authority));
    return signedBySwarm(tbs, this.#signByEd25519(tbs));
  }

  /** A list with what changed since the one before alone, properly signed. */
  deltaCrl(): Uint8Array {
    const issued = Math.floor(this.clock.now() / 1000);
    const number = this.headNumber;
    const fields = { number, base: number - 1, thisUpdate: issued, nextUpdate: issued + HEAD_SECONDS, entries: [] };
    const tbs = crlToSign(fields, meshAuthority(this.authority));
    return signedBySwarm(tbs, this.#signByEd25519(tbs));
  }

  /** The certificate revocation list of the newest head, with all serials of whom was revoked before it was first asked for. */
  crl(): Uint8Array {
    const known = this.#crls.get(this.headNumber);
    if (known !== undefined) return known;
    const issued = Math.floor(this.clock.now() / 1000);
    const times = { certificatePeriodSeconds: PERIOD_SECONDS, headLifetimeSeconds: HEAD_SECONDS };
    const listed = [...this.revoked]
      .sort((a, b) => a - b)
      .map((index) => ({ index, since: issued, held: false, maximumLifetime: LIFETIME_SECONDS, quota: QUOTA }));
    const entries = crlEntries(meshId, listed, issued, times);
    const fields = { number: this.headNumber, base: undefined, thisUpdate: issued, nextUpdate: issued + HEAD_SECONDS };
    const tbs = crlToSign({ ...fields, entries }, meshAuthority(this.authority));
    const list = signedBySwarm(tbs, this.#signByEd25519(tbs));
    this.#crls.set(this.headNumber, list);
    return list;
  }

  signedHead(): Uint8Array {
    const { head, signature } = this.#head();
    return encodeSignedDrlHead({ head, bls: signature, ed25519: null });
  }

  proof(path: string): Uint8Array {
    const index = Number(/(\d+)\?/.exec(path)?.[1]);
    const { head, signature, tree } = this.#head();
    const algorithm: GroupAlgorithm = path.endsWith("ed25519") ? COSE_ALG.eddsa : COSE_ALG.bls;
    const signed =
      algorithm === COSE_ALG.bls
        ? signature
        : this.#signByEd25519(drlHeadToSign(algorithm, head, { revocations, externalAad }));
    return encodeDrlProof({ head, algorithm, signature: signed, ...tree.prove(drlPosition(index).position) });
  }

  /** A batch of three devices from `base` on with this one in the middle. */
  provision(secret: DeviceSecret, changes: Partial<Provisioning> = {}, base = 256): Provisioning {
    const index = base + 1;
    const salt = seed("salt");
    const key = manifestKeyOf(secret);
    const others = [base, base + 2].map((other) =>
      manifestLeaf({ index: other, salt, key: certificates.ed25519Holder(`device ${other}`).key, deviceClass: 0 }),
    );
    const own = manifestLeaf({ index, salt, key, deviceClass: 1 });
    const tree = new ManifestTree(Buffer.concat([others[0] as Uint8Array, own, others[1] as Uint8Array]));
    return {
      meshId,
      chainId,
      anchor,
      rootFingerprint: this.rootFingerprint,
      validators: [],
      periodSeconds: PERIOD_SECONDS,
      lifetimeSeconds: LIFETIME_SECONDS,
      scope: "geo:u33d",
      joinMethod: secret.kind === "key" ? "identity-key" : "pre-shared-key",
      index,
      enrolment: {
        fleetId: 1,
        batch: 0,
        root: tree.root(),
        base,
        count: 3,
        salt,
        key,
        deviceClass: 1,
        path: tree.path(1),
      },
      ...changes,
    };
  }

  /** Validators know the device's key by its identity in TLS. */
  sharePreSharedKey(identity: string, preSharedKey: Uint8Array): void {
    for (const validator of this.validators) {
      validator.preSharedKeys.set(identity, validatorPreSharedKey(preSharedKey, meshId, validator.account));
    }
  }

  /** The network in memory, errors going through their encoding as on the wire. */
  readonly transport: Transport = (endpoint, trust) => {
    const binding = new Uint8Array(randomBytes(32));
    return {
      close: () => undefined,
      request: async ({ path, body, signal }) => {
        const validator = this.validators.find((one) => one.endpoint === endpoint);
        if (validator === undefined || validator.misbehaviour === "dead") throw away(endpoint);
        expectTrusted(validator, trust);
        if (validator.misbehaviour === "hangs") return hang(signal);
        const bytes = typeof body === "function" ? await body(binding) : (body ?? new Uint8Array());
        const pskIdentity = trust.kind === "psk" ? trust.identity : undefined;
        try {
          const answer = validator.handle({ path, body: bytes, binding, pskIdentity });
          if (validator.misbehaviour === "cuts-off") throw away(endpoint);
          const serverKey = trust.kind === "psk" ? undefined : validator.spki;
          return { status: 200, body: answer.body, channelBinding: binding, serverKey };
        } catch (error) {
          throw onTheWire(error);
        }
      },
    };
  };
}

function expectTrusted(validator: Validator, trust: Trust): void {
  const isKnown =
    trust.kind === "unverified" ||
    (trust.kind === "pin"
      ? validator.misbehaviour !== "wrong-key" && Buffer.compare(trust.pin, validator.pin) === 0
      : Buffer.compare(validator.preSharedKeys.get(trust.identity) ?? new Uint8Array(), trust.key) === 0);
  if (!isKnown) {
    throw new SwarmkeepError(`${validator.endpoint} has another TLS key than the one that is pinned`, {
      kind: "refused",
      code: trust.kind === "psk" ? "psk-refused" : "wrong-key",
      advice: "Do not connect.",
    });
  }
}

function away(endpoint: string): SwarmkeepError {
  return new SwarmkeepError(`${endpoint} refuses connections`, {
    kind: "network",
    code: "connection-refused",
    advice: "Check that the server runs.",
  });
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

function onTheWire(error: unknown): unknown {
  const typed =
    error instanceof Refusal
      ? new SwarmkeepError(error.message, { kind: "refused", code: error.code, advice: "See the protocol." })
      : error;
  if (!(typed instanceof SwarmkeepError) || (typed.kind === "network" && !(typed instanceof HttpError))) return typed;
  const retryAfter = typed instanceof HttpError ? typed.retryAfter : undefined;
  return decodeError(statusOf(typed), retryAfter, encodeError(typed));
}

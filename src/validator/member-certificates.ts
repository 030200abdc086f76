/**
 * A validator's own X.509 certificate, by which TLS software and other members know it: gathered from the committee once it is in
 * office and renewed in time. What it says is what the registry has; the key is the one whose hash is registered.
 */
import { createHash } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";
import { getBytes } from "ethers";

import type { DeviceKey } from "../certificate/cose-key.js";
import { Refusal } from "../certificate/refusal.js";
import { type GenerationTrust, isReplaced } from "../certificate/succession.js";
import { signedBySwarm } from "../certificate/x509-authority.js";
import {
  type MemberFields,
  decodeMemberCertificate,
  memberCertificateToSign,
  memberSerial,
} from "../certificate/x509-leaf.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Contact, Projection } from "../ledger/projection.js";
import type { ClientCredentials } from "../net/client.js";
import type { TlsIdentity } from "../net/tls-identity.js";
import { FROST_KIND, type MemberWish, decodeMemberWish, encodeMemberWish } from "../protocol/api.js";
import { GatherError } from "../protocol/gather.js";
import { PUBLIC_FILE, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { Logger } from "../runtime/log.js";
import { CLOCK_SKEW_SECONDS, KEY_TYPE } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { isScope } from "../statements/scope.js";
import { MEMBER_CERTIFICATE } from "../statements/x509.js";
import { type KnownAuthority, knownAuthority, namedHosts, neededAuthority } from "./authority.js";
import {
  type FrostOrder,
  type FrostSigning,
  type FrostTopic,
  claimCertificate,
  signByCommittee,
} from "./frost-signing.js";
import type { Inheritance } from "./inheritance.js";
import { type IssuedBook, MEMBER_SLOTS } from "./issued.js";
import type { Standing } from "./standing.js";

function refused(code: string, message: string, details: Record<string, unknown> = {}): SwarmkeepError {
  const advice = "Ask as a registered member in office, for a certificate of the current period.";
  return new SwarmkeepError(message, { kind: "refused", code, advice, details });
}

/** The P-256 key in a SubjectPublicKeyInfo. @throws SwarmkeepError `not-a-member` */
function keyOf(spki: Uint8Array): DeviceKey {
  try {
    return { type: KEY_TYPE.p256, bytes: p256.Point.fromBytes(spki.subarray(-65)).toBytes(true) };
  } catch {
    throw refused("not-a-member", "the TLS key is no point of P-256");
  }
}

type Registered = Pick<MemberFields, "scope" | "hosts"> & {
  readonly contact: Contact;
  readonly pin: Uint8Array;
  readonly position: number;
};

/** The registered facts of a member that its certificate repeats. Undefined for an account that is not active. */
function registeredFields(
  projection: Projection,
  { hosts: permitted }: KnownAuthority,
  account: Uint8Array,
): Registered | undefined {
  const position = projection.members().findIndex((member) => equalBytes(getBytes(member.account), account));
  const member = projection.members()[position];
  const contact = member?.contact;
  if (member?.state !== "active" || contact === undefined) return undefined;
  const scope = isScope(contact.scope) ? contact.scope : "";
  const hosts = namedHosts(contact.endpoint, permitted);
  return { scope, hosts, contact, pin: getBytes(contact.tlsPin), position };
}

/** Judges another member's wish, or this one's own: what it gives back was built from the ledger. */
export function memberTopic(options: {
  readonly standing: Standing;
  readonly meshId: Uint8Array;
  readonly issued: IssuedBook;
  readonly inheritance: Pick<Inheritance, "expectKnown">;
  readonly nowSeconds: () => number;
}): FrostTopic {
  return ({ seat, tlsKey, request }: FrostOrder) => {
    const { standing, meshId, issued, inheritance } = options;
    const { projection, committee, finalised } = standing.inOffice();
    const wish = decodeMemberWish(request ?? new Uint8Array());
    const { account, period, k, notBefore, expires } = wish;
    const seated = committee.accounts.get(seat);
    const authority = neededAuthority(projection, committee.generation);
    const fields = registeredFields(projection, authority, account);
    const pin = Uint8Array.from(createHash("sha256").update(tlsKey).digest());
    const isOwn = seated !== undefined && equalBytes(getBytes(seated), account);
    if (!isOwn || fields === undefined || !equalBytes(fields.pin, pin)) {
      throw refused("not-a-member", `seat ${seat} asks for a certificate of an account or key that is not its own`);
    }
    checkWish(wish, options.nowSeconds(), finalised.timestamp, periodSeconds(projection));
    inheritance.expectKnown(period);
    const { scope, hosts, position } = fields;
    const { generation } = committee;
    const serial = memberSerial(meshId, account, period, k);
    const certificate = { account, generation, scope, hosts, serial, notBefore, expires, key: keyOf(tlsKey) };
    const message = memberCertificateToSign(certificate, authority.authority);
    const claim = claimCertificate(issued, { index: MEMBER_SLOTS + position, period, k }, message);
    return { message, claim, asker: "member" };
  };
}

function periodSeconds(projection: Projection): number {
  return Number(projection.genesis?.parameters.certificatePeriodSeconds ?? 1n);
}

/** @throws SwarmkeepError `lifetime-too-long`, `clock-skew`, `wrong-period`, `quota-exceeded` */
function checkWish(
  { notBefore, expires, period, k }: MemberWish,
  now: number,
  blockTime: number,
  seconds: number,
): void {
  const { maximumLifetime, quota } = MEMBER_CERTIFICATE;
  if (expires - notBefore > maximumLifetime) {
    throw refused("lifetime-too-long", `a validator's certificate lasts ${maximumLifetime} s at most`);
  }
  if (Math.abs(notBefore - now) > CLOCK_SKEW_SECONDS) {
    throw refused("clock-skew", `the certificate would begin at ${notBefore}, and it is ${now}`, { notBefore, now });
  }
  const periods = [-CLOCK_SKEW_SECONDS, CLOCK_SKEW_SECONDS].map((skew) => Math.floor((blockTime + skew) / seconds));
  if (!periods.includes(period)) {
    const current = Math.floor(blockTime / seconds);
    throw refused("wrong-period", `it is certificate period ${current} by block time, not ${period}`, { current });
  }
  if (k >= quota) throw refused("quota-exceeded", `a validator has ${quota} certificates in a period at most`);
}

export interface MemberCertificatesOptions {
  readonly standing: Standing;
  /** What others check a certificate by; undefined before there are group keys, or this validator has read of them. */
  readonly trust: () => GenerationTrust | undefined;
  readonly account: Uint8Array;
  readonly meshId: Uint8Array;
  /** The registered TLS key. */
  readonly identity: TlsIdentity;
  readonly path: string;
  readonly nowSeconds: () => number;
  readonly log: Logger;
  /** Is told whenever something else is to be shown: a new certificate, or the bare key once the last one has ended. */
  readonly onShown: (own: ClientCredentials) => void;
}

/** Tries after this many seconds again. */
const RETRY_SECONDS = 20;
const MAXIMUM_CERTIFICATE_BYTES = 4_096;

export class MemberCertificates {
  readonly #options: MemberCertificatesOptions;
  #current: Uint8Array | undefined;
  /** What was told of last; it may be shown until a time, seconds since 1970, and while its keys count. Nothing: the bare key. */
  #shown: { readonly credentials: ClientCredentials; readonly until: number; readonly generation: number } | undefined;
  readonly #bare: ClientCredentials;
  /** When the current certificate is to be renewed, as far as these say. */
  #judged:
    | {
        readonly current: Uint8Array;
        readonly known: KnownAuthority;
        readonly contact: Contact;
        readonly renewal: number;
      }
    | undefined;
  #next = 0;
  #k = 0;
  #working = false;

  private constructor(options: MemberCertificatesOptions, current: Uint8Array | undefined) {
    this.#options = options;
    this.#current = current;
    this.#bare = { key: options.identity.key, chain: [options.identity.certificate] };
  }

  /** Shows a stored certificate at once: those who have seen it take the bare key no more. */
  static async open(options: MemberCertificatesOptions): Promise<MemberCertificates> {
    const own = new MemberCertificates(options, await readIfPresent(options.path, MAXIMUM_CERTIFICATE_BYTES));
    if (own.#current !== undefined && own.#isForOwnKey(own.#current)) own.#show([own.#current]);
    return own;
  }

  /** The certificate in use, DER. */
  get current(): Uint8Array | undefined {
    return this.#current;
  }

  /** What this validator shows of itself to others: its certificate, or the bare key while it has none that lasts. */
  get credentials(): ClientCredentials {
    return this.#shown === undefined || this.#isOver(this.#shown) ? this.#bare : this.#shown.credentials;
  }

  /** Whether others would not take it any more: it has ended, or was signed by keys that were replaced. */
  #isOver({ until, generation }: { readonly until: number; readonly generation: number }): boolean {
    const now = this.#options.nowSeconds();
    const trust = this.#options.trust();
    return now >= until || (trust !== undefined && isReplaced(generation, trust, now));
  }

  /**
   * Gets a certificate if one is due and this member is in office. Returns at once; what is due goes on by itself. One that is over
   * is shown no more: others would not take it, while they take the bare key of a member that has none.
   */
  advance(signing: FrostSigning | undefined, signal: AbortSignal): void {
    const { standing, nowSeconds, onShown, log } = this.#options;
    const now = nowSeconds();
    if (this.#shown !== undefined && this.#isOver(this.#shown)) {
      this.#shown = undefined;
      onShown(this.#bare);
    }
    const generation = standing.committee?.generation;
    const known = generation === undefined ? undefined : knownAuthority(standing.projection, generation);
    if (known === undefined || this.#working) return;
    // Out of office too: TLS software does not find the authority by itself.
    if (this.#current !== undefined && this.#lasts(known, now)) {
      return this.#show([this.#current, known.crossCertificate]);
    }
    if (signing === undefined || now < this.#next) return;
    this.#working = true;
    this.#next = now + RETRY_SECONDS;
    this.#obtain(signing, known, now, signal)
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error }, "no certificate of this validator's own yet");
      })
      .finally(() => (this.#working = false));
  }

  #show(chain: readonly [Uint8Array, ...Uint8Array[]]): void {
    const shown = this.#shown?.credentials.chain ?? [];
    if (chain.length === shown.length && chain.every((one, i) => equalBytes(one, shown[i] as Uint8Array))) return;
    const { expires, generation } = decodeMemberCertificate(chain[0]);
    const lasting = { until: expires - CLOCK_SKEW_SECONDS, generation };
    if (this.#isOver(lasting)) return;
    this.#shown = { credentials: { key: this.#options.identity.key, chain }, ...lasting };
    this.#options.onShown(this.#shown.credentials);
  }

  #isForOwnKey(certificate: Uint8Array): boolean {
    try {
      return equalBytes(decodeMemberCertificate(certificate).key.bytes, keyOf(this.#options.identity.spki).bytes);
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  /** Whether the current certificate says what the registry has, and lasts for a third of its lifetime yet. Asked with each block. */
  #lasts(known: KnownAuthority, now: number): boolean {
    const { standing, account } = this.#options;
    const registered = registeredFields(standing.projection, known, account);
    if (this.#current === undefined || registered === undefined) return false;
    const { current, judged } = { current: this.#current, judged: this.#judged };
    if (judged?.current !== current || judged.known !== known || judged.contact !== registered.contact) {
      const renewal = this.#renewalOf(current, known, registered);
      this.#judged = { current, known, contact: registered.contact, renewal };
    }
    return now < (this.#judged?.renewal ?? 0);
  }

  /** When a certificate is to be renewed, seconds since 1970: at once where it does not say what the registry has. */
  #renewalOf(current: Uint8Array, known: KnownAuthority, { scope, hosts }: Registered): number {
    const { account, identity } = this.#options;
    try {
      const { x509, authority: _, ...fields } = decodeMemberCertificate(current);
      const { generation } = known.facts;
      const renewed = { ...fields, account, generation, scope, hosts, key: keyOf(identity.spki) };
      const isSame = equalBytes(x509.tbs, memberCertificateToSign(renewed, known.authority));
      return isSame ? fields.expires - (fields.expires - fields.notBefore) / 3 : 0;
    } catch (error) {
      if (error instanceof Refusal) return 0;
      throw error;
    }
  }

  async #obtain(signing: FrostSigning, known: KnownAuthority, now: number, signal: AbortSignal): Promise<void> {
    const { standing, account, path, log } = this.#options;
    const { finalised, projection } = standing.inOffice();
    const period = Math.floor(finalised.timestamp / periodSeconds(projection));
    const expires = now + MEMBER_CERTIFICATE.maximumLifetime;
    const request = encodeMemberWish({ account, period, k: this.#k, notBefore: now, expires });
    try {
      const order = { kind: FROST_KIND.member, number: 0, request };
      const { message, signature } = await signByCommittee(signing, order, signal);
      const certificate = signedBySwarm(message, signature);
      await writeAtomically(path, certificate, PUBLIC_FILE);
      this.#current = certificate;
      log.info({ expires }, "this validator has a certificate");
      this.#show([certificate, known.crossCertificate]);
    } catch (error) {
      // Each try is a certificate of its own: a member that signed the last one signs no other for its number.
      const taken = error instanceof SwarmkeepError ? [error] : error instanceof GatherError ? failuresOf(error) : [];
      if (taken.some(({ code }) => code === "serial-taken")) {
        this.#k = (this.#k + 1) % MEMBER_CERTIFICATE.quota;
        this.#next = now + 1;
      }
      throw error;
    }
  }
}

function failuresOf(error: GatherError<unknown>): SwarmkeepError[] {
  return error.failures.map((failure) => failure.error).filter((one) => one instanceof SwarmkeepError);
}

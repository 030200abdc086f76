/**
 * The device's agent: it gets a certificate from the swarm, keeps it fresh, proves possession of it, and gives it up. It needs
 * no account, no gas and no ledger; validators it finds by the committee list of its trust bundle.
 */
import { type Certificate, checkValidity, decodeCertificate, verifyCertificate } from "../certificate/certificate.js";
import type { MeshTrust } from "../certificate/bundle.js";
import {
  type DrlHead,
  type DrlProof,
  type SignedDrlHead,
  checkNotRevoked,
  decodeDrlProof,
  decodeSignedDrlHead,
  verifyDrlHead,
} from "../certificate/drl.js";
import type { HeadMemory } from "../certificate/head-memory.js";
import { decodeCertificateRequest, requestedNames, verifyCertificateRequest } from "../certificate/pkcs10.js";
import { makePresentation } from "../certificate/presentation.js";
import { Refusal } from "../certificate/refusal.js";
import { MAXIMUM_CRL_LENGTH, verifyCrl } from "../certificate/x509-crl.js";
import { meshAuthority } from "../certificate/x509-authority.js";
import { PATH } from "../protocol/api.js";
import { GatherError } from "../protocol/gather.js";
import { type Clock, seconds, systemClock } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { COSE_ALG, type GroupAlgorithm, type KeyType, type RevocationReason } from "../statements/cose.js";
import { when } from "../statements/time.js";
import { renewalTime } from "./backoff.js";
import { type SignedAdmission, obtainAdmission } from "./candidacy.js";
import { openHeadMemory } from "./head-file.js";
import { type Wish, obtainCertificate } from "./issuance.js";
import { type DeviceKeystore, isSameKey } from "./keystore.js";
import { Mesh, type Transport } from "./mesh.js";
import type { Provisioning } from "./provisioning.js";
import { tooFewAnswers } from "./refusals.js";
import { revokeSelf } from "./revocation.js";
import type { DeviceShards } from "./shards.js";
import { type DeviceStore, type PemFile, damagedFile } from "./store.js";
import type { SigningChecks } from "./swarm-signing.js";
import { deviceCredentials, keepAuthority, storedNames } from "./x509-files.js";

export interface AgentOptions {
  readonly store: DeviceStore;
  readonly keystore: DeviceKeystore;
  readonly transport: Transport;
  readonly checks: SigningChecks;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface AskOptions {
  /** Rounds in which too few validators answer well, before giving up; 5 if not given. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

export interface CertificateOptions extends AskOptions {
  /** BLS (`COSE_ALG.bls`) if not given; `COSE_ALG.eddsa` for verifiers without pairings. */
  readonly algorithm?: GroupAlgorithm;
  /** Seconds; the provisioning file's if not given. */
  readonly lifetimeSeconds?: number;
  /** The provisioning file's if not given. */
  readonly scope?: string;
  /**
   * An X.509 certificate of the same fields, for TLS software: `false` for none; `true` fails where the fleet has no such form; if
   * not given it is had where it can be.
   */
  readonly x509?: boolean;
  /** DNS names of the X.509 certificate besides those that every device has; those of the current one if not given. */
  readonly names?: readonly string[];
}

export interface EnrolOptions extends CertificateOptions {
  /** PKCS#10, DER. Its key, which the keystore must have, is the one that gets certified. */
  readonly csr?: Uint8Array;
  /** A new key of this kind is made and certified, in place of the manifest key. */
  readonly newKey?: KeyType;
  /** Where to ask for a bundle, if there is none. */
  readonly validators?: readonly string[];
}

export interface RenewOptions extends CertificateOptions {
  readonly newKey?: KeyType;
}

export interface ProveOptions {
  /** Whom the answer is meant for. */
  readonly audience?: string;
  /** `false` staples the stored revocation proof while its head lasts, and asks nobody. */
  readonly fresh?: boolean;
  readonly signal?: AbortSignal;
}

export interface Agent {
  readonly provisioning: Provisioning;
  /** Undefined before the first bundle. */
  readonly trust: MeshTrust | undefined;
  certificate(): Promise<Certificate | undefined>;
  /**
   * Takes a trust bundle that was come by in any way. True if it was newer.
   * @param recovered SHA-256 of the root CA's certificate of recovered keys, which the old ones have not signed: the owner's word.
   * @throws Refusal
   */
  adoptBundle(bundle: Uint8Array, recovered?: Uint8Array): Promise<boolean>;
  /** Asks validators for a newer bundle. True if there was one. @param recovered as `adoptBundle` takes it. */
  refreshBundle(validators?: readonly string[], signal?: AbortSignal, recovered?: Uint8Array): Promise<boolean>;
  /** Gets the first certificate, or another one, with the manifest key. The certificate is stored. */
  enrol(options?: EnrolOptions): Promise<Certificate>;
  /** Gets the next certificate with the current one's key, within the fleet's grace also after its end. */
  renew(options?: RenewOptions): Promise<Certificate>;
  /** When to renew the current certificate, seconds since 1970; now where there is none. */
  renewalTime(): Promise<number>;
  /** Renews whenever it is time, and enrols where renewing is refused, until `signal` is aborted. */
  keepCertified(signal: AbortSignal, onEvent?: (event: AgentEvent) => void): Promise<void>;
  /**
   * Has the swarm admit `account` as this gateway's candidate for the committee; the account itself hands that to the ledger.
   * @param account of the ledger, 20 bytes.
   */
  stand(account: Uint8Array, options?: AskOptions): Promise<SignedAdmission>;
  /** Revokes this device for good: by swarm signature, handed to validators for the ledger. */
  revoke(reason: RevocationReason, options?: AskOptions): Promise<void>;
  /** The newest head of the revocation list, verified. */
  head(signal?: AbortSignal): Promise<SignedDrlHead>;
  /** The newest certificate revocation list, verified, DER: what TLS software checks by. */
  crl(signal?: AbortSignal): Promise<Uint8Array>;
  /** What the store keeps for TLS software, in PEM; undefined where the device has no certificate in X.509. */
  tlsFiles(): Promise<TlsFiles | undefined>;
  /** A revocation proof for an index, by default this device's, verified. Encoded. */
  drlProof(options?: { index?: number; algorithm?: GroupAlgorithm; signal?: AbortSignal }): Promise<Uint8Array>;
  /** Answers a verifier's challenge (16 to 64 bytes) with an encoded presentation. */
  prove(challenge: Uint8Array, options?: ProveOptions): Promise<Uint8Array>;
  /** The device's key from its shards; the code for it is loaded when it is first asked for. */
  shards(): Promise<DeviceShards>;
  /** Ends connections and wipes keys; the store is closed as well. */
  close(): Promise<void>;
}

/** In PEM. */
export interface TlsFiles {
  /** The device's own certificate. */
  readonly certificate: string;
  /** The same, and the root's certificate of the group keys. */
  readonly chain: string;
  /** Whom to trust: the mesh's own certificate. */
  readonly ca: string;
}

/** What a long-running agent did. */
export type AgentEvent =
  | { readonly event: "certified"; readonly certificate: Certificate }
  | { readonly event: "failed"; readonly error: unknown; readonly nextTry: number };

const DEFAULT_ATTEMPTS = 5;
/** A list of a large mesh has megabytes. */
const CRL_TIMEOUT_MILLISECONDS = 60_000;
/** Seconds between tries of a long-running agent after it gave up once. */
const RETRY_SECONDS = 60;
/**
 * Seconds that a stapled proof must last yet, or it would be stale before anybody has looked at it: a quarter of its life, and no
 * more than these. Where heads live for 40 s, a device asks for a newer one when 10 s are left.
 */
const PROOF_MARGIN_SECONDS = 30;
const proofMargin = ({ issued, expires }: DrlHead): number => Math.min(PROOF_MARGIN_SECONDS, (expires - issued) / 4);

/** @throws what reading the store throws */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { store, keystore, transport, checks, clock = systemClock, random = Math.random } = options;
  const { provisioning } = store;
  const { preSharedKey } = keystore;
  const credentials = deviceCredentials(store, keystore, clock);
  const mesh = await Mesh.open({ store, preSharedKey, credentials, transport, checks, clock, random });
  const memory = await openHeadMemory(store.headPath);
  const jitter = random();
  const newestCrl = await store.newestCrl();
  const context = { store, mesh, checks, clock, random };

  const certificate = async (): Promise<Certificate | undefined> => {
    const stored = await store.certificate();
    return stored === undefined ? undefined : decodeCertificate(stored);
  };
  const needCertificate = async (): Promise<Uint8Array> => {
    const stored = await store.certificate();
    if (stored !== undefined) return stored;
    throw new SwarmkeepError("this device has no certificate yet", {
      kind: "usage",
      code: "no-certificate",
      advice: "Run `swarmkeep device enroll` first.",
    });
  };
  /** The key of an unfinished request of this kind, so that a restart goes on with it. */
  const newKeyFor = async (kind: Wish["kind"], type: KeyType | undefined): ReturnType<DeviceKeystore["create"]> => {
    const stored = await store.pendingRequest();
    if (stored?.kind === kind && stored.key.type === type && !isSameKey(stored.key, keystore.identity.key)) {
      return keystore.find(stored.key);
    }
    return keystore.create(type as KeyType);
  };
  const common = ({ algorithm, lifetimeSeconds, scope, attempts, signal }: CertificateOptions, was?: Certificate) => ({
    algorithm: algorithm ?? was?.algorithm ?? COSE_ALG.bls,
    lifetimeSeconds: lifetimeSeconds ?? (was && was.expires - was.notBefore) ?? provisioning.lifetimeSeconds,
    scope: scope ?? was?.scope ?? provisioning.scope,
    attempts: attempts ?? DEFAULT_ATTEMPTS,
    signal,
  });
  const x509Wish = ({ x509, names }: CertificateOptions, others: readonly string[]): Wish["x509"] => {
    if (x509 === false) return { want: "none" };
    const all = [...new Set((names ?? others).map((name) => name.toLowerCase()))].sort();
    return { want: x509 === true || (names?.length ?? 0) > 0 ? "needed" : "wanted", names: all };
  };
  const finish = async (wish: Wish, signal: AbortSignal | undefined): Promise<Certificate> => {
    const issued = decodeCertificate(await obtainCertificate(context, wish));
    await keystore.keepOnly([issued.key]);
    if (wish.x509.want !== "none") await keepAuthority(store, mesh, checks.device, signal);
    return issued;
  };

  let shards: DeviceShards | undefined;
  const agent: Agent = {
    provisioning,
    get trust() {
      return mesh.hasTrust ? mesh.trust : undefined;
    },
    certificate,
    adoptBundle: (bundle, recovered) => mesh.adopt(bundle, recovered),
    refreshBundle: (validators, signal, recovered) => mesh.refresh(validators, signal, recovered),

    async enrol(given = {}) {
      await mesh.ensureCurrent(given.validators, given.signal);
      const { csr } = given;
      const { identity } = keystore;
      const certified =
        csr !== undefined
          ? await keystore.find(verifyCertificateRequest(csr, checks.device).key)
          : given.newKey !== undefined
            ? await newKeyFor("enrol", given.newKey)
            : identity;
      const joinMethod = csr === undefined ? provisioning.joinMethod : "csr";
      const asked =
        csr === undefined
          ? await storedNames(store, given.scope ?? provisioning.scope)
          : requestedNames(decodeCertificateRequest(csr));
      const wish = { kind: "enrol", signer: identity, certified, joinMethod, csr, current: undefined } as const;
      return finish({ ...wish, x509: x509Wish(given, asked), ...common(given) }, given.signal);
    },

    async renew(given = {}) {
      const current = await needCertificate();
      await mesh.ensureCurrent([], given.signal);
      const was = decodeCertificate(current);
      const signer = await keystore.find(was.key);
      const certified = given.newKey === undefined ? signer : await newKeyFor("renew", given.newKey);
      const { joinMethod } = provisioning;
      const wish = { kind: "renew", signer, certified, joinMethod, csr: undefined, current } as const;
      const x509 = x509Wish(given, await storedNames(store, given.scope ?? was.scope));
      return finish({ ...wish, x509, ...common(given, was) }, given.signal);
    },

    async renewalTime() {
      const current = await certificate();
      return current === undefined ? seconds(clock) : renewalTime(current, jitter);
    },

    async keepCertified(signal, onEvent = () => undefined) {
      while (!signal.aborted) {
        const due = (await agent.renewalTime()) - seconds(clock);
        // In steps: a device's clock may be set, or stand still while it sleeps.
        if (due > 0) await clock.sleep(1000 * Math.min(due, RETRY_SECONDS), signal);
        if (due > RETRY_SECONDS) continue;
        try {
          onEvent({ event: "certified", certificate: await renewOrEnrol(agent, signal) });
        } catch (error) {
          signal.throwIfAborted();
          onEvent({ event: "failed", error, nextTry: seconds(clock) + RETRY_SECONDS });
          await clock.sleep(1000 * RETRY_SECONDS, signal);
        }
      }
    },

    async revoke(reason, given = {}) {
      await mesh.ensureCurrent([], given.signal);
      const current = await store.certificate();
      const signer = current === undefined ? keystore.identity : await keystore.find(decodeCertificate(current).key);
      const { attempts = DEFAULT_ATTEMPTS, signal } = given;
      await revokeSelf(context, { signer, certificate: current, reason, attempts, signal });
    },

    async stand(account, given = {}) {
      const certificate = await needCertificate();
      await mesh.ensureCurrent([], given.signal);
      const signer = await keystore.find(decodeCertificate(certificate).key);
      const { attempts = DEFAULT_ATTEMPTS, signal } = given;
      return obtainAdmission(context, { account, signer, certificate, attempts, signal });
    },

    async head(signal) {
      await mesh.ensureCurrent([], signal);
      return fetched(() =>
        mesh.fetch(PATH.drlHead, (body) => verifiedHead(body, mesh.trust, seconds(clock), memory, checks), signal),
      );
    },

    async crl(signal) {
      await mesh.ensureCurrent([], signal);
      const { meshId, keys } = mesh.trust;
      const group = { authority: meshAuthority({ meshId, keys, crlUrl: undefined }), groupKey: keys.ed25519 };
      const read = (body: Uint8Array): { readonly body: Uint8Array; readonly time: number } => {
        const { thisUpdate: time, base } = verifyCrl(body, group, seconds(clock), checks.device);
        if (base !== undefined) throw new Refusal("wrong-kind", `the list has only what changed since list ${base}`);
        // By their times: a number that a thief of keys of before has made large would be the last for ever.
        if (time < newestCrl.value) {
          throw new Refusal(
            "head-rollback",
            `the revocation list of ${when(time)} is older than that of ${when(newestCrl.value)}, seen before`,
          );
        }
        return { body, time };
      };
      const limits = { maximumAnswerBytes: MAXIMUM_CRL_LENGTH, timeoutMilliseconds: CRL_TIMEOUT_MILLISECONDS };
      const newest = await fetched(() => mesh.fetch(PATH.crl, read, signal, limits));
      await newestCrl.raise(newest.time);
      return newest.body;
    },

    async tlsFiles() {
      const read = async (name: PemFile): Promise<string | undefined> => {
        const content = await store.pemFile(name);
        return content === undefined ? undefined : Buffer.from(content).toString("utf8");
      };
      const files = [await read("certificate"), await read("chain"), await read("ca")];
      const [own, chain, ca] = files;
      return own === undefined || chain === undefined || ca === undefined ? undefined : { certificate: own, chain, ca };
    },

    async drlProof({ index = provisioning.index, algorithm = COSE_ALG.bls, signal } = {}) {
      await mesh.ensureCurrent([], signal);
      const path = `${PATH.drlProof}/${index}?alg=${algorithm === COSE_ALG.bls ? "bls" : "ed25519"}`;
      const read = (body: Uint8Array): Uint8Array => {
        checkProof(decodeDrlProof(body), index, algorithm);
        verifyDrlHead(decodeDrlProof(body), mesh.trust, seconds(clock), memory, checks);
        return body;
      };
      const proof = await fetched(() => mesh.fetch(path, read, signal));
      checkNotRevoked(decodeDrlProof(proof), index);
      if (index === provisioning.index) await store.saveProof(proof);
      return proof;
    },

    async prove(challenge, { audience, fresh = true, signal } = {}) {
      const encoded = await needCertificate();
      const { key, algorithm, ...fields } = decodeCertificate(encoded);
      checkValidity(fields, seconds(clock));
      // What was damaged on the disk would be refused by every verifier.
      try {
        verifyCertificate(encoded, mesh.trust, seconds(clock), checks);
      } catch (error) {
        if (error instanceof Refusal && error.code === "bad-signature") throw damagedFile(store.certificatePath, error);
        throw error;
      }
      const stored = await store.proof();
      const lasts =
        stored !== undefined &&
        decodeDrlProof(stored).algorithm === algorithm &&
        decodeDrlProof(stored).head.expires > seconds(clock) + proofMargin(decodeDrlProof(stored).head);
      const drlProof =
        stored !== undefined && lasts && !fresh
          ? stored
          : await agent.drlProof({ algorithm, ...(signal && { signal }) });
      const holder = await keystore.find(key);
      return makePresentation({
        certificate: encoded,
        drlProof,
        challenge,
        audience: audience ?? "",
        key,
        externalAad: mesh.trust.externalAad,
        sign: (message) => holder.sign(message),
      });
    },

    async shards() {
      const { createDeviceShards } = await import("./shards.js");
      shards ??= createDeviceShards({ store, mesh, transport, checks, clock, keystore, credentials });
      return shards;
    },

    async close() {
      shards?.close();
      mesh.close();
      keystore.close();
      await store.close();
    },
  };
  return agent;
}

/** Refusals after which a device proves itself by its manifest key again. */
const ENROL_AGAIN: ReadonlySet<string> = new Set(["grace-over", "generation-old"]);

async function renewOrEnrol(agent: Agent, signal: AbortSignal): Promise<Certificate> {
  if ((await agent.certificate()) === undefined) return agent.enrol({ signal });
  try {
    return await agent.renew({ signal });
  } catch (error) {
    const refused = error instanceof SwarmkeepError || error instanceof Refusal;
    if (refused && ENROL_AGAIN.has(error.code)) return agent.enrol({ signal });
    throw error;
  }
}

function verifiedHead(
  body: Uint8Array,
  trust: MeshTrust,
  now: number,
  memory: HeadMemory,
  checks: SigningChecks,
): SignedDrlHead {
  const signed = decodeSignedDrlHead(body);
  verifyDrlHead({ head: signed.head, algorithm: COSE_ALG.bls, signature: signed.bls }, trust, now, memory, checks);
  return signed;
}

/** That a proof is the one asked for; that the device is revoked is no fault of whoever proves it. */
function checkProof(proof: DrlProof, index: number, algorithm: GroupAlgorithm): void {
  if (proof.algorithm !== algorithm) {
    throw new Refusal("wrong-kind", `the revocation proof is under algorithm ${proof.algorithm}, not ${algorithm}`);
  }
  try {
    checkNotRevoked(proof, index);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "revoked") throw error;
  }
}

async function fetched<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GatherError ? tooFewAnswers(error) : error;
  }
}

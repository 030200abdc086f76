/**
 * The mesh as a device sees it: whom it trusts, and the validators that it may ask. Any of them may be away, slow, busy or
 * lying; nothing that comes from one counts before it is checked.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { parseEndpoint } from "../net/endpoint.js";
import { RemoteError } from "../net/error-body.js";
import type { Client, ClientAnswer, ClientCredentials, ClientRequest, Trust } from "../net/client.js";
import { MemberServers } from "../net/member-servers.js";
import { type MeshTrust, decodeBundle, verifyBundle } from "../certificate/bundle.js";
import type { CommitteeList, CommitteeMember } from "../certificate/committee-list.js";
import { Refusal } from "../certificate/refusal.js";
import { equalBytes } from "../crypto/bytes.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import { isHandover, isSameKeys } from "../certificate/succession.js";
import { PATH } from "../protocol/api.js";
import { GatherError, type Gathered, gather } from "../protocol/gather.js";
import { byNearness } from "../protocol/nearness.js";
import { preSharedKeyIdentity, validatorPreSharedKey } from "../protocol/pre-shared-key.js";
import { type Clock, seconds } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type Quorum, quorumOf } from "../statements/quorum.js";
import { type DeviceStore, damagedFile } from "./store.js";

/**
 * Opens a client of one validator; no connection yet. `createClient` of src/net is the one over TLS.
 * @param credentials what the device shows of itself, asked for with each request.
 */
export type Transport = (endpoint: string, trust: Trust, credentials?: () => ClientCredentials | undefined) => Client;

export interface MeshOptions {
  readonly store: DeviceStore;
  /** Where the device has one, channels are secured by it on which no certificate is shown. */
  readonly preSharedKey?: Uint8Array | undefined;
  /** The device's certificate for TLS, while it has one that lasts; the same object as long as it is the same one. */
  readonly credentials?: () => Promise<ClientCredentials | undefined>;
  readonly transport: Transport;
  readonly checks: SignatureChecks;
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread devices over validators. */
  readonly random: () => number;
}

/** As whom a device asks. Whoever joins is anyone: with a pre-shared key, or by what it signs. */
export type Asking = "itself" | "anyone";

/** The largest bundle that is read. */
const MAXIMUM_BUNDLE_BYTES = 100_000;
/** Validators asked for a newer bundle at once. */
const BUNDLE_SOURCES = 3;
const PATIENCE_MILLISECONDS = 1_500;
/** A member is left alone for as long as it asks, and no longer than this: honest ones ask for seconds. */
const MAXIMUM_REST_SECONDS = 60;

export class Mesh {
  readonly #options: MeshOptions;
  readonly #clients = new Map<string, Client>();
  /** Milliseconds since 1970 until which a member asked to be left alone, by account. */
  readonly #busyUntil = new Map<string, number>();
  #latencies: Map<number, number>;
  readonly #servers: MemberServers;
  /** Accounts that were seen with the swarm's certificate, and whether all are stored. */
  readonly #certified: Set<string>;
  #certifiedStored = true;
  #shown: ClientCredentials | undefined;
  #trust: MeshTrust | undefined;
  #adopting: Promise<unknown> = Promise.resolve();

  private constructor(options: MeshOptions, latencies: Map<number, number>, certified: ReadonlySet<string>) {
    this.#options = options;
    this.#latencies = latencies;
    this.#certified = new Set(certified);
    this.#servers = new MemberServers({
      trust: () => this.#trust,
      nowSeconds: () => seconds(options.clock),
      signatures: options.checks.device,
      bareAfterEnd: false,
      certified,
      onCertified: (account) => {
        this.#certified.add(account);
        this.#certifiedStored = false;
      },
    });
  }

  /** Reads the stored bundle and checks it again, but for its time: see `ensureCurrent`. */
  static async open(options: MeshOptions): Promise<Mesh> {
    const { store } = options;
    const mesh = new Mesh(options, await store.latencies(), await store.certifiedMembers());
    const bundle = await store.bundle();
    if (bundle === undefined) return mesh;
    try {
      mesh.#trust = mesh.#verify(bundle, undefined, undefined);
    } catch (error) {
      // It was verified before it was stored.
      throw error instanceof Refusal ? damagedFile(store.bundlePath, error) : error;
    }
    return mesh;
  }

  /**
   * Sees to it that there is a bundle with a committee, and that the root's word for its keys has not ended.
   * @throws SwarmkeepError `no-bundle-found`, `bundle-expired`
   */
  async ensureCurrent(endpoints: readonly string[] = [], signal?: AbortSignal): Promise<void> {
    const ended = (): boolean => seconds(this.#options.clock) > (this.#trust?.validity.notAfter ?? 0);
    if (this.#trust?.committee === undefined || ended()) await this.refresh(endpoints, signal);
    if (!ended()) return;
    throw new SwarmkeepError(`the root's certificate of the group keys ended at ${this.trust.validity.notAfter}`, {
      kind: "network",
      code: "bundle-expired",
      advice: "Check this device's clock; if it is right, whoever keeps the root has to certify the keys anew.",
      details: { notAfter: this.trust.validity.notAfter, now: seconds(this.#options.clock) },
    });
  }

  /** @throws SwarmkeepError `no-bundle` */
  get trust(): MeshTrust {
    if (this.#trust !== undefined) return this.#trust;
    throw new SwarmkeepError("this device has no trust bundle yet", {
      kind: "usage",
      code: "no-bundle",
      advice: "Give one with --bundle <file>, or the address of a validator with --validator <host:port>.",
    });
  }

  get hasTrust(): boolean {
    return this.#trust !== undefined;
  }

  /** @throws SwarmkeepError `no-committee` */
  get committee(): CommitteeList {
    const { committee } = this.trust;
    if (committee !== undefined) return committee;
    throw new SwarmkeepError("the trust bundle has no committee list yet", {
      kind: "network",
      code: "no-committee",
      advice: "Try again once the first committee is in office.",
    });
  }

  get quorum(): Quorum {
    return quorumOf(this.committee.members.length);
  }

  #verify(bundle: Uint8Array, now: number | undefined, minimumGeneration: number | undefined): MeshTrust {
    const { store, checks } = this.#options;
    const { rootFingerprint, meshId, chainId, anchor } = store.provisioning;
    const pins = { rootFingerprint, meshId, now, ...(minimumGeneration && { minimumGeneration }) };
    const trust = verifyBundle(bundle, pins, checks);
    if (trust.chainId !== chainId || Buffer.compare(trust.anchor, anchor) !== 0) {
      throw new Refusal(
        "wrong-mesh",
        "the bundle is of another chain or contract than this device was provisioned for",
      );
    }
    return trust;
  }

  /**
   * Takes a bundle from anywhere, if it is good and newer than the one there is. True if it was taken.
   * @param recovered SHA-256 of the root CA's certificate of keys that took the old ones' place without their signature, from whoever
   * owns the device: on the ledger the swarm could have stopped them, and here nothing else tells them from a thief's.
   * @throws Refusal
   */
  adopt(bundle: Uint8Array, recovered?: Uint8Array): Promise<boolean> {
    // One at a time: each is compared with the one before, which is on disk by then.
    const adopted = this.#adopting.then(() => this.#adopt(bundle, recovered));
    this.#adopting = adopted.catch(() => undefined);
    return adopted;
  }

  async #adopt(bundle: Uint8Array, recovered?: Uint8Array): Promise<boolean> {
    const found = this.#verify(bundle, seconds(this.#options.clock), this.#trust?.generation);
    if (this.#trust !== undefined) {
      const isOwners = recovered !== undefined && isCertifiedBy(recovered, bundle, found);
      if (!isOwners) expectSuccession(found, this.#trust);
      if (!isNewer(found, this.#trust)) return false;
      if (!isOwners && lacks(found, this.#trust, seconds(this.#options.clock))) return false;
    }
    await this.#options.store.saveBundle(bundle);
    this.#trust = found;
    return true;
  }

  /**
   * Asks validators for a newer bundle: those given, those of the committee, those of the provisioning file. True if one was
   * taken. Unreachable and lying ones are passed over.
   * @param recovered as `adopt` takes it.
   * @throws SwarmkeepError `no-bundle-found` where there was no bundle and nobody had a good one; the signal's reason
   */
  async refresh(endpoints: readonly string[] = [], signal?: AbortSignal, recovered?: Uint8Array): Promise<boolean> {
    const { store } = this.#options;
    const listed = this.#trust?.committee === undefined ? [] : this.#ordered().map(({ endpoint }) => endpoint);
    const sources = [...new Set([...endpoints, ...listed, ...store.provisioning.validators])].filter(Boolean);
    const problems: unknown[] = [];
    let taken = false;
    while (sources.length > 0) {
      const bundles = await Promise.allSettled(
        sources.splice(0, BUNDLE_SOURCES).map((endpoint) => this.#fetchBundle(endpoint, signal)),
      );
      signal?.throwIfAborted();
      let answered = false;
      for (const bundle of bundles) {
        try {
          if (bundle.status === "rejected") throw bundle.reason;
          taken = (await this.adopt(bundle.value, recovered)) || taken;
          answered = true;
        } catch (error) {
          problems.push(error);
        }
      }
      // A committee that has just begun signs its list: one member has it before another.
      if (answered && this.#trust?.committee !== undefined) return taken;
    }
    if (this.#trust !== undefined) return taken;
    throw noBundleFound(problems);
  }

  async #fetchBundle(endpoint: string, signal?: AbortSignal): Promise<Uint8Array> {
    parseEndpoint(endpoint);
    const client = this.#options.transport(endpoint, { kind: "unverified" });
    try {
      const request: ClientRequest = { method: "GET", path: PATH.bundle, maximumAnswerBytes: MAXIMUM_BUNDLE_BYTES };
      return (await client.request(signal === undefined ? request : { ...request, signal })).body;
    } finally {
      client.close();
    }
  }

  /** Members with an endpoint, the nearest first. */
  #ordered(): CommitteeMember[] {
    const { store, random } = this.#options;
    const reachable = this.committee.members.filter(({ endpoint }) => endpoint !== "");
    return byNearness(reachable, store.provisioning.scope, this.#latencies, random);
  }

  /** Whoever is known by a TLS key: members in the order in which they are asked, then the others as given. */
  nearestFirst<T extends { readonly tlsPin: Uint8Array }>(others: readonly T[]): T[] {
    const places = new Map(this.#ordered().map(({ tlsPin }, place) => [bytesToHex(tlsPin), place]));
    const placeOf = ({ tlsPin }: T): number => places.get(bytesToHex(tlsPin)) ?? places.size;
    return others.toSorted((a, b) => placeOf(a) - placeOf(b));
  }

  #client(member: CommitteeMember, showsItself: boolean): Client {
    const { store, transport, preSharedKey } = this.#options;
    const { meshId, index } = store.provisioning;
    const trust: Trust =
      preSharedKey === undefined || showsItself
        ? { kind: "pin", pin: member.tlsPin, judge: this.#servers.judgeOf(member.account) }
        : {
            kind: "psk",
            identity: preSharedKeyIdentity(meshId, index),
            key: validatorPreSharedKey(preSharedKey, meshId, member.account),
          };
    const name = `${member.endpoint} ${Buffer.from(member.tlsPin).toString("hex")} ${showsItself}`;
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = transport(member.endpoint, trust, showsItself ? () => this.#shown : undefined);
      this.#clients.set(name, client);
    }
    return client;
  }

  /**
   * One request to one member, with its time measured and a wish to be left alone remembered.
   * @param as `itself`: with the device's certificate, where it has one. What is meant for everybody is asked for without.
   */
  async request(member: CommitteeMember, request: ClientRequest, as: Asking = "anyone"): Promise<ClientAnswer> {
    const { clock, credentials } = this.#options;
    if (as === "itself") this.#shown = await credentials?.();
    const begun = clock.now();
    try {
      const answer = await this.#client(member, as === "itself" && this.#shown !== undefined).request(request);
      this.#latencies.set(member.seat, clock.now() - begun);
      return answer;
    } catch (error) {
      if (request.signal?.aborted !== true) {
        const retryAfter = error instanceof RemoteError ? error.retryAfter : undefined;
        if (retryAfter !== undefined) {
          const seconds = Math.min(retryAfter, MAXIMUM_REST_SECONDS);
          this.#busyUntil.set(bytesToHex(member.account), clock.now() + 1000 * seconds);
        } else if (!(error instanceof RemoteError)) this.#latencies.set(member.seat, Infinity);
      }
      throw error;
    }
  }

  /**
   * Asks members in parallel until `needed` have answered well. Members that asked to be left alone are left alone; where
   * too few others are there, it waits for them first.
   * @throws GatherError, or the signal's reason
   */
  async ask<Part>(
    needed: number,
    ask: (member: CommitteeMember, signal: AbortSignal) => Promise<Part>,
    options: { readonly exclude?: ReadonlySet<number>; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Gathered<CommitteeMember, Part>> {
    const { clock, store } = this.#options;
    const { exclude = new Set<number>(), signal } = options;
    const members = this.#ordered().filter(({ seat }) => !exclude.has(seat));
    const wait = this.#untilAvailable(members, needed) - clock.now();
    if (wait > 0) await clock.sleep(wait, signal);
    const now = clock.now();
    const available = members.filter((member) => this.#restEnds(member) <= now);
    const patienceMilliseconds = PATIENCE_MILLISECONDS;
    try {
      return await gather({ members: available, needed, ask, patienceMilliseconds, ...(signal && { signal }) });
    } finally {
      await store.saveLatencies(this.#latencies);
      if (!this.#certifiedStored) await store.saveCertifiedMembers(this.#certified);
      this.#certifiedStored = true;
    }
  }

  #restEnds({ account }: CommitteeMember): number {
    return this.#busyUntil.get(bytesToHex(account)) ?? 0;
  }

  /** When `needed` of the members may be asked, in milliseconds since 1970; where there are not so many, nothing is worth a wait. */
  #untilAvailable(members: readonly CommitteeMember[], needed: number): number {
    const times = members.map((member) => this.#restEnds(member)).sort((a, b) => a - b);
    return times[needed - 1] ?? 0;
  }

  /**
   * The first good answer of any member. `read` throws at a bad one. Where nobody has one, members of a newer list are asked: whoever
   * slept through many epochs knows members that are gone, or have no certificate any more, or keys that were replaced.
   * @throws GatherError, or the signal's reason
   */
  async fetch<T>(
    path: string,
    read: (body: Uint8Array) => T,
    signal?: AbortSignal,
    limits: Pick<ClientRequest, "maximumAnswerBytes" | "timeoutMilliseconds"> = {},
  ): Promise<T> {
    const once = async (): Promise<T> => {
      const { parts } = await this.ask(
        1,
        async (member, stop) =>
          read((await this.request(member, { method: "GET", path, signal: stop, ...limits })).body),
        { signal },
      );
      return (parts[0] as { part: T }).part;
    };
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof GatherError) || !(await this.refresh([], signal))) throw error;
      return once();
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}

/** A later generation, or within one a committee list of a later tick. */
function isNewer(found: MeshTrust, known: MeshTrust): boolean {
  if (found.generation !== known.generation) return found.generation > known.generation;
  return (found.committee?.tick ?? -1) > (known.committee?.tick ?? -1);
}

/**
 * Whether a bundle was stripped of what it could have had: of its committee list, without which nobody is known to be asked for
 * another, or of the link to its keys, without which those before count no more, while they still do.
 */
function lacks(found: MeshTrust, known: MeshTrust, now: number): boolean {
  const { former } = known;
  const endsHandover = former !== undefined && found.generation === known.generation && isHandover(former, now);
  return (
    (known.committee !== undefined && found.committee === undefined) || (endsHandover && found.former === undefined)
  );
}

function noBundleFound(problems: readonly unknown[]): SwarmkeepError {
  const reasons = problems.map((problem) => (problem instanceof Error ? problem.message : String(problem)));
  const told = reasons.length === 0 ? "no validator's address is known" : [...new Set(reasons)].join("; ");
  return new SwarmkeepError(`no validator gave a trust bundle under the pinned root: ${told}`, {
    kind: "network",
    code: "no-bundle-found",
    advice: "Name a validator with --validator <host:port>, or give a bundle with --bundle <file>.",
    details: { reasons },
  });
}

/** Whether the root CA's certificate with this SHA-256 is that of the bundle's newest keys. */
function isCertifiedBy(fingerprint: Uint8Array, bundle: Uint8Array, { generations }: MeshTrust): boolean {
  const newest = decodeBundle(bundle).crossCertificates.at(-1);
  const isOfRoot = generations.at(-1)?.link === undefined;
  return isOfRoot && newest !== undefined && equalBytes(sha256(newest), fingerprint);
}

/**
 * A device keeps to the group keys that it has seen: whoever steals the root CA's key can certify others to devices that
 * have never seen this mesh, and to no other. New keys take the old ones' signature, generation by generation.
 */
function expectSuccession(found: MeshTrust, pinned: MeshTrust): void {
  const since = found.generations.filter(({ generation }) => generation >= pinned.generation);
  const [first, ...later] = since;
  const same = first?.generation === pinned.generation && isSameKeys(first.keys, pinned.keys);
  if (same && later.every(({ link }) => link !== undefined)) return;
  const what = `other group keys (generation ${found.generation}) than those pinned (generation ${pinned.generation})`;
  throw new Refusal("wrong-mesh", `the bundle has ${what}, and nothing that the old keys signed`, {
    field: "bundle.crossCertificates",
  });
}

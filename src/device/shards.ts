/**
 * The device's key from its shards (docs/protocol.md, section 20): found by the map that the swarm signed, fetched from the holders,
 * rebuilt for one use and wiped. Map and sealed shards are kept in the device's folder, so that a device that is offline goes on
 * while its map lasts.
 *
 * ```
 * shard-map.cbor    the newest map, under the swarm's signature
 * shards.cbor       this device's entry and its sealed shards, as holders gave them
 * one-time.json     the next one-time key, by version of the map
 * messages.json     sealed messages that are reserved, by version of the map
 * ```
 */
import { decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, tuple, uint } from "../certificate/reader.js";
import { Refusal } from "../certificate/refusal.js";
import {
  type Holder,
  type ShardMapTerms,
  decodeShardMap,
  decodeShardMapPayload,
  encodeShardMap,
  shardMapToSign,
  verifyShardMap,
} from "../certificate/shard-map.js";
import type { Client, ClientCredentials } from "../net/client.js";
import { PATH } from "../protocol/api.js";
import { coseStatementDigest } from "../protocol/evidence.js";
import { RemoteError } from "../net/error-body.js";
import { GatherError } from "../protocol/gather.js";
import { decodeShardAnswer, encodeShardRequest } from "../protocol/shards.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { type Clock, seconds } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { wipe } from "../shards/bytes.js";
import type { ShardContext } from "../shards/derivation.js";
import { type MessageBudget, type MessageKeys, messageKeys } from "../shards/deterministic-aead.js";
import { checkEntry, decodePlacedEntry } from "../shards/entry.js";
import { ShardError } from "../shards/errors.js";
import { type OneTimeSignature, signOnce } from "../shards/one-time-keys.js";
import { type FetchedShards, checkMapTime, fetchShards, withSeed } from "../shards/reconstruct.js";
import type { DeviceKeystore } from "./keystore.js";
import type { Mesh, Transport } from "./mesh.js";
import { judgeFailures, tooFewAnswers } from "./refusals.js";
import { durableBudget, takeNumbers } from "./shard-counters.js";
import { findRoot, noShardRoot } from "./shard-root.js";
import type { DeviceStore } from "./store.js";
import { type SigningChecks, signByBls } from "./swarm-signing.js";

export interface DeviceShardsOptions {
  readonly store: DeviceStore;
  readonly mesh: Mesh;
  readonly transport: Transport;
  readonly checks: SigningChecks;
  readonly clock: Clock;
  /** Has the device root, or opens one that is sealed to the identity key. */
  readonly keystore: DeviceKeystore;
  /** What the device shows to holders. */
  readonly credentials: () => Promise<ClientCredentials | undefined>;
}

export interface UseOptions {
  /** Asks nobody: what is kept here has to do. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

/** What a use of the seed gets to know. */
export interface Rebuilt {
  readonly terms: ShardMapTerms;
  readonly entry: FetchedShards["entry"];
}

export interface DeviceShards {
  /** The map as it counts now. @throws ShardError `map-ended`, `map-pending`, `map-mismatch`; SwarmkeepError `no-shard-map` */
  map(options?: UseOptions): Promise<ShardMapTerms>;
  /** Rebuilds the seed, hands it to `use`, and wipes it. */
  withSeed<T>(use: (seed: Uint8Array, rebuilt: Rebuilt) => Promise<T> | T, options?: UseOptions): Promise<T>;
  /** Rebuilds the keys of `iv`, `seal` and `open`, with the epoch that they are for; wipes them after `use`. */
  withMessageKeys<T>(
    use: (keys: MessageKeys, epoch: number, budget: MessageBudget) => Promise<T> | T,
    options?: UseOptions,
  ): Promise<T>;
  /** Signs a digest (`messageDigest`) with the next one-time key; its use is on disk before the signature is made. */
  signOnce(digest: Uint8Array, options?: UseOptions): Promise<{ signature: OneTimeSignature; root: Uint8Array }>;
  close(): void;
}

/** The map that is kept: what was known, the same where it counts now, and why not where it does not. */
interface CachedMap {
  readonly known?: ShardMapTerms | undefined;
  readonly terms?: ShardMapTerms;
  readonly problem?: Error;
}

/** Members may be a block apart, and then sign different maps for a moment. */
const ATTEMPTS = 5;
const RETRY_MILLISECONDS = 1_000;
const DIFFERENT: ReadonlySet<string> = new Set(["map-differs", "too-few-validators"]);
const CACHE_LIMITS = { maximumLength: 1 << 20, maximumDepth: 3 };
const readCache = tuple({
  placed: bytes(1, 8_192),
  sealed: list(tuple({ index: uint(31), bytes: bytes(1, 8_192) }), 1, 32),
});

export function createDeviceShards(options: DeviceShardsOptions): DeviceShards {
  const { store, mesh, transport, checks, clock, keystore } = options;
  const { index, meshId, enrolment } = store.provisioning;
  const file = {
    map: store.folder.file("shard-map.cbor"),
    shards: store.folder.file("shards.cbor"),
    oneTime: store.folder.file("one-time.json"),
    messages: store.folder.file("messages.json"),
  };
  const clients = new Map<string, Client>();
  const own = index + 1;
  let shown: ClientCredentials | undefined;

  const expectOwn = (terms: ShardMapTerms): ShardMapTerms => {
    if (terms.fleetId === enrolment.fleetId && (terms.subject === 0 || terms.subject === own)) return terms;
    throw new ShardError("map-mismatch", `the map is of fleet ${terms.fleetId}, subject ${terms.subject}`, {
      wanted: [enrolment.fleetId, own],
    });
  };
  const verified = (encoded: Uint8Array): ShardMapTerms =>
    expectOwn(verifyShardMap(encoded, mesh.trust, seconds(clock), checks.bls));
  /** What is kept here, and why it does not count, if it does not: it may be under keys that were replaced. */
  const cachedMap = async (): Promise<CachedMap> => {
    const encoded = await readIfPresent(file.map);
    if (encoded === undefined) return { problem: noMap() };
    let known: ShardMapTerms | undefined;
    try {
      // Its version was the swarm's word when it was stored: no older map comes after it.
      known = decodeShardMap(encoded);
      return { known, terms: verified(encoded) };
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      return { known, problem };
    }
  };

  /** By one member's word, and then a quorum's signature. */
  const signedMap = async (signal: AbortSignal | undefined): Promise<Uint8Array> => {
    await mesh.ensureCurrent([], signal);
    try {
      const read = (body: Uint8Array): Uint8Array => {
        expectOwn(decodeShardMapPayload(body));
        return body;
      };
      const payload = await mesh.fetch(`${PATH.shardMap}/${enrolment.fleetId}/${own}`, read, signal);
      const message = shardMapToSign(mesh.trust.externalAad, payload);
      const signed = { message, digest: coseStatementDigest(message) };
      const request = { signed, body: async () => payload, signal };
      return encodeShardMap(payload, await signByBls(mesh, PATH.shardMapSign, request, checks));
    } catch (error) {
      if (!(error instanceof GatherError)) throw error;
      const verdict = judgeFailures(error, mesh.quorum, 0);
      throw verdict.next === "give-up" ? verdict.error : tooFewAnswers(error);
    }
  };

  const freshMap = async (known: ShardMapTerms | undefined, signal?: AbortSignal): Promise<ShardMapTerms> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const encoded = await signedMap(signal);
        const terms = verified(encoded);
        if (known?.subject === terms.subject && terms.version < known.version) throw olderThan(known, terms);
        await writeAtomically(file.map, encoded);
        return terms;
      } catch (error) {
        const mayPass = error instanceof SwarmkeepError && DIFFERENT.has(error.code);
        if (!mayPass || attempt === ATTEMPTS) throw error;
        // Those asked may have left office since this list was made. Where nobody answers, and nobody knows of others, there is no use.
        const isNewer = await mesh.refresh([], signal);
        if (!isNewer && !wasAnswered(error)) throw error;
        await clock.sleep(RETRY_MILLISECONDS, signal);
      }
    }
  };

  const currentMap = async ({ offline = false, signal }: UseOptions = {}): Promise<ShardMapTerms> => {
    const { known, terms: kept, problem } = await cachedMap();
    let terms = kept;
    if (!offline) {
      try {
        terms = await freshMap(known, signal);
      } catch (error) {
        signal?.throwIfAborted();
        // Away from the network a map that lasts is enough; who was refused is told so.
        const isAway = error instanceof SwarmkeepError && error.kind === "network";
        if (kept === undefined || !isAway) throw error;
      }
    }
    if (terms === undefined) throw problem ?? noMap();
    checkMapTime(terms, seconds(clock));
    return terms;
  };

  const fetchFrom = async (holder: Holder, id: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | undefined> => {
    const name = `${holder.endpoint} ${Buffer.from(holder.tlsPin).toString("hex")}`;
    let client = clients.get(name);
    if (client === undefined) {
      client = transport(holder.endpoint, { kind: "pin", pin: holder.tlsPin }, () => shown);
      clients.set(name, client);
    }
    const body = encodeShardRequest([id]);
    const answer = await client.request({ method: "POST", path: PATH.shards, body, ...(signal && { signal }) });
    return decodeShardAnswer(answer.body).shards[0] ?? undefined;
  };

  const showCertificate = async (): Promise<void> => {
    shown = await options.credentials();
    if (shown === undefined) throw noCertificate();
  };
  const nearest = (holders: readonly Holder[]): readonly Holder[] => mesh.nearestFirst(holders);

  const fromHolders = async (
    root: Uint8Array,
    context: ShardContext,
    terms: ShardMapTerms,
    signal?: AbortSignal,
  ): Promise<FetchedShards> => {
    await showCertificate();
    const fetched = await fetchShards(root, context, terms, (holder, id) => fetchFrom(holder, id, signal), nearest);
    const sealed = [...fetched.sealed].map(([at, shard]) => [at, shard] as const);
    await writeAtomically(file.shards, encodeCbor([fetched.placed, sealed]));
    return fetched;
  };

  /** Of a device that no factory gave a root: it comes with the first shards. */
  const firstShards = async (context: ShardContext, terms: ShardMapTerms, signal?: AbortSignal) => {
    await showCertificate();
    return findRoot(context, terms, {
      keystore,
      fetch: (holder, id) => fetchFrom(holder, id, signal),
      nearest,
      shardsOf: (root) => fromHolders(root, context, terms, signal),
    });
  };

  const cachedShards = async (context: ShardContext, terms: ShardMapTerms): Promise<FetchedShards | undefined> => {
    const encoded = await readIfPresent(file.shards);
    if (encoded === undefined) return undefined;
    try {
      const { placed, sealed } = readCache(decodeCbor(encoded, "shards", CACHE_LIMITS), "shards");
      const entry = checkEntry(decodePlacedEntry(placed), terms.root, context);
      return { placed, entry, sealed: new Map(sealed.map((one) => [one.index, one.bytes])) };
    } catch (error) {
      // Of another version, or damaged: the holders have them.
      if (error instanceof SwarmkeepError) return undefined;
      throw error;
    }
  };

  const rebuild = async <T>(
    use: (seed: Uint8Array, rebuilt: Rebuilt) => Promise<T> | T,
    given: UseOptions = {},
  ): Promise<T> => {
    let root = await keystore.shardRoot?.();
    try {
      if (root === undefined && given.offline === true) throw noShardRoot(undefined);
      const terms = await currentMap(given);
      const context: ShardContext = { meshId, device: index, version: terms.version };
      let fetched = root && (await cachedShards(context, terms));
      if (root === undefined) {
        ({ root, fetched } = await firstShards(context, terms, given.signal));
      } else if (fetched === undefined) {
        if (given.offline === true) throw new ShardError("too-few-shards", "no shards of this version are kept here");
        fetched = await fromHolders(root, context, terms, given.signal);
      }
      const { entry } = fetched;
      return await withSeed(root, context, fetched, (seed) => use(seed, { terms, entry }));
    } finally {
      wipe(root);
    }
  };

  const budget = durableBudget(file.messages);

  return {
    map: currentMap,
    withSeed: rebuild,
    withMessageKeys: (use, given) =>
      rebuild(async (seed, { terms }) => {
        const keys = messageKeys(seed);
        try {
          return await use(keys, terms.version, budget);
        } finally {
          keys.wipe();
        }
      }, given),
    signOnce: (digest, given) =>
      rebuild(async (seed, { terms, entry }) => {
        const { count, type, root } = entry.oneTime;
        const used = await takeNumbers(file.oneTime, terms.version, 1);
        if (used >= count) {
          const message = `all ${count} one-time keys of version ${terms.version} have signed`;
          throw new ShardError("budget-spent", message, { count });
        }
        return { signature: signOnce(seed, used, count, type, digest), root };
      }, given),
    close() {
      for (const client of clients.values()) client.close();
      clients.clear();
    },
  };
}

/** Whether any member gave an answer, though a bad one, rather than none. */
function wasAnswered({ code, cause }: SwarmkeepError): boolean {
  return !(cause instanceof GatherError) || code !== "too-few-validators" || cause.failures.some(isAnswer);
}

const isAnswer = ({ error }: { readonly error: unknown }): boolean => error instanceof RemoteError;

function olderThan(known: ShardMapTerms, found: ShardMapTerms): ShardError {
  const message = `the map is of version ${found.version}, and version ${known.version} was seen before`;
  return new ShardError("map-mismatch", message, { found: found.version, known: known.version });
}

function noMap(): SwarmkeepError {
  return new SwarmkeepError("this device has no shard map yet", {
    kind: "usage",
    code: "no-shard-map",
    advice: "Let it reach the validators once.",
  });
}

function noCertificate(): SwarmkeepError {
  return new SwarmkeepError("holders give shards to a device that shows its X.509 certificate, and this one has none", {
    kind: "usage",
    code: "certificate-needed",
    advice: "Enrol or renew it with an X.509 certificate that lasts, under a key that the keystore gives to TLS.",
  });
}

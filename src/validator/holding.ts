/**
 * Whoever keeps shards, a validator or a gateway-class device (docs/protocol.md, section 20.8). It takes them from the fleet's registrar, gives each to its
 * device alone while the map serves and the device is not revoked, shows the registrar what it has, and deletes what is over.
 */
import { type MapStatus, type MapVersion, SERVED } from "../ledger/shard-book.js";
import {
  type MapName,
  type ShardAnswer,
  type ShardDelivery,
  type SignedContent,
  collectionName,
  contentHash,
  decodeDeliveryContent,
  decodeSampleContent,
  decodeShardRequest,
  decodeSignedContent,
  mapOfCollection,
} from "../protocol/shards.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";
import { scopesOverlap } from "../statements/scope.js";
import type { ShardStore } from "../store/shard-store.js";
import type { CertifiedDevice } from "./caller.js";
import type { MeshContext } from "./mesh-context.js";
import { expectOfRegistrar } from "./registrar-message.js";
import type { Standing } from "./standing.js";

export interface HoldingOptions {
  readonly context: MeshContext;
  readonly standing: Pick<Standing, "projection">;
  readonly store: ShardStore;
  readonly nowSeconds: () => number;
  /** Bytes that the store holds at most, where registrars share them: whoever chose the fleets itself does without. */
  readonly quota?: number;
  /** Whether this holder keeps shards of a fleet; of all of them if not given. */
  readonly isOffered?: (fleetId: number) => boolean;
}

/** Versions of one subject that may be delivered before they are on the ledger. */
const VERSIONS_AHEAD = 4;
/** Of all subjects of a fleet together. */
const PENDING_VERSIONS = 64;
const OVER: ReadonlySet<MapStatus> = new Set(["ended", "invalidated"]);
/** A registrar's signature counts for no longer, so that an old one is of no use. */
const MAXIMUM_SIGNATURE_SECONDS = 3_600;

export class Holding {
  readonly #options: HoldingOptions;

  constructor(options: HoldingOptions) {
    this.#options = options;
  }

  /**
   * Keeps what the fleet's registrar delivers, also for one of the next versions, which are not on the ledger yet. Gives how many, once on
   * disk.
   */
  async take(body: Uint8Array): Promise<number> {
    const signed = decodeSignedContent(body);
    const delivery = decodeDeliveryContent(signed.content);
    this.#expectRegistrar(
      signed,
      delivery,
      delivery.shards.map(({ device }) => device),
    );
    const version = this.#version(delivery);
    if (version !== undefined && OVER.has(this.#statusOf(version))) {
      throw notServed(delivery, this.#statusOf(version));
    }
    if (version === undefined) this.#expectNext(delivery);
    this.#expectShare(delivery);
    if (version === undefined) await this.#makeRoom(delivery);
    await this.#options.store.put(collectionName(delivery), delivery.shards);
    return delivery.shards.length;
  }

  /** What a device gets: its own shards, while it may have them. Of others it learns no more than of such as nobody has. */
  async give(body: Uint8Array, { index, scope }: CertifiedDevice): Promise<ShardAnswer> {
    const shards: (Uint8Array | null)[] = [];
    for (const id of decodeShardRequest(body)) {
      const found = await this.#find(id, index);
      if (found !== undefined) this.#expectServed(found.name, index, scope);
      shards.push(found?.bytes ?? null);
    }
    return { shards, count: 0, bytes: 0 };
  }

  /** The newest of the device's own fleet: what another fleet's registrar put under the same id is nothing to it. */
  async #find(id: Uint8Array, index: number): Promise<{ name: MapName; bytes: Uint8Array } | undefined> {
    const { store, standing } = this.#options;
    const fleetId = standing.projection.batchOf(BigInt(index))?.fleetId;
    for (const collection of store.collectionsOf(id).toReversed()) {
      const name = mapOfCollection(collection);
      if (name === undefined || BigInt(name.fleetId) !== fleetId) continue;
      const found = await store.get(collection, id);
      if (found?.device === index) return { name, bytes: found.bytes };
    }
    return undefined;
  }

  /** What the registrar is shown: shards by id, and how much there is of the version. */
  async show(body: Uint8Array): Promise<ShardAnswer> {
    const { store } = this.#options;
    const signed = decodeSignedContent(body);
    const request = decodeSampleContent(signed.content);
    this.#expectRegistrar(signed, request, []);
    const collection = collectionName(request);
    const shards = await Promise.all(request.ids.map(async (id) => (await store.kept(collection, id))?.bytes ?? null));
    const usage = store.usage().find((one) => one.collection === collection);
    return { shards, count: usage?.shards ?? 0, bytes: usage?.bytes ?? 0 };
  }

  /** Deletes versions that are over. Gives their names. */
  async deleteExpired(): Promise<readonly string[]> {
    const { store } = this.#options;
    const over = store.usage().filter(({ collection }) => {
      const name = mapOfCollection(collection);
      const version = name === undefined ? undefined : this.#version(name);
      return version !== undefined && OVER.has(this.#statusOf(version));
    });
    for (const { collection } of over) await store.drop(collection);
    return over.map(({ collection }) => collection);
  }

  /** Of whole fleets and single devices, the next versions alone. @throws SwarmkeepError `wrong-subject`, `version-ahead` */
  #expectNext({ fleetId, subject, version, shards }: ShardDelivery): void {
    const { standing } = this.#options;
    const newest = standing.projection.shards.versions(BigInt(fleetId), BigInt(subject)).length;
    if (subject !== 0 && shards.some(({ device }) => device + 1 !== subject)) {
      throw new SwarmkeepError(`subject ${subject} is not the device that each of these shards is for`, {
        kind: "refused",
        code: "wrong-subject",
        advice:
          "Deliver shards of several devices as the fleet's, subject 0; a device's own subject is its index and 1.",
        details: { fleetId, subject, version },
      });
    }
    if (version > newest + VERSIONS_AHEAD) {
      throw new SwarmkeepError(
        `the newest version of subject ${subject} is ${newest} here, and ${version} was delivered`,
        {
          kind: "refused",
          code: "version-ahead",
          advice: `Deliver no more than ${VERSIONS_AHEAD} versions before they are on the ledger.`,
          details: { fleetId, subject, version, newest },
        },
      );
    }
  }

  /** A version that is not on the ledger costs its registrar nothing: of more than a fleet may have, the oldest go. */
  async #makeRoom(delivery: MapName): Promise<void> {
    const { store } = this.#options;
    const name = collectionName(delivery);
    const pending = store.usage().flatMap(({ collection }) => {
      const map = mapOfCollection(collection);
      return map?.fleetId === delivery.fleetId && this.#version(map) === undefined ? [collection] : [];
    });
    if (pending.includes(name)) return;
    const tooMany = Math.max(0, pending.length + 1 - PENDING_VERSIONS);
    for (const old of pending.slice(0, tooMany)) await store.drop(old);
  }

  /** Who keeps shards of everybody keeps as much for each registrar. @throws SwarmkeepError `share-full` */
  #expectShare({ fleetId, shards }: ShardDelivery): void {
    const { standing, store, quota } = this.#options;
    if (quota === undefined) return;
    const { fleets, grants } = standing.projection;
    const registrarOf = (id: number): string | undefined => fleets.get(BigInt(id))?.registrar;
    const registrars = new Set([...grants.values()].map(({ registrar }) => registrar));
    const share = Math.floor(quota / Math.max(1, registrars.size));
    const own = registrarOf(fleetId);
    const kept = store.usage().reduce((sum, { collection, bytes }) => {
      const map = mapOfCollection(collection);
      return map !== undefined && registrarOf(map.fleetId) === own ? sum + bytes : sum;
    }, 0);
    const wanted = shards.reduce((sum, { bytes }) => sum + bytes.length, kept);
    if (wanted <= share) return;
    throw new SwarmkeepError(`this registrar's shards would take ${wanted} bytes here, and ${share} are its share`, {
      kind: "refused",
      code: "share-full",
      advice: "Let versions end that are used no more, or leave this holder out of the list of holders.",
      details: { fleetId, wanted, share },
    });
  }

  #version({ fleetId, subject, version }: MapName): MapVersion | undefined {
    return this.#options.standing.projection.shards.version(BigInt(fleetId), BigInt(subject), version);
  }

  #statusOf(version: MapVersion): MapStatus {
    const { standing, nowSeconds } = this.#options;
    return standing.projection.shards.statusAt(version, nowSeconds());
  }

  #expectServed(name: MapName, index: number, scope: string): void {
    const { standing, nowSeconds } = this.#options;
    const version = this.#version(name);
    const status = version === undefined ? "pending" : this.#statusOf(version);
    if (version === undefined || !SERVED.has(status)) throw notServed(name, status);
    const covers = (limited: string): boolean => scopesOverlap(limited, scope);
    if (!standing.projection.shards.isLimited(version, BigInt(index), covers, nowSeconds())) return;
    throw new SwarmkeepError(`device ${index} is cut off from version ${name.version} of its shards`, {
      kind: "refused",
      code: "map-limited",
      advice: "Its registrar shortened the schedule; the next version will serve it.",
      details: { index, ...name },
    });
  }

  #expectRegistrar(
    { content, expiry, signature }: SignedContent,
    { fleetId }: MapName,
    devices: readonly number[],
  ): void {
    const { context, standing, nowSeconds, isOffered } = this.#options;
    const now = nowSeconds();
    if (isOffered?.(fleetId) === false) {
      throw new SwarmkeepError(`this holder was not offered to fleet ${fleetId}`, {
        kind: "refused",
        code: "not-offered",
        advice: "Offer it on the ledger first (`swarmkeep shards offer`), and wait until that is final.",
        details: { fleetId },
      });
    }
    if (expiry <= now || expiry > now + MAXIMUM_SIGNATURE_SECONDS) {
      throw new SwarmkeepError(`the request's expiry is ${expiry}, and it is ${now} here`, {
        kind: "refused",
        code: "expired",
        advice: `Sign it anew, for at most ${MAXIMUM_SIGNATURE_SECONDS} seconds, and compare the clocks.`,
        details: { expiry, now },
      });
    }
    const values = { fleetId, contentHash: contentHash(content), expiry };
    const digest = statementDigest(context.separators.shards, "ShardDelivery", values);
    const message = { fleetId, digest, signature, devices: devices.map((index) => ({ index })) };
    expectOfRegistrar(standing.projection, message, "shards");
  }
}

function notServed(name: MapName, status: string): SwarmkeepError {
  return new SwarmkeepError(`version ${name.version} of the shards of fleet ${name.fleetId} is ${status}`, {
    kind: "refused",
    code: "map-not-served",
    advice: "Fetch the newest map.",
    details: { ...name, status },
  });
}

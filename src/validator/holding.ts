/**
 * Whoever keeps shards, a validator or a gateway-class device (docs/protocol.md, section 20.8). It takes them from the fleet's registrar, gives each to its
 * device alone while the map serves and the device is not revoked, shows the registrar what it has, and deletes what is over.
 */
import { type MapStatus, type MapVersion, SERVED } from "../ledger/shard-book.js";
import {
  type MapName,
  type ShardAnswer,
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
  /** Whether this holder keeps shards of a fleet; of all of them if not given. */
  readonly isOffered?: (fleetId: number) => boolean;
}

const OVER: ReadonlySet<MapStatus> = new Set(["ended", "invalidated"]);
/** A registrar's signature counts for no longer, so that an old one is of no use. */
const MAXIMUM_SIGNATURE_SECONDS = 3_600;

export class Holding {
  readonly #options: HoldingOptions;

  constructor(options: HoldingOptions) {
    this.#options = options;
  }

  /** Keeps what the fleet's registrar delivers, also for a version that is not on the ledger yet. Gives how many, once on disk. */
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
    await this.#options.store.put(collectionName(delivery), delivery.shards);
    return delivery.shards.length;
  }

  /** What a device gets: its own shards, while it may have them. Of others it learns no more than of such as nobody has. */
  async give(body: Uint8Array, { index, scope }: CertifiedDevice): Promise<ShardAnswer> {
    const { store } = this.#options;
    const shards: (Uint8Array | null)[] = [];
    for (const id of decodeShardRequest(body)) {
      const collection = store.collectionOf(id);
      const found = collection === undefined ? undefined : await store.get(collection, id);
      if (collection === undefined || found === undefined || found.device !== index) {
        shards.push(null);
        continue;
      }
      this.#expectServed(mapOfCollection(collection) as MapName, index, scope);
      shards.push(found.bytes);
    }
    return { shards, count: 0, bytes: 0 };
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

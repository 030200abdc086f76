/** Every way in which a shard, an entry or a map can be bad: the right seed comes out, or an error, never another seed. */
import { expect } from "chai";

import type { Holder, ShardMapTerms } from "../../src/certificate/shard-map.js";
import { hmac } from "../../src/shards/bytes.js";
import {
  ENTRY_INDEX,
  type KeySource,
  deviceRoot,
  deviceShardKeys,
  nextChain,
  shardId,
} from "../../src/shards/derivation.js";
import { EntryTree, encodePlacedEntry, entryLeaf } from "../../src/shards/entry.js";
import { ShardError } from "../../src/shards/errors.js";
import { type GeneratedDevice, generateDevice } from "../../src/shards/generate.js";
import { oneTimeRoot } from "../../src/shards/one-time-keys.js";
import { holdersOf } from "../../src/shards/placement.js";
import { type FetchShard, checkMapTime, fetchShards, withSeed } from "../../src/shards/reconstruct.js";
import { SCHEME, type Sharing } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";

const meshId = new Uint8Array(32).fill(7);
const source: KeySource = {
  mac: (message) => hmac(new Uint8Array(32).fill(1), message),
  close: () => undefined,
};
const SHAMIR: Sharing = { scheme: SCHEME.shamir, threshold: 3, shards: 5 };
const SEGMENTS: Sharing = { scheme: SCHEME.segments, threshold: 4, shards: 4 };
const oneTime = { count: 4, type: KEY_TYPE.ed25519 };
const holders: Holder[] = Array.from({ length: 6 }, (_, i) => ({
  tlsPin: new Uint8Array(32).fill(i + 1),
  endpoint: `holder${i}.example:7443`,
}));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A fleet of `count` devices whose shards are at their holders. */
async function world(sharing: Sharing, { version = 1, count = 3 } = {}) {
  let chain: Uint8Array = await nextChain(source, meshId, 1);
  for (let period = 2; period <= version; period++) chain = await nextChain(source, meshId, period, chain);
  const devices: GeneratedDevice[] = [];
  for (let device = 0; device < count; device++) {
    devices.push(await generateDevice({ meshId, device, version }, { source, chain, sharing, oneTime }));
  }
  const tree = new EntryTree(Buffer.concat(devices.map(({ entry }) => entryLeaf(entry))));
  const placed = devices.map(({ entry }, position) =>
    encodePlacedEntry({ entry, position, count, path: tree.path(position) }),
  );
  const { scheme, threshold, shards } = sharing;
  const terms: ShardMapTerms = {
    generation: 1,
    fleetId: 1,
    subject: 0,
    version,
    scheme,
    threshold,
    shards,
    replicas: 3,
    validFrom: 1_000,
    validUntil: 2_000,
    graceSeconds: 100,
    rotationSeconds: 900,
    root: tree.root(),
    holders,
  };
  const kept = new Map(holders.map(({ endpoint }) => [endpoint, new Map<string, Uint8Array>()]));
  const put = (id: Uint8Array, bytes: Uint8Array): void => {
    for (const { endpoint } of holdersOf(id, holders, terms.replicas)) kept.get(endpoint)?.set(hex(id), bytes);
  };
  for (const [i, { shards: own, entryId }] of devices.entries()) {
    put(entryId, placed[i] as Uint8Array);
    for (const { id, bytes } of own) put(id, bytes);
  }
  const fetch: FetchShard = async ({ endpoint }, id) => kept.get(endpoint)?.get(hex(id));
  return { devices, placed, terms, kept, put, fetch, context: { meshId, device: 1, version } };
}

type World = Awaited<ReturnType<typeof world>>;

async function seedOf({ fetch, terms, context }: Pick<World, "fetch" | "terms" | "context">): Promise<string> {
  const root = await deviceRoot(source, meshId, context.device);
  return withSeed(root, context, await fetchShards(root, context, terms, fetch), hex);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).to.be.instanceOf(ShardError);
  return (error as ShardError).code;
}

for (const [name, sharing] of Object.entries({ "Shamir 3 of 5": SHAMIR, "4 segments": SEGMENTS })) {
  describe(`rebuilding a key from ${name}`, () => {
    let good: World;
    let seed: string;
    before(async () => {
      good = await world(sharing);
      seed = await seedOf(good);
    });

    it("gives the seed whose one-time keys the map has, and wipes it", async () => {
      const root = await deviceRoot(source, meshId, 1);
      const fetched = await fetchShards(root, good.context, good.terms, good.fetch);
      let kept: Uint8Array | undefined;
      await withSeed(root, good.context, fetched, (rebuilt) => {
        expect(oneTimeRoot(rebuilt, 4, KEY_TYPE.ed25519)).to.deep.equal(fetched.entry.oneTime.root);
        kept = rebuilt;
      });
      expect(kept).to.deep.equal(new Uint8Array(32));
      await withSeed(root, good.context, fetched, (rebuilt) => {
        kept = rebuilt;
        throw new Error("the use failed");
      }).catch(() => undefined);
      expect(kept).to.deep.equal(new Uint8Array(32));
    });

    it("goes on with all but one of each shard's holders gone", async () => {
      for (let alive = 0; alive < 3; alive++) {
        const fetch: FetchShard = async (holder, id) => {
          const keepers = holdersOf(id, holders, 3);
          if (keepers[alive]?.endpoint !== holder.endpoint) throw new Error("connection refused");
          return good.fetch(holder, id);
        };
        expect(await seedOf({ ...good, fetch })).to.equal(seed);
      }
    });

    it("passes over flipped, truncated, longer and swapped shards while a good copy is left, and never takes one", async () => {
      const other = good.devices[2] as GeneratedDevice;
      const own = good.devices[1] as GeneratedDevice;
      const old = await world(sharing, { version: 2 });
      const bad: ((bytes: Uint8Array, index: number) => Uint8Array | undefined)[] = [
        (bytes) => bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
        (bytes) => bytes.slice(0, -1),
        (bytes) => Uint8Array.of(...bytes, 0),
        (_, index) => other.shards[index]?.bytes,
        (_, index) => own.shards[(index + 1) % own.shards.length]?.bytes,
        (_, index) => old.devices[1]?.shards[index]?.bytes,
        () => undefined,
      ];
      for (const [kind, spoil] of bad.entries()) {
        const spoiled =
          (from: number): FetchShard =>
          async (holder, id) => {
            const index = own.shards.findIndex((shard) => hex(shard.id) === hex(id));
            const bytes = await good.fetch(holder, id);
            if (index < 0 || bytes === undefined) return bytes;
            const rank = holdersOf(id, holders, 3).findIndex(({ endpoint }) => endpoint === holder.endpoint);
            return rank < from ? spoil(bytes, index) : bytes;
          };
        expect(await seedOf({ ...good, fetch: spoiled(2) }), `kind ${kind}`).to.equal(seed);
        expect(await refusal(seedOf({ ...good, fetch: spoiled(3) })), `kind ${kind}`).to.equal("too-few-shards");
      }
    });

    it("needs its threshold", async () => {
      const own = good.devices[1] as GeneratedDevice;
      const without =
        (count: number): FetchShard =>
        async (holder, id) => {
          const index = own.shards.findIndex((shard) => hex(shard.id) === hex(id));
          return index >= 0 && index < count ? undefined : good.fetch(holder, id);
        };
      const spare = sharing.shards - sharing.threshold;
      expect(await seedOf({ ...good, fetch: without(spare) })).to.equal(seed);
      expect(await refusal(seedOf({ ...good, fetch: without(spare + 1) }))).to.equal("too-few-shards");
    });

    it("refuses a holder that lies about the map: another device's, an older version's, a made-up entry", async () => {
      const older = await world(sharing, { version: 1, count: 4 });
      for (const lie of [good.placed[2], older.placed[1]] as Uint8Array[]) {
        const { naming } = deviceShardKeys(await deviceRoot(source, meshId, 1));
        const entryId = hex(shardId(naming, 1, ENTRY_INDEX));
        const fetch: FetchShard = async (holder, id) => (hex(id) === entryId ? lie : good.fetch(holder, id));
        expect(await refusal(seedOf({ ...good, fetch }))).to.equal("map-mismatch");
      }
    });

    it("refuses a shard that was changed in the cache", async () => {
      const root = await deviceRoot(source, meshId, 1);
      const fetched = await fetchShards(root, good.context, good.terms, good.fetch);
      const sealed = new Map([...fetched.sealed].map(([i, bytes]) => [i, i === 0 ? bytes.map((b) => b ^ 1) : bytes]));
      expect(await refusal(withSeed(root, good.context, { ...fetched, sealed }, hex))).to.equal("shard-damaged");
    });

    it("gives every device and version another seed, and a wrong master none", async () => {
      const next = await world(sharing, { version: 2 });
      const seeds = await Promise.all([
        seed,
        seedOf({ ...good, context: { ...good.context, device: 2 } }),
        seedOf({ ...next, context: { ...next.context } }),
      ]);
      expect(new Set(seeds).size).to.equal(3);
      const wrong = new Uint8Array(32).fill(9);
      expect(await refusal(fetchShards(wrong, good.context, good.terms, good.fetch))).to.equal("too-few-shards");
    });
  });
}

describe("a shard map's time", () => {
  it("is from its beginning to the end of its grace", async () => {
    const { terms } = await world(SEGMENTS, { count: 1 });
    checkMapTime(terms, 1_000);
    checkMapTime(terms, 2_099);
    expect(() => checkMapTime(terms, 999))
      .to.throw(ShardError)
      .with.property("code", "map-pending");
    expect(() => checkMapTime(terms, 2_100))
      .to.throw(ShardError)
      .with.property("code", "map-ended");
  });
});

describe("rendezvous hashing", () => {
  it("moves a shard only where its own holder came or went", () => {
    for (let i = 0; i < 200; i++) {
      const id = hmac(new Uint8Array(1), String(i));
      const before = holdersOf(id, holders, 3).map(({ endpoint }) => endpoint);
      const gone = holders[i % holders.length] as Holder;
      const after = holdersOf(
        id,
        holders.filter((holder) => holder !== gone),
        3,
      ).map(({ endpoint }) => endpoint);
      expect(new Set(before).size).to.equal(3);
      expect(after.filter((endpoint) => !before.includes(endpoint)).length).to.equal(
        before.includes(gone.endpoint) ? 1 : 0,
      );
    }
  });
});

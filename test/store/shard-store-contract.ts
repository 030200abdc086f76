/** What every store of shards has to do. */
import { randomBytes } from "node:crypto";

import { expect } from "chai";

import { MAXIMUM_SHARD_BYTES, type ShardStore, type StoredShard } from "../../src/store/shard-store.js";

export const shard = (device: number, length = 48): StoredShard => ({
  id: new Uint8Array(randomBytes(32)),
  device,
  bytes: new Uint8Array(randomBytes(length)),
});

/** A place where a store is, opened as often as wanted, never twice at a time. */
export interface StorePlace {
  open(quota: number): Promise<ShardStore>;
  /** Changes what is kept of a shard, as a failing disk would. */
  spoil(collection: string, one: StoredShard): Promise<void>;
}

export function keepsTheContract(place: () => Promise<StorePlace>): void {
  let at: StorePlace;
  let store: ShardStore;
  const again = async (): Promise<void> => {
    await store.close();
    store = await at.open(1 << 20);
  };
  beforeEach(async () => {
    at = await place();
    store = await at.open(1 << 20);
  });
  afterEach(() => store.close());

  it("gives what was put, by id, also after it was opened again", async () => {
    const shards = [shard(1), shard(2), shard(1, 1), shard(3, MAXIMUM_SHARD_BYTES)];
    await store.put("1-0-1", shards.slice(0, 2));
    await store.put("1-0-1", shards.slice(2));
    for (const reopen of [async () => undefined, again]) {
      await reopen();
      for (const one of shards) {
        expect(await store.get("1-0-1", one.id)).to.deep.equal(one);
        expect(store.collectionsOf(one.id)).to.deep.equal(["1-0-1"]);
      }
      expect(await store.get("1-0-2", shards[0]?.id as Uint8Array)).to.equal(undefined);
      expect(store.collectionsOf(shard(1).id)).to.deep.equal([]);
      const [usage, ...others] = store.usage();
      expect(usage).to.include({ collection: "1-0-1", shards: 4 });
      expect(usage?.bytes).to.be.at.least(MAXIMUM_SHARD_BYTES);
      expect(others).to.deep.equal([]);
    }
  });

  it("keeps one id in several collections apart", async () => {
    const [own, foreign] = [shard(1), shard(9)];
    await store.put("1-0-1", [own]);
    await store.put("2-0-1", [{ ...foreign, id: own.id }]);
    expect(store.collectionsOf(own.id)).to.deep.equal(["1-0-1", "2-0-1"]);
    expect(await store.get("1-0-1", own.id)).to.deep.equal(own);
    await store.drop("2-0-1");
    expect(store.collectionsOf(own.id)).to.deep.equal(["1-0-1"]);
    expect(await store.get("1-0-1", own.id)).to.deep.equal(own);
  });

  it("takes the newer of two with one id", async () => {
    const [old, young] = [shard(1), { ...shard(2) }];
    await store.put("1-0-1", [old]);
    await store.put("1-0-1", [{ ...young, id: old.id }]);
    expect(await store.get("1-0-1", old.id)).to.deep.equal({ ...young, id: old.id });
    await again();
    expect(await store.get("1-0-1", old.id)).to.deep.equal({ ...young, id: old.id });
  });

  it("keeps its quota, and what it has", async () => {
    const [first, large] = [shard(1), shard(2, 4_000)];
    await store.put("1-0-1", [first]);
    await store.close();
    store = await at.open(2_000);
    const error: unknown = await store.put("1-0-2", [large]).catch((raised: unknown) => raised);
    expect(error).to.have.property("code", "store-full");
    expect(await store.get("1-0-1", first.id)).to.deep.equal(first);
    expect(await store.get("1-0-2", large.id)).to.equal(undefined);
  });

  it("deletes a collection as a whole, and no other", async () => {
    const [old, young] = [shard(1), shard(1)];
    await store.put("1-0-1", [old]);
    await store.put("1-0-2", [young]);
    await store.drop("1-0-1");
    await store.drop("1-0-9");
    for (const reopen of [async () => undefined, again]) {
      await reopen();
      expect(store.collectionsOf(old.id)).to.deep.equal([]);
      expect(await store.get("1-0-1", old.id)).to.equal(undefined);
      expect(await store.get("1-0-2", young.id)).to.deep.equal(young);
      expect(store.usage().map(({ collection }) => collection)).to.deep.equal(["1-0-2"]);
    }
  });

  it("gives out nothing whose bytes have changed, and takes a good copy in its place", async () => {
    const [good, bad] = [shard(1), shard(2)];
    await store.put("1-0-1", [good, bad]);
    await at.spoil("1-0-1", bad);
    expect(await store.get("1-0-1", good.id)).to.deep.equal(good);
    expect(await store.get("1-0-1", bad.id)).to.equal(undefined);
    await store.put("1-0-1", [bad]);
    expect(await store.get("1-0-1", bad.id)).to.deep.equal(bad);
  });

  it("refuses what is no shard and no name of a collection, and keeps nothing of it", async () => {
    const refused = async (collection: string, one: StoredShard): Promise<void> => {
      const error: unknown = await store.put(collection, [one]).catch((raised: unknown) => raised);
      expect(error).to.be.instanceOf(Error);
    };
    await refused("1-0-1", shard(1, 0));
    await refused("1-0-1", shard(1, MAXIMUM_SHARD_BYTES + 1));
    await refused("1-0-1", { ...shard(1), id: new Uint8Array(31) });
    await refused("../1", shard(1));
    expect(store.usage()).to.deep.equal([]);
  });
}

import { randomBytes } from "node:crypto";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { type StoredShard, openPackStore } from "../../src/store/pack-store.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const shard = (device: number): StoredShard => ({
  id: new Uint8Array(randomBytes(32)),
  device,
  bytes: new Uint8Array(randomBytes(48)),
});

describe("a holder's store", () => {
  after(removeScratchFolders);

  it("gives what was put, by id, also after it was opened again", async () => {
    const folder = await scratchFolder();
    const shards = [shard(1), shard(2), shard(1)];
    const store = await openPackStore({ folder, quota: 1 << 20 });
    await store.put("1-0-1", shards.slice(0, 2));
    await store.put("1-0-1", shards.slice(2));
    await store.close();
    const again = await openPackStore({ folder, quota: 1 << 20 });
    for (const one of shards) {
      expect(await again.get("1-0-1", one.id)).to.deep.equal(one);
      expect(again.collectionOf(one.id)).to.equal("1-0-1");
    }
    expect(await again.get("1-0-2", (shards[0] as StoredShard).id)).to.equal(undefined);
    expect(again.usage().map(({ shards: count }) => count)).to.deep.equal([3]);
    await again.close();
  });

  it("keeps its quota, and what it has", async () => {
    const store = await openPackStore({ folder: await scratchFolder(), quota: 200 });
    const [first, second] = [shard(1), shard(2)];
    await store.put("1-0-1", [first]);
    const error: unknown = await store.put("1-0-1", [second]).catch((raised: unknown) => raised);
    expect(error).to.have.property("code", "store-full");
    expect(await store.get("1-0-1", first.id)).to.deep.equal(first);
    await store.close();
  });

  it("deletes a collection as a whole, and its space comes back", async () => {
    const folder = await scratchFolder();
    const store = await openPackStore({ folder, quota: 1 << 20 });
    const [old, young] = [shard(1), shard(1)];
    await store.put("1-0-1", [old]);
    await store.put("1-0-2", [young]);
    await store.drop("1-0-1");
    expect(await readdir(folder)).to.deep.equal(["1-0-2.pack"]);
    expect(store.collectionOf(old.id)).to.equal(undefined);
    expect(await store.get("1-0-2", young.id)).to.deep.equal(young);
    await store.close();
  });

  it("gives out nothing whose bytes have changed, and cuts off what a crash left half written", async () => {
    const folder = await scratchFolder();
    const [good, bad] = [shard(1), shard(2)];
    const store = await openPackStore({ folder, quota: 1 << 20 });
    await store.put("1-0-1", [good, bad]);
    await store.close();
    const path = join(folder, "1-0-1.pack");
    const content = await readFile(path);
    content[content.length - 1] = (content.at(-1) as number) ^ 1;
    await writeFile(path, content);
    await appendFile(path, randomBytes(50));
    const again = await openPackStore({ folder, quota: 1 << 20 });
    expect(await again.get("1-0-1", good.id)).to.deep.equal(good);
    expect(await again.get("1-0-1", bad.id)).to.equal(undefined);
    await again.put("1-0-1", [bad]);
    expect(await again.get("1-0-1", bad.id)).to.deep.equal(bad);
    await again.close();
  });
});

/** The embedded store of a holder: the contract of all stores, and what is its own. */
import { appendFile, readFile, readdir, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { expect } from "chai";

import type { StoredShard } from "../../src/store/shard-store.js";
import { openPackStore } from "../../src/store/pack-store.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { keepsTheContract, shard } from "./shard-store-contract.js";

describe("the embedded store of a holder", () => {
  after(removeScratchFolders);

  keepsTheContract(async () => {
    const folder = await scratchFolder();
    return {
      open: (quota) => openPackStore({ folder, quota }),
      async spoil(collection, { bytes }) {
        const path = join(folder, `${collection}.pack`);
        const content = await readFile(path);
        const at = content.indexOf(bytes);
        content[at] = (content[at] as number) ^ 1;
        await writeFile(path, content);
      },
    };
  });

  it("gives the space of a deleted collection back at once", async () => {
    const folder = await scratchFolder();
    const store = await openPackStore({ folder, quota: 1 << 20 });
    await store.put("1-0-1", [shard(1)]);
    await store.put("1-0-2", [shard(1)]);
    await store.drop("1-0-1");
    expect(await readdir(folder)).to.deep.equal(["1-0-2.pack"]);
    await store.close();
  });

  it("loses one shard, and no other, where the disk changed a header", async () => {
    const folder = await scratchFolder();
    const shards = [shard(1), shard(2), shard(3)];
    const store = await openPackStore({ folder, quota: 1 << 20 });
    await store.put("1-0-1", shards);
    await store.close();
    const path = join(folder, "1-0-1.pack");
    const content = await readFile(path);
    const length = content.length / 3;
    // The length of the second record.
    content[length + 3] = (content[length + 3] as number) ^ 8;
    await writeFile(path, content);
    const again = await openPackStore({ folder, quota: 1 << 20 });
    const found = await Promise.all(shards.map(({ id }) => again.get("1-0-1", id)));
    expect(found).to.deep.equal([shards[0], undefined, shards[2]]);
    await again.put("1-0-1", [shards[1] as StoredShard]);
    expect(await again.get("1-0-1", (shards[1] as StoredShard).id)).to.deep.equal(shards[1]);
    await again.close();
  });

  it("cuts off what a crash left half written", async () => {
    const folder = await scratchFolder();
    const [first, second] = [shard(1), shard(2)];
    const store = await openPackStore({ folder, quota: 1 << 20 });
    await store.put("1-0-1", [first]);
    await store.close();
    await appendFile(join(folder, "1-0-1.pack"), randomBytes(50));
    const again = await openPackStore({ folder, quota: 1 << 20 });
    await again.put("1-0-1", [second]);
    expect(await again.get("1-0-1", first.id)).to.deep.equal(first);
    expect(await again.get("1-0-1", second.id)).to.deep.equal(second);
    await again.close();
  });
});

/** The embedded store of a holder: the contract of all stores, and what is its own. */
import { appendFile, readFile, readdir, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { expect } from "chai";

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

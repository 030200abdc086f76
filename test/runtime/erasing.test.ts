import { link, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { eraseFile, replaceErasing } from "../../src/runtime/atomic-file.js";
import { removeScratchFolders, scratchFolder } from "./scratch.js";

describe("secrets that are to be gone", () => {
  after(removeScratchFolders);

  it("are overwritten where they stood when a file is replaced, and when it is erased", async () => {
    const folder = await scratchFolder();
    const path = join(folder, "3.sealed");
    await replaceErasing(path, Buffer.from("the first share"));
    // Another name of the same blocks on the disk: what a thief of the disk would look at.
    await link(path, join(folder, "first"));
    await replaceErasing(path, Buffer.from("the second share"));
    await link(path, join(folder, "second"));
    expect((await readFile(path)).toString()).to.equal("the second share");
    expect(new Set(await readFile(join(folder, "first")))).to.deep.equal(new Set([0]));
    await eraseFile(path);
    expect(new Set(await readFile(join(folder, "second")))).to.deep.equal(new Set([0]));
    expect(await readdir(folder)).to.have.members(["first", "second"]);
  });
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { HighMark } from "../../src/runtime/high-mark.js";
import { removeScratchFolders, scratchFolder } from "./scratch.js";

describe("a number that goes forward only", () => {
  after(removeScratchFolders);
  const open = (path: string): Promise<HighMark> => HighMark.open(path, () => new Error("damaged"));

  it("is on disk before it counts, and the highest of several that come at once stays", async () => {
    const path = join(await scratchFolder(), "mark.json");
    const mark = await open(path);
    expect(mark.value).to.equal(0);
    await Promise.all([mark.raise(20), mark.raise(10), mark.raise(30), mark.raise(25)]);
    expect(mark.value).to.equal(30);
    expect((await open(path)).value).to.equal(30);
    await mark.raise(7);
    expect((await open(path)).value).to.equal(30);
  });

  it("is told where its file holds none", async () => {
    const path = join(await scratchFolder(), "mark.json");
    for (const content of ["", "{}", "[7]", '{"highest":1.5}', "7"]) {
      await writeFile(path, content);
      const error: unknown = await open(path).catch((cause: unknown) => cause);
      expect(error, content).to.be.an("error").with.property("message", "damaged");
    }
  });
});

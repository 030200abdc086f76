import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { keepGeneration } from "../../src/cli/generation-file.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

describe("the generation that a verifier was shown", () => {
  after(removeScratchFolders);

  it("goes forward only, over restarts", async () => {
    const path = join(await scratchFolder(), "generation.json");
    const codeOf = (generation: number): Promise<unknown> =>
      keepGeneration(path, generation).then(
        () => "kept",
        (error: { code: unknown }) => error.code,
      );
    expect(await codeOf(2)).to.equal("kept");
    expect(await codeOf(2)).to.equal("kept");
    expect(await codeOf(1)).to.equal("generation-old");
    expect(await codeOf(3)).to.equal("kept");
    expect(await codeOf(2)).to.equal("generation-old");
    await writeFile(path, "{}");
    expect(await codeOf(3)).to.equal("generation-file-damaged");
  });
});

/** The folder of `swarmkeep start`, damaged or not. */
import { readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { expect } from "chai";

import { openWorkspace } from "../../src/cli/start/workspace.js";
import { errorOf } from "../net/server-fixture.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const OPTIONS = { persist: true, fresh: false, validators: 7 };

describe("the folder of a local mesh", () => {
  after(removeScratchFolders);

  for (const name of ["folder.json", "start.json"]) {
    it(`whose ${name} is damaged is named, and --fresh sets it aside and begins anew`, async () => {
      const path = join(await scratchFolder(), "mesh");
      const first = await openWorkspace(path, OPTIONS);
      expect(first.continues).to.equal(false);
      await first.folder.close();
      await writeFile(join(path, name), "{");
      const error = await errorOf(openWorkspace(path, OPTIONS));
      expect(error).to.include({ code: "folder-damaged" });
      expect(error.message).to.include(join(path, name));

      const fresh = await openWorkspace(path, { ...OPTIONS, fresh: true });
      expect(fresh).to.include({ continues: false });
      expect(dirname(fresh.setAside ?? "")).to.equal(dirname(path));
      expect(await readdir(fresh.setAside ?? "")).to.include(name);
      await fresh.folder.close();
      const again = await openWorkspace(path, OPTIONS);
      expect(again.continues).to.equal(true);
      await again.folder.close();
    });
  }
});

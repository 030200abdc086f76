/** Mistakes of whoever sets up a validator. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { formatMeshFile } from "../../src/runtime/mesh-file.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { TEST_MESH } from "../runtime/test-mesh-file.js";
import { expectSentence, swarmkeep } from "./command-line.js";

describe("a validator's commands", () => {
  let folder: string;
  let data: string;

  before(async () => {
    folder = await scratchFolder();
    data = join(folder, "validator");
    await writeFile(join(folder, "mesh.json"), formatMeshFile(TEST_MESH));
  });
  after(removeScratchFolders);

  it("say that there is no validator yet, and make no folder for a mistyped one", async () => {
    const run = await swarmkeep(["validator", "run", "--mesh", join(folder, "mesh.json"), "--data", data]);
    expectSentence(run, "usage", "no-validator");
    expect(run.stderr).to.include("swarmkeep validator init");
    for (const [words, code] of [
      [["--listen", "foo", "--scope", "geo:u33"], "bad-endpoint"],
      [["--listen", "127.0.0.1:7000", "--scope", "here"], "bad-scope"],
      [["--listen", "127.0.0.1:7000", "--scope", "geo:u33", "--stake", "much"], "bad-amount"],
      [["--listen", "127.0.0.1:7000", "--scope", "geo:u33", "--side-port", "x"], "settings-damaged"],
    ] as const) {
      expectSentence(await swarmkeep(["validator", "init", "--data", data, ...words]), "usage", code);
    }
    for (const [words, code] of [
      [["--listen", "0.0.0.0:7000", "--scope", "geo:u33"], "bad-endpoint"],
      [["--listen", "127.0.0.1:0", "--scope", "geo:u33"], "bad-endpoint"],
      [["--listen", "127.0.0.1:7000", "--scope", "geo:u33", "--operator", ""], "bad-name"],
    ] as const) {
      expectSentence(await swarmkeep(["validator", "init", "--data", data, ...words]), "usage", code);
    }
    expect(existsSync(data)).to.equal(false);
  }).timeout(20_000);

  it("keep the settings that a second init does not name", async () => {
    const path = join(folder, "kept");
    const init = async (...words: string[]): Promise<Record<string, unknown>> => {
      const made = await swarmkeep(["validator", "init", "--data", path, "--fast-keystore", ...words]);
      expect(made.code, made.stderr).to.equal(0);
      return JSON.parse(await readFile(join(path, "validator.json"), "utf8")) as Record<string, unknown>;
    };
    const first = await init("--listen", "127.0.0.1:7000", "--scope", "geo:u33", "--est-listen", "127.0.0.1:7001");
    expect(first).to.include({ endpoint: "127.0.0.1:7000", estListen: "127.0.0.1:7001" });
    const moved = await init("--listen", "127.0.0.1:7002", "--scope", "geo:u33", "--side-port", "7003");
    expect(moved).to.include({ endpoint: "127.0.0.1:7002", estListen: "127.0.0.1:7001", sidePort: 7003 });
    await init("--listen", "0.0.0.0:7002", "--endpoint", "gate.example:7002", "--scope", "geo:u33");
    const apart = await init("--listen", "0.0.0.0:7004", "--scope", "geo:u33d");
    expect(apart).to.include({ endpoint: "gate.example:7002", scope: "geo:u33d", sidePort: 7003 });
  }).timeout(20_000);
});

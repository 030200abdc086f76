import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { expect } from "chai";

import { formatMeshFile } from "../../src/runtime/mesh-file.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { TEST_MESH } from "../runtime/test-mesh-file.js";
import { expectSentence, swarmkeep } from "./command-line.js";

describe("fleet and revoke", () => {
  let folder: string;
  let registrar: string;

  const init = (): ReturnType<typeof swarmkeep> =>
    swarmkeep(["fleet", "init", "--mesh", join(folder, "mesh.json"), "--data", registrar, "--fast-keystore"]);

  before(async () => {
    folder = await scratchFolder();
    registrar = join(folder, "registrar");
    await writeFile(join(folder, "mesh.json"), formatMeshFile(TEST_MESH));
    const made = await init();
    expect(made.code, made.stderr).to.equal(0);
  });
  after(removeScratchFolders);

  const provision = (...words: string[]): ReturnType<typeof swarmkeep> =>
    swarmkeep(["fleet", "provision", "first", "--data", registrar, ...words]);

  it("keep the account that was made first", async () => {
    const again = await init();
    expectSentence(again, "usage", "registrar-exists");
  });

  it("refuse scopes, numbers, times and names that make no sense", async () => {
    expectSentence(await provision("--scope", "geo:A"), "usage", "bad-scope");
    expectSentence(await provision("--scope", "geo:u3", "--identity-keys", "-1"), "usage", "bad-number");
    expectSentence(await provision("--scope", "geo:u3", "--lifetime", "soon"), "usage", "bad-duration");
    for (const outside of ["59s", "367d"]) {
      expectSentence(await provision("--scope", "geo:u3", "--lifetime", outside), "usage", "bad-duration");
    }
    expectSentence(await provision("--scope", "geo:u3", "--key-type", "rsa"), "usage", "unsupported-key");
    const escape = await swarmkeep(["fleet", "provision", "../x", "--scope", "geo:u3", "--data", registrar]);
    expectSentence(escape, "usage", "bad-name");
  });

  it("refuse to pay what is no amount, or has no unit", async () => {
    for (const amount of ["1", "0ETH"]) {
      const outcome = await swarmkeep(["fleet", "pay", `--amount=${amount}`, "--data", registrar]);
      expectSentence(outcome, "usage", "bad-amount");
    }
  });

  it("refuse key files that hold no keys, naming the line", async () => {
    const path = join(folder, "keys.txt");
    await writeFile(path, `${"ab".repeat(31)}\n`);
    const outcome = await provision("--scope", "geo:u3", "--public-keys", path);
    expectSentence(outcome, "usage", "bad-public-key");
    expect(outcome.stderr).to.contain("line 1");
  });

  it("leave nothing half-written where the ledger is away", async () => {
    expectSentence(await provision("--scope", "geo:u3", "--identity-keys", "3"), "network", "refused");
    expect(await readdir(registrar)).not.to.contain("batches");
  });

  it("refuse a wrong passphrase", async () => {
    const outcome = await swarmkeep(["revoke", "--index", "1", "--data", registrar], { SWARMKEEP_PASSPHRASE: "wrong" });
    expectSentence(outcome, "environment", "wrong-passphrase");
  });

  it("refuse reasons that are not final, and a hold that is a release", async () => {
    const revoke = (...words: string[]): ReturnType<typeof swarmkeep> =>
      swarmkeep(["revoke", "--index", "1", "--data", registrar, ...words]);
    expectSentence(await revoke("--reason", "certificateHold"), "usage", "bad-reason");
    expectSentence(await revoke("--hold", "--release"), "usage", "option-conflict");
  });

  it("name the folder that holds no registrar", async () => {
    expectSentence(await swarmkeep(["revoke", "--index", "1", "--data", folder]), "usage", "no-registrar");
  });
});

describe("start", () => {
  afterEach(removeScratchFolders);

  it("says that the chain's port is taken, and stops what it started", async () => {
    const folder = join(await scratchFolder(), "mesh");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await mkdir(folder);
    await writeFile(join(folder, "folder.json"), JSON.stringify({ format: 1, role: "local-mesh" }));
    const state = { persist: true, chainPort: port, gatewayPort: 8, validatorPorts: [1, 2, 3, 4, 5, 6, 7] };
    await writeFile(join(folder, "start.json"), JSON.stringify(state));
    const { code, stderr } = await swarmkeep(["start", "--once", "--persist", "--data", folder]);
    server.close();
    expect(code).to.equal(3);
    expect(stderr).to.match(/^error: .*\(node-ended\)\n {2}\S.*\n$/);
  });

  it("refuses the data folder of another role", async () => {
    const folder = await scratchFolder();
    await swarmkeep(["mesh", "init", "--data", folder, "--fast-keystore"]);
    const { code, stderr } = await swarmkeep(["start", "--once", "--data", folder]);
    expect(code).to.equal(2);
    expect(stderr).to.contain("(folder-role)");
  });
});

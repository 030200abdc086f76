/** Scenario: the demonstration, as somebody who has just cloned the project runs it. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { command } from "./processes.js";
import { eventually } from "./waiting.js";

/** Processes whose command line names the folder: chain, validators, and the command itself. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(join("/proc", pid, "cmdline"), "utf8").includes(folder);
      } catch {
        return false;
      }
    });
}

describe("swarmkeep start", function () {
  this.timeout(600_000);
  after(removeScratchFolders);

  before(function () {
    if (spawnSync("ls", ["/proc/self/cmdline"]).status !== 0) this.skip();
  });

  it("--once shows everything, ends with exit code 0, and leaves no process behind; --persist continues the same mesh", async () => {
    const folder = await scratchFolder();
    const meshes: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { code, stdout, stderr } = await command(["start", "--once", "--persist", "--data", folder]).ended;
      expect(code, `${stdout}\n${stderr}`).to.equal(0);
      expect(processesOf(folder)).to.deep.equal([]);
      meshes.push(readFileSync(join(folder, "operator", "mesh.json"), "utf8"));
      expect(stdout).to.match(/✓ EST +curl|✓ EST +Node/);
      expect(stdout).to.match(/✓ mutual TLS +the (gate|meter) connects to the lamp in TLSv1.3/);
      expect(stdout).to.match(/✓ mutual TLS +the gate is refused by the next revocation list/);
      expect(stdout).to.match(/✓ candidate +the gateway is a validator/);
      expect(stdout).to.match(/✓ rotation +epoch \d+: .*; the gateway has seat \d/);
      if (i === 1) expect(stdout).to.contain("The mesh of the last start goes on");
    }
    expect(meshes[1]).to.equal(meshes[0]);
  });

  it("^C in the middle ends it in order, and leaves no process behind", async () => {
    const folder = await scratchFolder();
    const { child, ended } = command(["start", "--once", "--data", folder]);
    await eventually(
      "a validator runs",
      async () => (processesOf(join(folder, "validators")).length > 0 ? true : undefined),
      120,
    );
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    expect(stdout).to.contain("stopped").and.not.to.contain("failed");
    expect(stderr).to.contain("(interrupted)");
    expect(code).to.equal(3);
    expect(processesOf(folder)).to.deep.equal([]);
  });
});

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { toJson } from "../../src/cli/command.js";
import { createProgram } from "../../src/cli/program.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { formatBeaconChain } from "../../src/protocol/beacon-chain.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { expectSentence, swarmkeep } from "./command-line.js";

describe("the command line", () => {
  const failureOf = async (cause: Error): Promise<unknown> => {
    const load = (): Promise<never> => Promise.reject(cause);
    const program = createProgram([{ name: "mesh", summary: "a group whose packages are not there", load }]);
    return program.parseAsync(["node", "swarmkeep", "mesh", "status"]).catch((error: unknown) => error);
  };

  it("says what to install where only a device's packages are", async () => {
    const missing = Object.assign(new Error("Cannot find package 'ethers'"), { code: "ERR_MODULE_NOT_FOUND" });
    const failure = await failureOf(missing);
    expect(failure).to.be.instanceOf(SwarmkeepError);
    expect((failure as SwarmkeepError).code).to.equal("package-missing");
  });

  it("hides no other fault of a group", async () => {
    const fault = new TypeError("a fault");
    expect(await failureOf(fault)).to.equal(fault);
  });

  it("has no option that it would take from a command", async () => {
    const program = createProgram();
    const taken = program.options.map(({ long }) => long);
    for (const group of program.commands) {
      group.configureOutput({ writeOut: () => undefined });
      await program.parseAsync(["node", "swarmkeep", group.name(), "--help"]).catch(() => undefined);
      for (const command of [group, ...group.commands]) {
        const shared = command.options.flatMap(({ long }) => (taken.includes(long) ? [long] : []));
        expect(shared, `${group.name()} ${command.name()}`).to.deep.equal([]);
      }
    }
  });

  it("prints its version where that alone is asked for", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect(await swarmkeep(["--version"])).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("takes a chain of beacons from one place, and calls none that is empty verified", async () => {
    const file = join(await scratchFolder(), "beacons.json");
    const none = { chainId: 1n, meshId: new Uint8Array(32), rotation: new Uint8Array(20), keys: [], links: [] };
    await writeFile(file, formatBeaconChain(none));
    expectSentence(await swarmkeep(["beacon", "verify", "--file", file]), "refused", "no-beacon");
    // A mistyped key is told before the ledger is looked for.
    const mistyped = await swarmkeep(["beacon", "verify", "--mesh", `${file}.none`, "--key", "xx"]);
    expect(mistyped.stderr).to.include("--key");
    const both = await swarmkeep(["beacon", "verify", "--file", file, "--mesh", file]);
    expectSentence(both, "usage", "conflicting-options");
    await removeScratchFolders();
  });

  it("prints bytes as hexadecimal digits, whichever array they come in", () => {
    const bytes = [1, 0xab];
    expect(toJson({ plain: new Uint8Array(bytes), inner: { buffer: Buffer.from(bytes) } })).to.equal(
      '{"plain":"01ab","inner":{"buffer":"01ab"}}',
    );
  });
});

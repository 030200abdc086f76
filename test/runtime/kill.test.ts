import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { sweepTemporaries, writeAtomically } from "../../src/runtime/atomic-file.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import type { SwarmkeepError } from "../../src/runtime/errors.js";
import { openJournal } from "../../src/runtime/journal.js";
import { openPackStore } from "../../src/store/pack-store.js";
import { UseBook } from "../../src/validator/est/use-book.js";
import { removeScratchFolders, scratchFolder } from "./scratch.js";

const child = fileURLToPath(new URL("durable-child.ts", import.meta.url));
const runtime = fileURLToPath(new URL("../../src/runtime", import.meta.url));

function start(what: string, folder: string, failpoint?: string): ChildProcess {
  const environment = { ...process.env, ...(failpoint === undefined ? {} : { SWARMKEEP_FAILPOINT: failpoint }) };
  return spawn(process.execPath, ["--import", "tsx", child, what, folder], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Runs a child to its end; the last step that it was told is stored, and the signal it died of. */
async function run(what: string, folder: string, failpoint?: string): Promise<{ last: number; signal: string | null }> {
  const process = start(what, folder, failpoint);
  let output = "";
  process.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [, signal] = (await once(process, "close")) as [number | null, string | null];
  return { last: Number(output.trim().split("\n").at(-1) ?? 0), signal };
}

/** Every failpoint of src/runtime with one of the prefixes. */
function failpoints(...prefixes: string[]): string[] {
  const names = readdirSync(runtime)
    .filter((name) => name.endsWith(".ts") && name !== "failpoint.ts")
    .flatMap((name) => [...readFileSync(join(runtime, name), "utf8").matchAll(/failpoint\("([^"]+)"\)/g)])
    .map((match) => match[1] as string);
  return names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

describe("a process killed while it stores", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  for (const name of failpoints("atomic-file.").filter((name) => !name.endsWith("erase"))) {
    it(`leaves a file whole: ${name}`, async () => {
      const { last, signal } = await run("atomic-file", folder, `${name}:20`);
      expect(signal).to.equal("SIGKILL");
      expect(last).to.equal(19);
      const content = await readFile(join(folder, "counter"), "utf8");
      expect(content.length).to.equal(9000);
      expect([19, 20]).to.include(Number.parseInt(content, 10));
      await sweepTemporaries(folder);
      expect(await readdir(folder)).to.deep.equal(["counter"]);
    });
  }

  for (const name of failpoints("atomic-file.").filter((name) => name.endsWith("erase"))) {
    it(`can erase the file the next time: ${name}`, async () => {
      await writeAtomically(join(folder, "counter"), "secret");
      expect((await run("erase", folder, name)).signal).to.equal("SIGKILL");
      expect((await run("erase", folder)).signal).to.equal(null);
      expect(await readdir(folder)).to.deep.equal([]);
    });
  }

  for (const name of failpoints("journal.").filter((name) => name !== "journal.before-truncate")) {
    it(`has every acknowledged record in its journal: ${name}`, async () => {
      const count = /segment|prune/.test(name) ? 1 : 5;
      const { last, signal } = await run("journal", folder, `${name}:${count}`);
      expect(signal).to.equal("SIGKILL");
      const stored = await journalOf(folder);
      expect(stored.length).to.be.at.least(last);
      for (const { sequence, text } of stored.records) expect(text).to.equal(`record ${sequence}`.repeat(9));
      expect((await run("journal", folder)).signal).to.equal(null);
      expect((await journalOf(folder)).length).to.be.at.least(40);
    });
  }

  it("can be killed again while it cuts off a torn record: journal.before-truncate", async () => {
    const { last } = await run("journal", folder, "journal.before-write:5");
    const segments = (await readdir(join(folder, "journal"))).sort();
    const path = join(folder, "journal", segments.at(-1) as string);
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from([0, 0, 0, 9])]));
    expect((await run("journal", folder, "journal.before-truncate")).signal).to.equal("SIGKILL");
    expect((await journalOf(folder)).length).to.be.at.least(last);
  });

  for (const name of ["uses.before-append", "uses.after-append"]) {
    it(`knows everything that it said was used: ${name}`, async () => {
      const { last, signal } = await run("uses", folder, `${name}:9`);
      expect([signal, last]).to.deep.equal(["SIGKILL", 8]);
      const journal = await openJournal(join(folder, "journal"));
      const book = await UseBook.open(journal, 0);
      const isUsed = (step: number): boolean =>
        book.isUsed(new Uint8Array(32).fill(step), new Uint8Array(32).fill(1), 0);
      for (let step = 1; step <= last; step++) expect(isUsed(step), `use ${step}`).to.equal(true);
      expect(isUsed(9)).to.equal(name === "uses.after-append");
      expect(isUsed(10)).to.equal(false);
      await journal.close();
    });
  }

  it("has every shard that it said was kept: store.before-sync", async () => {
    const { last, signal } = await run("store", folder, "store.before-sync:9");
    expect([signal, last]).to.deep.equal(["SIGKILL", 8]);
    const store = await openPackStore({ folder, quota: 1 << 20 });
    for (let step = 1; step <= last; step++) {
      expect((await store.get("map-1", new Uint8Array(32).fill(step)))?.device).to.equal(step);
    }
    await store.close();
    expect((await run("store", folder)).signal).to.equal(null);
  });

  it("frees its data folder, which names the process while it lives", async () => {
    const holder = start("lock", folder);
    const [line] = (await once(holder.stdout as NonNullable<typeof holder.stdout>, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(pid).to.equal(holder.pid);
    const refusal = await openDataFolder(folder, "validator").catch((error: unknown) => error as SwarmkeepError);
    expect((refusal as SwarmkeepError).code).to.equal("folder-locked");
    expect((refusal as SwarmkeepError).message).to.include(String(pid));
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const opened = await openDataFolder(folder, "validator");
    await access(opened.file("folder.json"));
    await opened.close();
  });
});

async function journalOf(folder: string): Promise<{ length: number; records: { sequence: number; text: string }[] }> {
  const journal = await openJournal(join(folder, "journal"));
  const records: { sequence: number; text: string }[] = [];
  for await (const { sequence, payload } of journal.replay()) {
    records.push({ sequence, text: Buffer.from(payload).toString() });
  }
  await journal.close();
  return { length: journal.nextSequence - 1, records };
}

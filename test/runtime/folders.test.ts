import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { expect } from "chai";

import { makeFolder, readLimited, writeAtomically } from "../../src/runtime/atomic-file.js";
import { hasDataFolder, openDataFolder } from "../../src/runtime/data-folder.js";
import type { SwarmkeepError } from "../../src/runtime/errors.js";
import { openJournal } from "../../src/runtime/journal.js";
import { removeScratchFolders, scratchFolder } from "./scratch.js";

async function errorOf(promise: Promise<unknown>): Promise<SwarmkeepError> {
  return promise.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => error as SwarmkeepError,
  );
}

describe("a data folder", () => {
  let folder = "";
  beforeEach(async () => {
    folder = join(await scratchFolder(), "data");
  });
  after(removeScratchFolders);

  it("is made for the owner alone, and opens again once closed", async () => {
    expect(await hasDataFolder(folder)).to.equal(false);
    const first = await openDataFolder(folder, "validator");
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
    expect((await stat(first.file("folder.json"))).mode & 0o777).to.equal(0o600);
    expect((await errorOf(openDataFolder(folder, "validator"))).code).to.equal("folder-locked");
    await first.close();
    await (await openDataFolder(folder, "validator")).close();
    expect(await hasDataFolder(folder)).to.equal(true);
  });

  it("is given to one of many that ask at once, also where a stale lock is in the way", async () => {
    await (await openDataFolder(folder, "validator")).close();
    await writeFile(join(folder, "lock.7"), JSON.stringify({ pid: process.pid, started: "1", boot: "another" }));
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => openDataFolder(folder, "validator")));
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).to.equal(1);
  });

  it("refuses another role, a newer format and a damaged version file", async () => {
    await (await openDataFolder(folder, "validator")).close();
    expect((await errorOf(openDataFolder(folder, "device"))).code).to.equal("folder-role");
    await writeFile(join(folder, "folder.json"), '{"format":2,"role":"validator"}');
    expect((await errorOf(openDataFolder(folder, "validator"))).code).to.equal("folder-newer");
    await writeFile(join(folder, "folder.json"), "{");
    expect((await errorOf(openDataFolder(folder, "validator"))).code).to.equal("folder-damaged");
  });

  it("is set aside under another name with all its content", async () => {
    const data = await openDataFolder(folder, "validator");
    await writeAtomically(data.file("kept"), "kept");
    const aside = await data.setAside();
    expect(basename(aside)).to.match(/^data\.\d{8}-\d{6}$/);
    expect(await readFile(join(aside, "kept"), "utf8")).to.equal("kept");
    expect(await readdir(dirname(folder))).to.deep.equal([basename(aside)]);
  });
});

describe("files on a machine that says no", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("name what is missing, too large, or not a folder", async () => {
    expect((await errorOf(readLimited(join(folder, "none")))).code).to.equal("file-missing");
    await writeFile(join(folder, "large"), new Uint8Array(11));
    expect((await errorOf(readLimited(join(folder, "large"), 10))).code).to.equal("file-too-large");
    expect((await errorOf(writeAtomically(join(folder, "none", "file"), "x"))).code).to.equal("file-missing");
    expect((await errorOf(readLimited(folder))).code).to.equal("not-a-file");
    const error = await errorOf(writeAtomically(join(folder, "large", "file"), "x"));
    expect(error.code).to.equal("not-a-folder");
    expect(error.advice).to.not.equal("");
  });

  it("make folders with those that they lie in, and end where a file system makes none", async () => {
    const inner = join(folder, "a", "b", "c");
    expect(await makeFolder(inner)).to.equal(join(folder, "a"));
    expect((await stat(inner)).mode & 0o777).to.equal(0o700);
    expect(await makeFolder(inner)).to.equal(undefined);
    await writeFile(join(inner, "file"), "");
    expect((await errorOf(makeFolder(join(inner, "file", "d")))).code).to.equal("not-a-folder");
    expect((await errorOf(makeFolder(join(inner, "file")))).code).to.equal("not-a-folder");
    expect((await errorOf(makeFolder("/proc/swarmkeep/data"))).code).to.equal("file-missing");
  });

  it("name what may not be written", async function () {
    if (process.getuid?.() === 0) {
      process.stdout.write("      skipped: the superuser may write everywhere\n");
      this.skip();
    }
    await mkdir(join(folder, "closed"));
    await chmod(join(folder, "closed"), 0o500);
    expect((await errorOf(writeAtomically(join(folder, "closed", "file"), "x"))).code).to.equal("file-forbidden");
  });

  it("keep what was stored when the disk is full, and go on when it no longer is", async function () {
    const disk = join(folder, "disk");
    await mkdir(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      process.stdout.write("      skipped: a small file system cannot be mounted here\n");
      this.skip();
    }
    try {
      await writeAtomically(join(disk, "file"), "before");
      const journal = await openJournal(join(disk, "journal"));
      expect(await journal.append(Buffer.from("first"))).to.equal(1);
      expect((await errorOf(writeAtomically(join(disk, "file"), new Uint8Array(100_000)))).code).to.equal("disk-full");
      expect(await readFile(join(disk, "file"), "utf8")).to.equal("before");

      const outcomes = await Promise.allSettled([
        journal.append(new Uint8Array(100_000)),
        journal.append(Buffer.from("behind it")),
      ]);
      expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).to.deep.equal([
        "disk-full",
        "disk-full",
      ]);
      expect(await journal.append(Buffer.from("second"))).to.equal(2);
      await journal.close();
      const reopened = await openJournal(join(disk, "journal"));
      expect(reopened.nextSequence).to.equal(3);
      await reopened.close();
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

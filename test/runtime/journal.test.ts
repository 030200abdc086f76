import { appendFile, readFile, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import fc from "fast-check";

import type { SwarmkeepError } from "../../src/runtime/errors.js";
import type { Journal } from "../../src/runtime/journal.js";
import { removeScratchFolders, scratchFolder, scratchJournal } from "./scratch.js";

async function contents(journal: Journal): Promise<string[]> {
  const records: string[] = [];
  for await (const { payload, sequence } of journal.replay()) {
    if (records.length === 0) expect(sequence).to.be.at.least(1);
    records.push(Buffer.from(payload).toString());
  }
  return records;
}

async function segmentPaths(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort().map((name) => join(folder, name));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error as SwarmkeepError).code,
  );
}

const text = (n: number): Buffer => Buffer.from(`record ${n}`);

describe("a journal", () => {
  let folder = "";
  beforeEach(async () => {
    folder = join(await scratchFolder(), "journal");
  });
  after(removeScratchFolders);

  it("replays its records in order, numbered from 1, across restarts and segments", async () => {
    const first = await scratchJournal(folder, { segmentBytes: 100 });
    for (let n = 1; n <= 20; n++) expect(await first.append(text(n))).to.equal(n);
    await first.close();
    expect((await segmentPaths(folder)).length).to.be.greaterThan(3);

    const second = await scratchJournal(folder, { segmentBytes: 100 });
    expect(await second.append(text(21))).to.equal(21);
    expect(await contents(second)).to.deep.equal(Array.from({ length: 21 }, (_, i) => `record ${i + 1}`));
    await second.close();
  });

  it("resolves many concurrent appends with few synchronisations, in the order of the calls", async () => {
    const journal = await scratchJournal(folder);
    const sequences = await Promise.all(Array.from({ length: 3000 }, (_, i) => journal.append(text(i + 1))));
    expect(sequences).to.deep.equal(Array.from({ length: 3000 }, (_, i) => i + 1));
    expect((await contents(journal)).length).to.equal(3000);
    await journal.close();
  });

  it("removes whole segments of records that are no longer wanted", async () => {
    const journal = await scratchJournal(folder, { segmentBytes: 100 });
    for (let n = 1; n <= 20; n++) await journal.append(text(n));
    await journal.prune(12);
    const left = await contents(journal);
    expect(left.at(-1)).to.equal("record 20");
    expect(left.length).to.be.within(9, 15);
    await journal.close();
    const reopened = await scratchJournal(folder);
    expect(reopened.nextSequence).to.equal(21);
    await reopened.close();
  });

  it("cuts off a torn tail: after any prefix of the last write, what was stored before is there", async () => {
    const journal = await scratchJournal(folder);
    for (let n = 1; n <= 5; n++) await journal.append(text(n));
    await journal.close();
    const path = (await segmentPaths(folder))[0] as string;
    const whole = await readFile(path);
    const lastRecord = 16 + text(5).length + 1;
    for (let cut = 1; cut <= lastRecord; cut++) {
      for (const zeros of [0, 7]) {
        await writeFile(path, Buffer.concat([whole.subarray(0, whole.length - cut), Buffer.alloc(zeros)]));
        const reopened = await scratchJournal(folder);
        expect(await contents(reopened), `cut ${cut}`).to.deep.equal([1, 2, 3, 4].map((n) => `record ${n}`));
        expect(await reopened.append(text(5))).to.equal(5);
        await reopened.close();
        expect(await readFile(path)).to.deep.equal(whole);
      }
    }
  });

  it("torn-tail property: any records, cut anywhere, give a prefix of them or nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (payloads, fraction) => {
          const place = join(await scratchFolder(), "journal");
          const journal = await scratchJournal(place);
          await Promise.all(payloads.map((payload) => journal.append(payload)));
          await journal.close();
          const path = (await segmentPaths(place))[0] as string;
          await truncate(path, Math.floor((await readFile(path)).length * fraction));
          const reopened = await scratchJournal(place);
          const left: Uint8Array[] = [];
          for await (const { payload } of reopened.replay()) left.push(Uint8Array.from(payload));
          expect(left).to.deep.equal(payloads.slice(0, left.length));
          expect(reopened.nextSequence).to.equal(left.length + 1);
          await reopened.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses to open where a stored byte has changed, wherever it is", async () => {
    const journal = await scratchJournal(folder);
    for (let n = 1; n <= 3; n++) await journal.append(text(n));
    await journal.close();
    const path = (await segmentPaths(folder))[0] as string;
    const whole = await readFile(path);
    for (let i = 0; i < whole.length; i++) {
      const changed = Buffer.from(whole);
      changed[i] = (changed[i] as number) ^ 0x10;
      await writeFile(path, changed);
      expect(await codeOf(scratchJournal(folder)), `byte ${i}`).to.equal("journal-damaged");
    }
  });

  it("refuses to open where records or whole segments are missing, repeated or out of place", async () => {
    const journal = await scratchJournal(folder, { segmentBytes: 60 });
    for (let n = 1; n <= 9; n++) await journal.append(text(n));
    await journal.close();
    const paths = await segmentPaths(folder);
    const [, second, third] = paths as [string, string, string];
    const whole = await readFile(second);
    await writeFile(second, await readFile(third));
    expect(await codeOf(scratchJournal(folder))).to.equal("journal-damaged");
    await writeFile(second, whole.subarray(0, whole.length - 1));
    expect(await codeOf(scratchJournal(folder))).to.equal("journal-damaged");
    await writeFile(second, whole);
    await appendFile(second, whole.subarray(20));
    expect(await codeOf(scratchJournal(folder))).to.equal("journal-damaged");
  });

  it("refuses records over a mebibyte, and any after it was closed", async () => {
    const journal = await scratchJournal(folder);
    expect(await codeOf(journal.append(new Uint8Array((1 << 20) + 1)))).to.equal("record-too-large");
    await journal.close();
    expect(await codeOf(journal.append(text(1)))).to.equal("journal-closed");
  });
});

/** A validator's mark in the ledger's history, over restarts. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { LedgerError } from "../../src/ledger/errors.js";
import type { LedgerSource } from "../../src/ledger/source.js";
import { HistoryMark } from "../../src/validator/history-mark.js";
import type { FinalisedBlock } from "../../src/validator/standing.js";
import { errorOf } from "../net/server-fixture.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const block = (number: number, history = "a"): FinalisedBlock =>
  ({ number, hash: `${history}${number}` }) as FinalisedBlock;
const ledger = (history: string, fork = 0): LedgerSource =>
  ({ block: async (number: number) => block(number, number < fork ? "a" : history) }) as unknown as LedgerSource;

describe("a validator's mark in history", () => {
  after(removeScratchFolders);

  it("is moved every sixteen blocks, and a start on another history is refused", async () => {
    const path = join(await scratchFolder(), "finalised.json");
    const mark = new HistoryMark(path);
    await mark.check(ledger("b"));
    for (let number = 1; number < 40; number++) await mark.move(block(number));
    expect(JSON.parse(await readFile(path, "utf8"))).to.deep.equal({ number: 32, hash: "a32" });
    await new HistoryMark(path).check(ledger("a"));
    expect(await errorOf(new HistoryMark(path).check(ledger("b")))).to.include({ code: "reorganised" });
  });

  it("is the block that changed, once one has: no start goes on until that is back or somebody has removed the file", async () => {
    const path = join(await scratchFolder(), "finalised.json");
    const mark = new HistoryMark(path);
    await mark.move(block(32));
    const fork = ledger("b", 40);
    await new HistoryMark(path).check(fork);
    await mark.keepContradicted(new LedgerError("refused", "the node is away"));
    await new HistoryMark(path).check(fork);

    const details = { number: 45, before: "a45", now: "b45" };
    await mark.keepContradicted(new LedgerError("reorganised", "block 45 was final", details));
    for (let start = 0; start < 2; start++) {
      const error = await errorOf(new HistoryMark(path).check(fork));
      expect(error).to.include({ code: "reorganised" });
      expect(error.message).to.include(path);
    }
    await new HistoryMark(path).check(ledger("a"));
    await rm(path);
    await new HistoryMark(path).check(fork);
  });

  it("that cannot be read stops the start", async () => {
    const path = join(await scratchFolder(), "finalised.json");
    await writeFile(path, "{");
    expect(await errorOf(new HistoryMark(path).check(ledger("a")))).to.include({ code: "history-mark-damaged" });
  });
});

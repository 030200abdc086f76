import { join } from "node:path";

import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "chai";

import type { CertificateSlot } from "../../src/protocol/issuance.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { IssuedBook } from "../../src/validator/issued.js";
import { VoteRecord } from "../../src/validator/voting.js";
import { removeScratchFolders, scratchFolder, scratchJournal } from "../runtime/scratch.js";

const slot: CertificateSlot = { index: 5, period: 7, k: 0 };
const message = (text: string): Uint8Array => new TextEncoder().encode(text);

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => (error instanceof SwarmkeepError ? error.code : String(error)),
  );
}

describe("what a validator promised", () => {
  after(removeScratchFolders);

  describe("certificates", () => {
    it("one for a slot, and the same one again", async () => {
      const book = await IssuedBook.open(await scratchJournal(join(await scratchFolder(), "issued")));
      await book.claim(slot, message("first"));
      await book.claim(slot, message("first"));
      expect(book.count).to.equal(1);
      expect(await codeOf(book.claim(slot, message("second")))).to.equal("serial-taken");
      await book.claim({ ...slot, k: 1 }, message("second"));
    });

    it("says which number is free", async () => {
      const book = await IssuedBook.open(await scratchJournal(join(await scratchFolder(), "issued")));
      for (const k of [0, 1, 4]) await book.claim({ ...slot, k }, message(`${k}`));
      const error = await book.claim(slot, message("other")).catch((reason: unknown) => reason as SwarmkeepError);
      expect((error as SwarmkeepError).details).to.deep.equal({ next: 5 });
    });

    it("two requests for one slot at the same moment do not both get it", async () => {
      const book = await IssuedBook.open(await scratchJournal(join(await scratchFolder(), "issued")));
      const outcomes = await Promise.all(["a", "b", "a", "b"].map((text) => codeOf(book.claim(slot, message(text)))));
      expect(outcomes).to.deep.equal(["done", "serial-taken", "done", "serial-taken"]);
    });

    it("survive a restart", async () => {
      const folder = join(await scratchFolder(), "issued");
      const journal = await scratchJournal(folder);
      await (await IssuedBook.open(journal)).claim(slot, message("first"));
      await journal.close();
      const book = await IssuedBook.open(await scratchJournal(folder));
      expect(await codeOf(book.claim(slot, message("second")))).to.equal("serial-taken");
      expect(await codeOf(book.claim(slot, message("first")))).to.equal("done");
    });

    it("are known again by device and content, after a restart too, until their period is forgotten", async () => {
      const folder = join(await scratchFolder(), "issued");
      const journal = await scratchJournal(folder);
      await (await IssuedBook.open(journal)).claim(slot, message("first"));
      await journal.close();
      const book = await IssuedBook.open(await scratchJournal(folder));
      expect(book.hasSigned(slot.index, message("first"))).to.equal(true);
      expect(book.hasSigned(slot.index, message("other"))).to.equal(false);
      expect(book.hasSigned(slot.index + 1, message("first"))).to.equal(false);
      await book.forgetBefore(slot.period + 1);
      expect(book.hasSigned(slot.index, message("first"))).to.equal(false);
    });

    it("that the committee before signed stand for their slots, also after a restart, and are no work of its own", async () => {
      const folder = join(await scratchFolder(), "issued");
      const journal = await scratchJournal(folder);
      const before = await IssuedBook.open(journal);
      await before.claim(slot, message("own"));
      const digest = sha256(message("theirs"));
      await before.inherit([
        { ...slot, digest },
        { ...slot, k: 1, digest },
      ]);
      await journal.close();
      const book = await IssuedBook.open(await scratchJournal(folder));
      expect(await codeOf(book.claim(slot, message("own")))).to.equal("done");
      expect(await codeOf(book.claim({ ...slot, k: 1 }, message("other")))).to.equal("serial-taken");
      expect(await codeOf(book.claim({ ...slot, k: 1 }, message("theirs")))).to.equal("done");
      expect([book.count, book.digests(7).length, book.records(0, 9).length]).to.deep.equal([1, 1, 2]);
      expect(book.records(1, 9)).to.deep.equal([{ ...slot, k: 1, digest }]);
      await book.forgetBefore(8);
      expect(book.records(0, 9)).to.deep.equal([]);
    });

    it("are listed by period in the order of device and number, with one root", async () => {
      const [first, second] = await Promise.all(
        [1, 2].map(async () => IssuedBook.open(await scratchJournal(join(await scratchFolder(), "issued")))),
      );
      const slots = [3, 1, 2].map((index) => ({ ...slot, index }));
      for (const one of slots) await first?.claim(one, message(`${one.index}`));
      for (const one of slots.toReversed()) await second?.claim(one, message(`${one.index}`));
      expect(first?.digests(7)).to.deep.equal(second?.digests(7)).and.to.have.length(3);
      await first?.forgetBefore(8);
      expect(first?.digests(7)).to.deep.equal([]);
    });
  });

  describe("votes", () => {
    const one = new Uint8Array(32).fill(1);
    const other = new Uint8Array(32).fill(2);

    it("one for a kind and number, the same again, and after a restart no other", async () => {
      const folder = join(await scratchFolder(), "votes");
      const journal = await scratchJournal(folder);
      const record = await VoteRecord.open(journal);
      await record.claim(1, 10, one);
      await record.claim(1, 10, one);
      await record.claim(2, 10, other);
      expect(await codeOf(record.claim(1, 10, other))).to.equal("already-voted");
      await journal.close();
      const again = await VoteRecord.open(await scratchJournal(folder));
      expect(await codeOf(again.claim(1, 10, other))).to.equal("already-voted");
      expect(await codeOf(again.claim(1, 10, one))).to.equal("done");
    });

    it("one that could not be stored was not given, also when it is asked for again", async () => {
      const journal = await scratchJournal(join(await scratchFolder(), "votes"));
      const record = await VoteRecord.open(journal);
      await journal.close();
      const outcomes = await Promise.all([1, 2].map(() => codeOf(record.claim(1, 10, one))));
      expect(outcomes).to.deep.equal(["journal-closed", "journal-closed"]);
      expect(await codeOf(record.claim(1, 10, one))).to.equal("journal-closed");
    });
  });
});

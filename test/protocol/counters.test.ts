import { expect } from "chai";
import fc from "fast-check";

import { type CountersReport, type IssuedRecord, inheritedRecords, isChainWhole } from "../../src/protocol/counters.js";
import { quorumOf } from "../../src/statements/quorum.js";

function record(index: number, byte: number): IssuedRecord {
  return { index, period: 7, k: 0, digest: new Uint8Array(32).fill(byte) };
}

describe("counters that a committee hands over", () => {
  it("every certificate of a quorum is among them, whichever f members are away or leave it out", () => {
    const committees = fc.constantFrom(4, 7, 10, 16, 32).chain((n) =>
      fc.record({
        n: fc.constant(n),
        signers: fc.shuffledSubarray([...Array(n).keys()], { minLength: quorumOf(n).t, maxLength: n }),
        faulty: fc.shuffledSubarray([...Array(n).keys()], { minLength: quorumOf(n).f, maxLength: quorumOf(n).f }),
      }),
    );
    fc.assert(
      fc.property(committees, ({ n, signers, faulty }) => {
        const { f } = quorumOf(n);
        const honest = [...Array(n).keys()].filter((member) => !faulty.includes(member));
        const reports = honest.map((member) => (signers.includes(member) ? [record(1, 1)] : []));
        expect(inheritedRecords(reports, f)).to.deep.equal([record(1, 1)]);
      }),
    );
  });

  it("f liars take no slot, however often they repeat themselves, and do not change what was signed", () => {
    const { f } = quorumOf(7);
    const lie = [record(2, 9), record(2, 9), record(2, 9), record(1, 9)];
    const reports = [lie, lie, ...Array.from({ length: 5 }, () => [record(1, 1)])];
    expect(inheritedRecords(reports, f)).to.deep.equal([record(1, 1)]);
  });

  it("are those that more than f report, however long the reports are, in whatever order and how often they say it", () => {
    const one = fc.record({ index: fc.integer({ min: 1, max: 6 }), byte: fc.integer({ min: 1, max: 2 }) });
    const reports = fc.array(fc.array(one, { maxLength: 30 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(reports, fc.integer({ min: 0, max: 3 }), (drawn, f) => {
        const names = drawn.map((report) => new Set(report.map(({ index, byte }) => `${index} ${byte}`)));
        const expected = [...new Set(names.flatMap((report) => [...report]))].filter(
          (name) => names.filter((report) => report.has(name)).length > f,
        );
        const given = drawn.map((report) => report.map(({ index, byte }) => record(index, byte)));
        const found = inheritedRecords(given, f).map(({ index, digest }) => `${index} ${digest[0]}`);
        expect(found.toSorted()).to.deep.equal(expected.toSorted());
      }),
    );
  });

  it("hang together where more than 2f reports know all before, by the name of that office or of a later one", () => {
    const names = new Set(["1/2/2", "1/3/3"]);
    const report = (known: string | null): CountersReport => ({ records: [], known });
    const whole = ["1/2/2", "1/3/3", "1/2/2"].map(report);
    expect(isChainWhole(whole, names, 1)).to.equal(true);
    expect(isChainWhole([...whole.slice(1), report("1/1/1"), report(null)], names, 1)).to.equal(false);
  });
});

import { expect } from "chai";
import { AbiCoder, hexlify, keccak256 } from "ethers";

import {
  type OwnPart,
  type Report,
  type RoundFacts,
  commitTime,
  commitmentOf,
  dueStep,
  probesLeft,
  ranksOf,
  sampleOf,
} from "../../src/protocol/measurement-round.js";

const SEATS = 4;
const sample = { first: 0, sampled: 6 };
const opened: RoundFacts = {
  commitDeadline: 100,
  revealDeadline: 200,
  sample,
  commitments: new Set([2]),
  reports: new Set(),
  isMeasured: undefined,
  isCredited: false,
  isPaid: false,
};
const all = new Set([1, 2, 3, 4]);

function due(round: RoundFacts | undefined, now: number, own: Partial<OwnPart> | "away" = {}): unknown {
  const part = own === "away" ? undefined : { seat: 1, commitAt: 50, sample, ...own };
  return dueStep({ round, seats: SEATS, now, own: part });
}

describe("a round of measurements", () => {
  it("is begun by a member in office at its own time, and by the others once they see it", () => {
    expect(due(undefined, 49)).to.equal(undefined);
    expect(due(undefined, 50)).to.equal("commit");
    expect(due(undefined, 50, "away")).to.equal(undefined);
    expect(due(opened, 10)).to.equal("commit");
    expect(due(opened, 10, { seat: 2 })).to.equal(undefined);
    expect(due(opened, 10, "away")).to.equal(undefined);
  });

  it("is revealed to by those who committed, once all have or the time is over", () => {
    expect(due(opened, 101, { seat: 2 })).to.equal("reveal");
    expect(due(opened, 101), "too late to commit").to.equal(undefined);
    const full = { ...opened, commitments: all };
    expect(due(full, 60)).to.equal("reveal");
    expect(due({ ...full, reports: new Set([1]) }, 60)).to.equal(undefined);
    expect(due(full, 60, "away")).to.equal(undefined);
    expect(due(full, 60, { sample: undefined }), "its report is lost").to.equal(undefined);
  });

  it("is not told what was seen of another sample: newcomers at the end are in nobody's report yet", () => {
    const full = { ...opened, commitments: all };
    expect(due({ ...full, sample: { first: 0, sampled: 7 } }, 60)).to.equal("reveal");
    expect(due({ ...full, sample: { first: 64, sampled: 6 } }, 60)).to.equal(undefined);
    expect(due({ ...full, sample: { first: 0, sampled: 5 } }, 60)).to.equal(undefined);
  });

  it("is settled by anybody when all have revealed or the time is over, then credited, then paid if there is a pool", () => {
    expect(due(opened, 201, "away")).to.equal("settle");
    expect(due({ ...opened, commitments: all, reports: all }, 60, "away")).to.equal("settle");
    const settled = { ...opened, isMeasured: true };
    expect(due(settled, 300, "away")).to.equal("credit");
    expect(due({ ...settled, isCredited: true }, 300)).to.equal("allot");
    expect(due({ ...settled, isCredited: true, isPaid: true }, 300)).to.equal(undefined);
    expect(due({ ...opened, isMeasured: false }, 300), "too few reports").to.equal(undefined);
  });

  it("commits to what the ledger computes", () => {
    const account = new Uint8Array(20).fill(9);
    const report: Report = {
      epoch: 7,
      sample,
      qualities: [1, 15, 0, 7],
      participation: [2, 0, 15],
      salt: new Uint8Array(32).fill(3),
    };
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ["uint64", "address", "uint256", "uint128", "bytes32"],
      [7n, hexlify(account), 0x70f1n, 0xf02n, report.salt],
    );
    expect(hexlify(commitmentOf(report, account))).to.equal(keccak256(encoded));
  });

  it("begins as late as leaves it time, and not before half of the epoch", () => {
    expect(commitTime(1_000, 86_400, 600)).to.deep.equal({ from: 1_000 + 82_800, spread: 300 });
    expect(commitTime(1_000, 20, 8)).to.deep.equal({ from: 1_010, spread: 1 });
    expect(commitTime(1_000, 13, 30)).to.deep.equal({ from: 1_007, spread: 0 });
  });

  it("follows as many probes as are left of the epoch's for a member that comes late", () => {
    expect(probesLeft(24, 1_000, 2_000, 900)).to.equal(24);
    expect(probesLeft(24, 1_000, 2_000, 1_000)).to.equal(24);
    expect(probesLeft(24, 1_000, 2_000, 1_500)).to.equal(12);
    expect(probesLeft(3, 1_000, 2_000, 1_999)).to.equal(1);
    expect(probesLeft(3, 1_000, 2_000, 2_000)).to.equal(0);
  });

  it("measures one word of candidates, which the committee's keys choose", () => {
    const root = new Uint8Array(32).fill(5);
    expect(sampleOf(0, root, 1n)).to.deep.equal({ first: 0, sampled: 0 });
    expect(sampleOf(64, root, 1n)).to.deep.equal({ first: 0, sampled: 64 });
    const chosen = new Set(Array.from({ length: 200 }, (_, epoch) => sampleOf(200, root, BigInt(epoch)).first));
    expect([...chosen].toSorted((a, b) => a - b)).to.deep.equal([0, 64, 128, 192]);
    const last = Array.from({ length: 200 }, (_, epoch) => sampleOf(200, root, BigInt(epoch))).find(
      ({ first }) => first === 192,
    );
    expect(last && ranksOf(last)).to.deep.equal([192, 193, 194, 195, 196, 197, 198, 199]);
  });
});

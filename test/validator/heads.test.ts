import { expect } from "chai";

import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { goesToLedger } from "../../src/validator/heads.js";

const TICKS = { tickSeconds: 2, headSeconds: 10 } as const;

/** A committee in office, on probation until head 40 where that is said. */
function inOffice(isOnProbation: boolean, newest: bigint): Projection {
  const projection = new Projection();
  const apply = (contract: string, name: string, args: object): void =>
    projection.apply({
      contract,
      name,
      args,
      blockNumber: 1,
      transactionHash: "0x",
      logIndex: 0,
    } as unknown as LedgerEvent);
  apply("groupKeys", "OfficeTaken", { generation: 1n, epoch: 2n, ceremony: 2n });
  if (isOnProbation) apply("groupKeys", "ProbationBegan", { epoch: 2n, head: 40n, until: 99n });
  apply("revocations", "HeadPosted", { number: newest });
  return projection;
}

const scheduled = (number: number) => ({ number, scheduled: true });
const urgent = (number: number) => ({ number, scheduled: false });

describe("a head goes to the ledger", () => {
  it("each so manieth scheduled one, as the operator wants it, and no urgent one", () => {
    const serving = inOffice(false, 30n);
    const posted = (postEvery: number) =>
      [35, 40, 45, 50].filter((number) => goesToLedger(scheduled(number), serving, TICKS, postEvery));
    expect(posted(1)).to.deep.equal([35, 40, 45, 50]);
    expect(posted(2)).to.deep.equal([40, 50]);
    expect(posted(0)).to.deep.equal([]);
    expect(goesToLedger(urgent(41), serving, TICKS, 1)).to.equal(false);
  });

  it("in a probation each from the one on that is owed, urgent or not, whatever the operator wants", () => {
    const probation = inOffice(true, 30n);
    for (const head of [scheduled(40), urgent(41), urgent(44), scheduled(45)]) {
      expect(goesToLedger(head, probation, TICKS, 0), String(head.number)).to.equal(true);
    }
    for (const head of [scheduled(35), urgent(39)]) {
      expect(goesToLedger(head, probation, TICKS, 0), String(head.number)).to.equal(false);
    }
  });

  it("no more once the probation is over", () => {
    expect(goesToLedger(urgent(42), inOffice(true, 40n), TICKS, 0)).to.equal(false);
  });
});

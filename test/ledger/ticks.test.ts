import { expect } from "chai";
import fc from "fast-check";

import { TickClock, headTimes, isScheduled, lastKnownTick, tickTime, type TimedBlock } from "../../src/ledger/ticks.js";

const PARAMETERS = { start: 1_000, tickSeconds: 30, headSeconds: 600, headLifetimeSeconds: 1800 };

/** A chain whose block 0 is the genesis block, at `start`, from the gaps between its blocks. */
function chainOf(gaps: readonly number[]): TimedBlock[] {
  let timestamp = PARAMETERS.start;
  return [
    { number: 0, timestamp },
    ...gaps.map((gap, index) => ({ number: index + 1, timestamp: (timestamp += gap) })),
  ];
}

function clockOf(chain: readonly TimedBlock[], reads: number[] = []): TickClock {
  return new TickClock(PARAMETERS, 0, async (number) => {
    reads.push(number);
    const block = chain[number];
    if (block === undefined) throw new Error(`no block ${number}`);
    return block;
  });
}

const gaps = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 200 });

describe("ticks", () => {
  it("B(k) is the last block not after T_k, whatever the order of asking", async () => {
    await fc.assert(
      fc.asyncProperty(gaps, fc.infiniteStream(fc.nat()), async (gaps, order) => {
        const chain = chainOf(gaps);
        const finalised = chain[chain.length - 1] as TimedBlock;
        const clock = clockOf(chain);
        const last = lastKnownTick(PARAMETERS, finalised);
        if (last < 0) return;
        for (let round = 0; round < 8; round++) {
          const k = (order.next().value ?? 0) % (last + 1);
          const time = tickTime(PARAMETERS, k);
          const expected = chain.filter((block) => block.timestamp <= time).length - 1;
          expect(await clock.referenceBlock(k, finalised)).to.equal(expected);
        }
      }),
    );
  });

  it("B(k) never changes as the chain grows", async () => {
    await fc.assert(
      fc.asyncProperty(gaps, fc.nat(), async (gaps, cut) => {
        const chain = chainOf(gaps);
        const early = chain[1 + (cut % gaps.length)] as TimedBlock;
        const late = chain[chain.length - 1] as TimedBlock;
        const k = lastKnownTick(PARAMETERS, early);
        if (k < 0) return;
        expect(await clockOf(chain).referenceBlock(k, early)).to.equal(await clockOf(chain).referenceBlock(k, late));
      }),
    );
  });

  it("B(k) is unknown until a finalised block is later than T_k", async () => {
    const chain = chainOf([30, 1]);
    const clock = clockOf(chain);
    const refused = await clock.referenceBlock(1, chain[1] as TimedBlock).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(RangeError);
    expect(await clock.referenceBlock(1, chain[2] as TimedBlock)).to.equal(1);
    expect(lastKnownTick(PARAMETERS, chain[1] as TimedBlock)).to.equal(0);
    expect(lastKnownTick(PARAMETERS, chain[2] as TimedBlock)).to.equal(1);
  });

  it("remembers what it found", async () => {
    const chain = chainOf(Array.from({ length: 1000 }, () => 12));
    const reads: number[] = [];
    const clock = clockOf(chain, reads);
    const finalised = chain[1000] as TimedBlock;
    await clock.referenceBlock(200, finalised);
    expect(reads.length).to.be.at.most(10);
    const before = reads.length;
    await clock.referenceBlock(200, finalised);
    expect(reads.length).to.equal(before);
  });

  it("a head is made on schedule, or where the list changed between two reference blocks; only the newest", async () => {
    await fc.assert(
      fc.asyncProperty(gaps, fc.array(fc.nat(200), { maxLength: 5 }), fc.nat(30), async (gaps, changes, after) => {
        const chain = chainOf(gaps);
        const finalised = chain[chain.length - 1] as TimedBlock;
        const changed = (from: number, to: number): boolean => changes.some((block) => block > from && block <= to);
        const reference = (k: number): number =>
          chain.filter((block) => block.timestamp <= tickTime(PARAMETERS, k)).length - 1;
        const due = [];
        for (let k = after + 1; tickTime(PARAMETERS, k) < finalised.timestamp; k++) {
          if (k % 20 === 0 || changed(reference(k - 1), reference(k))) due.push(k);
        }
        const found = await clockOf(chain).newestDueHead(after, finalised, changed);
        expect(found?.number).to.equal(due[due.length - 1]);
        if (found !== undefined) {
          expect(found.blockNumber).to.equal(reference(found.number));
          expect(found.scheduled).to.equal(found.number % 20 === 0);
        }
      }),
    );
  });

  it("times of a head", () => {
    expect(headTimes(PARAMETERS, 20)).to.deep.equal({ issued: 1600, expires: 3400 });
    expect([0, 19, 20, 40].map((k) => isScheduled(PARAMETERS, k))).to.deep.equal([false, false, true, true]);
  });
});

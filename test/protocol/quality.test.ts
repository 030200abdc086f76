import { expect } from "chai";
import fc from "fast-check";

import { type Measures, lowerMedian, qualitiesOf, qualityOf } from "../../src/protocol/quality.js";

const good: Measures = { asked: 3, answered: 3, latencies: [5, 6, 7], works: [20, 21, 22] };

describe("the quality of a candidate", () => {
  it("is the table of the protocol: a third each for being there, round trip and work, a point less for twice the time", () => {
    expect(qualityOf(good, 20)).to.equal(15);
    const points = (latency: number, work: number): number =>
      qualityOf({ asked: 1, answered: 1, latencies: [latency], works: [work] }, 10);
    for (const [latency, lost] of [
      [64, 0],
      [64.1, 1],
      [128, 1],
      [256, 2],
      [512, 3],
      [1_024, 4],
      [1_025, 5],
      [5_000, 5],
    ] as const) {
      expect(points(latency, 10), `${latency} ms away`).to.equal(15 - lost);
    }
    for (const [work, lost] of [
      [20, 0],
      [20.1, 1],
      [40, 1],
      [80, 2],
      [160, 3],
      [320, 4],
      [321, 5],
    ] as const) {
      expect(points(1, work), `${work} ms where 10 are usual`).to.equal(15 - lost);
    }
  });

  it("falls with each probe that is not answered: 0 of who never did, at least 1 of who ever did", () => {
    const there = (answered: number): number => qualityOf({ ...good, asked: 10, answered }, 20);
    expect([10, 9, 5, 1].map(there)).to.deep.equal([15, 13, 7, 1]);
    expect(qualityOf({ ...good, asked: 100, answered: 1 }, 20)).to.equal(1);
    expect(qualityOf({ asked: 3, answered: 0, latencies: [], works: [] }, 20)).to.equal(0);
  });

  it("never falls when a candidate answers more, from nearer, or sooner", () => {
    const milliseconds = fc.integer({ min: 0, max: 6_000 });
    const measured = fc.record({ asked: fc.integer({ min: 1, max: 20 }), latency: milliseconds, work: milliseconds });
    fc.assert(
      fc.property(measured, fc.nat(19), milliseconds, fc.integer({ min: 0, max: 500 }), (one, less, later, usual) => {
        const of = (answered: number, latency: number, work: number): number =>
          qualityOf({ asked: one.asked, answered, latencies: [latency], works: [work] }, usual);
        const answered = Math.max(0, one.asked - less);
        const best = of(one.asked, one.latency, one.work);
        expect(best).to.be.within(1, 15);
        expect(of(answered, one.latency, one.work)).to.be.at.most(best);
        expect(of(one.asked, one.latency + later, one.work)).to.be.at.most(best);
        expect(of(one.asked, one.latency, one.work + later)).to.be.at.most(best);
      }),
    );
  });

  it("counts work against the median of all: where everything is slow nobody sinks, and one that is slower alone does", () => {
    const candidate = (work: number): Measures => ({ asked: 1, answered: 1, latencies: [1], works: [work] });
    const all = (works: readonly number[]): number[] => [
      ...qualitiesOf(new Map(works.map((work, rank) => [rank, candidate(work)]))).values(),
    ];
    expect(all([6, 7, 8, 9, 6])).to.deep.equal([15, 15, 15, 15, 15]);
    expect(all([600, 700, 800, 900, 600])).to.deep.equal([15, 15, 15, 15, 15]);
    expect(all([6, 7, 8, 70, 6])).to.deep.equal([15, 15, 15, 12, 15]);
    expect(qualitiesOf(new Map([[3, { asked: 2, answered: 0, latencies: [], works: [] }]])).get(3)).to.equal(0);
  });

  it("takes the lower median of what was measured of one candidate, so that one slow moment costs nothing", () => {
    expect(lowerMedian([])).to.equal(undefined);
    expect(lowerMedian([9, 1, 4])).to.equal(4);
    expect(lowerMedian([9, 1, 4, 8])).to.equal(4);
    expect(qualityOf({ ...good, latencies: [5, 4_000, 6] }, 20)).to.equal(15);
  });
});

/** From what members measure to what the ledger makes of it: probes of one mesh, seen by seven members, two of which collude. */
import { expect } from "chai";

import { type Measures, qualitiesOf } from "../../src/protocol/quality.js";
import { packClasses } from "../../src/statements/classes.js";
import { connection } from "./mesh.js";

const { ethers } = connection;

const MEMBERS = 7;
const F = 2;
const CANDIDATES = 12;
/** An index that no report has: here nobody reports on itself. */
const NOBODY = 1_000;

describe("what members measured, as the ledger counts it", () => {
  /** Numbers from 0 to 1, the same each time (a linear congruence; Numerical Recipes). */
  let state = 2_026;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };

  /** What one member measures of candidates that are as near, as quick and as often there as their numbers say. */
  function seen(): Map<number, Measures> {
    const of = (rank: number): Measures => {
      const asked = 8;
      const answered = Array.from({ length: asked }, () => random() < 1 - rank / (2 * CANDIDATES)).filter(
        Boolean,
      ).length;
      const times = (usual: number): number[] => Array.from({ length: answered }, () => usual * (0.7 + random()));
      return { asked, answered, latencies: times(10 * 2 ** (rank / 2)), works: times(10 + 10 * rank) };
    };
    return new Map(Array.from({ length: CANDIDATES }, (_, rank) => [rank, of(rank)]));
  }

  it("f that agree on a report move no class beyond what the honest measured, up or down", async () => {
    const harness = await ethers.deployContract("MeasureHarness");
    for (const lie of [0, 15, 7]) {
      const honest = Array.from({ length: MEMBERS - F }, () => [...qualitiesOf(seen()).values()]);
      const liar = Array.from({ length: CANDIDATES }, (_, rank) => (rank % 2 === 0 ? lie : 15 - lie));
      const reports = [...honest, ...Array.from({ length: F }, () => liar)].map(packClasses);
      for (let rank = 0; rank < CANDIDATES; rank++) {
        const classes = honest.map((report) => report[rank] as number);
        const median = Number(await harness.median(reports, rank, NOBODY));
        expect(median, `of ${classes.join(" ")}`).to.be.within(Math.min(...classes), Math.max(...classes));
      }
    }
  });

  it("who is nearer, quicker and more often there has the better class", () => {
    const views = Array.from({ length: MEMBERS }, () => qualitiesOf(seen()));
    const mean = (rank: number): number => views.reduce((sum, view) => sum + (view.get(rank) as number), 0) / MEMBERS;
    expect(mean(0)).to.equal(15);
    expect(mean(CANDIDATES / 2)).to.be.below(mean(0));
    expect(mean(CANDIDATES - 1)).to.be.below(mean(CANDIDATES / 2));
  });
});

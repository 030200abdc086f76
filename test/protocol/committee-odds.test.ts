import { expect } from "chai";

import {
  type Admission,
  binomial,
  committeeOdds,
  cumulative,
  distribution,
  hypergeometric,
} from "../../src/protocol/committee-odds.js";
import { MINIMUM_OPEN_COMMITTEE, quorumOf } from "../../src/statements/quorum.js";
import { simulateSybil, sybilCharts } from "../../src/operator/sybil.js";

const OPEN: Admission = { mode: "open" };
const YEAR = 365;

/** Exact, in integers: n over k. */
function choose(n: number, k: number): bigint {
  let result = 1n;
  for (let i = 1; i <= k; i++) result = (result * BigInt(n - k + i)) / BigInt(i);
  return result;
}

/** a / b of integers of any size, to 15 digits. */
function ratio(a: bigint, b: bigint): number {
  return Number((a * 10n ** 40n) / b) / 1e40;
}

describe("odds of a committee", () => {
  it("are the binomial law's for open admission, to the last digits", () => {
    for (const n of [4, 7, 16, 31, 32]) {
      for (let k = 0; k <= n; k++) {
        const exact = ratio(choose(n, k) * 4n ** BigInt(n - k), 5n ** BigInt(n));
        expect(Math.abs(binomial(n, 0.2, k) / exact - 1), `${k} of ${n}`).to.be.below(1e-12);
      }
    }
  });

  it("are the hypergeometric law's for one candidate an operator", () => {
    for (const [candidates, bad, seats] of [
      [7, 2, 7],
      [20, 4, 7],
      [100, 20, 16],
      [100, 33, 31],
    ] as const) {
      for (let k = 0; k <= seats; k++) {
        const possible = k <= bad && seats - k <= candidates - bad;
        const exact = possible
          ? ratio(choose(bad, k) * choose(candidates - bad, seats - k), choose(candidates, seats))
          : 0;
        const found = hypergeometric(candidates, bad, seats, k);
        if (exact === 0) expect(found).to.equal(0);
        else expect(Math.abs(found / exact - 1), `${k} of ${seats}`).to.be.below(1e-11);
      }
    }
  });

  it("add up to one, whoever is admitted", () => {
    for (const admission of [OPEN, { mode: "permissioned", candidates: 50 } as const]) {
      for (const share of [0, 0.2, 0.5, 1]) {
        const sum = distribution(16, share, admission).reduce((total, one) => total + one);
        expect(Math.abs(sum - 1)).to.be.below(1e-12);
      }
    }
  });

  it("have the figures that docs/threat-model.md states", () => {
    const captured = (n: number): number => cumulative(committeeOdds(n, 0.2, OPEN).capture, YEAR);
    expect(Math.abs(captured(7) - 0.82)).to.be.below(0.005);
    expect(Math.abs(captured(16) - 0.012)).to.be.below(0.0005);
    // Of no committee that there is, but of the comparison made there: t = 27 of 40.
    const forty = Array.from({ length: 14 }, (_, i) => binomial(40, 0.2, 27 + i)).reduce((sum, one) => sum + one);
    expect(Math.abs(cumulative(forty, YEAR) - 4e-8)).to.be.below(0.5e-8);
  });

  it("set the limit of open admission: the smallest size that is captured in a year with less than 1e-5", () => {
    const isSafe = (n: number): boolean => cumulative(committeeOdds(n, 0.2, OPEN).capture, YEAR) < 1e-5;
    const sizes = Array.from({ length: 29 }, (_, i) => i + 4);
    for (const n of sizes) if (n >= MINIMUM_OPEN_COMMITTEE) expect(isSafe(n), String(n)).to.equal(true);
    // Below it other sizes of the form 3f + 1 fail.
    for (const n of sizes.filter((size) => size % 3 === 1 && size < MINIMUM_OPEN_COMMITTEE)) {
      expect(isSafe(n), String(n)).to.equal(false);
    }
  });

  it("refuse shares and numbers that cannot be", () => {
    expect(() => committeeOdds(7, 1.1, OPEN)).to.throw(RangeError, "1.1");
    expect(() => committeeOdds(7, Number.NaN, OPEN)).to.throw(RangeError);
    expect(() => committeeOdds(3, 0.1, OPEN)).to.throw(RangeError, "3");
    expect(() => committeeOdds(7, 0.1, { mode: "permissioned", candidates: 6 })).to.throw(RangeError, "6");
  });
});

describe("the simulation of an attacker", () => {
  it("draws what the exact law says, within five standard deviations", () => {
    const draws = 3_000;
    const rows = simulateSybil({
      shares: [0.2, 0.33],
      seats: [7, 16],
      epochs: YEAR,
      candidates: 40,
      draws,
      seed: "a fixed one",
    });
    expect(rows).to.have.lengthOf(8);
    for (const { mode, seats, share, halt, haltDrawn, capture, captureDrawn, captureSeats } of rows) {
      expect(captureSeats).to.equal(quorumOf(seats).t);
      for (const [exact, drawn] of [
        [halt, haltDrawn],
        [capture, captureDrawn],
      ] as const) {
        const deviation = Math.sqrt((exact * (1 - exact)) / draws);
        expect(Math.abs((drawn ?? 2) - exact), `${mode} ${seats} ${share}`).to.be.at.most(5 * deviation + 1 / draws);
      }
    }
  });

  it("draws charts that are the same each time", () => {
    const settings = { shares: [0.1, 0.2], epochs: YEAR, candidates: 20 };
    const charts = sybilCharts(settings);
    expect(charts).to.deep.equal(sybilCharts(settings));
    expect(new Set(charts.map(({ name }) => name)).size, "outcome, mode and span").to.equal(8);
    for (const { svg } of charts) {
      expect(svg).to.match(/^<svg [^>]+>\n(<.+>\n)+<\/svg>\n$/);
      expect(svg).not.to.include("NaN");
    }
  });
});

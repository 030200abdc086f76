import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { expect } from "chai";

import { drawMembers, permutation } from "../../src/protocol/sortition.js";
import { hypergeometric } from "../../src/protocol/committee-odds.js";

const DRAWS = 100_000;
/** Of a right draw failing: with a fixed seed the test is the same each time, so this only says how strict it is. */
const SIGNIFICANCE_Z = 4.75; // 1e-6, one side

/** Beacons from a seed: as independent as SHA-256's outputs are. */
function beaconOf(seed: string, i: number): Uint8Array {
  return sha256(utf8ToBytes(`${seed}/${i}`));
}

/** The critical value of chi-square by Wilson and Hilferty (1931). */
function criticalChiSquare(degrees: number): number {
  const c = 2 / (9 * degrees);
  return degrees * (1 - c + SIGNIFICANCE_Z * Math.sqrt(c)) ** 3;
}

/** Whether observed counts fit exact probabilities; cells that expect less than 5 are taken together. */
function fits(counts: ReadonlyMap<string, number>, probabilities: ReadonlyMap<string, number>): boolean {
  let statistic = 0;
  let cells = 0;
  let [restExpected, restSeen] = [0, 0];
  let accounted = 0;
  for (const [outcome, probability] of probabilities) {
    const expected = probability * DRAWS;
    const seen = counts.get(outcome) ?? 0;
    accounted += seen;
    if (expected < 5) {
      restExpected += expected;
      restSeen += seen;
      continue;
    }
    statistic += (seen - expected) ** 2 / expected;
    cells++;
  }
  expect(accounted, "an outcome that cannot be").to.equal(DRAWS);
  if (restExpected > 0) {
    statistic += (restSeen - restExpected) ** 2 / restExpected;
    cells++;
  }
  return statistic <= criticalChiSquare(cells - 1);
}

function count(outcomes: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}

/** Ordered draws of `size`, with their exact probabilities. */
function orderedOutcomes(weights: readonly number[], size: number): Map<string, number> {
  const outcomes = new Map<string, number>();
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const extend = (drawn: readonly number[], left: number, probability: number): void => {
    if (drawn.length === size) {
      outcomes.set(drawn.join(), probability);
      return;
    }
    for (const [leaf, weight] of weights.entries()) {
      if (weight > 0 && !drawn.includes(leaf)) extend([...drawn, leaf], left - weight, (probability * weight) / left);
    }
  };
  extend([], total, 1);
  return outcomes;
}

describe("sortition", () => {
  describe("100,000 ordered draws of 3 of 6 weighted candidates", () => {
    const weights = [0, 131_071, 60_000, 7, 30_000, 30_000, 90_001];
    const exact = orderedOutcomes(weights, 3);

    const draws: number[][] = [];

    before(() => {
      for (let i = 0; i < DRAWS; i++) draws.push(drawMembers(weights, beaconOf("ordered", i), 0, 3));
    });

    /** `steered` of 1,000 draws begin with a chosen candidate, whoever the beacon has. */
    function* outcomes(steered: number): Generator<string> {
      for (const [i, draw] of draws.entries()) {
        const members = [...draw];
        if (i % 1_000 < steered && members[0] !== 4) members.splice(0, 3, 4, ...members.filter((one) => one !== 4));
        yield members.slice(0, 3).join();
      }
    }

    it("have the exact distribution (chi-square)", () => {
      expect(fits(count(outcomes(0)), exact)).to.equal(true);
    });

    it("are told from draws of which one in fifty is steered", () => {
      expect(fits(count(outcomes(20)), exact)).to.equal(false);
    });
  });

  describe("the seats that 8 of 16 equal candidates get in 100,000 committees of 7", () => {
    const exact = new Map<string, number>();
    for (let seats = 0; seats <= 7; seats++) exact.set(String(seats), hypergeometric(16, 8, 7, seats));

    function* outcomes(weight: number): Generator<string> {
      const weights = Array.from({ length: 16 }, (_, leaf) => (leaf < 8 ? weight : 10_000));
      for (let i = 0; i < DRAWS; i++) {
        const members = drawMembers(weights, beaconOf("seats", i), 0, 7);
        yield String(members.filter((leaf) => leaf < 8).length);
      }
    }

    it("have the exact distribution (chi-square)", () => {
      expect(fits(count(outcomes(10_000)), exact)).to.equal(true);
    });

    it("are told from those of a draw that counts their weights 2% too high", () => {
      expect(fits(count(outcomes(10_200)), exact)).to.equal(false);
    });
  });

  it("continues one permutation, whatever part is asked for", () => {
    const weights = [5, 0, 9, 1, 131_071, 7, 7, 2];
    const beacon = beaconOf("continued", 0);
    const whole = [...permutation(weights, beacon)].map(({ leaf }) => leaf);
    expect(new Set(whole)).to.deep.equal(new Set([0, 2, 3, 4, 5, 6, 7]));
    for (let from = 0; from <= 8; from++) {
      expect(drawMembers(weights, beacon, from, 3)).to.deep.equal(whole.slice(from, from + 3));
    }
  });

  it("shows each step in numbers that anyone can check", () => {
    const weights = [5, 0, 9, 1];
    for (const { leaf, weight, sum, point, from } of permutation(weights, beaconOf("steps", 1))) {
      expect(weight).to.equal(weights[leaf]);
      expect(point).to.be.within(from, from + weight - 1);
      expect(sum).to.be.greaterThan(point);
    }
  });

  it("refuses weights, sizes and beacons that the ledger cannot have", () => {
    const beacon = new Uint8Array(32);
    expect(() => drawMembers([131_072], beacon, 0, 1)).to.throw(RangeError, "leaf 0");
    expect(() => drawMembers([1, -1], beacon, 0, 1)).to.throw(RangeError, "leaf 1");
    expect(() => drawMembers([0.5], beacon, 0, 1)).to.throw(RangeError, "0.5");
    expect(() =>
      drawMembers(
        Array.from({ length: 32_769 }, () => 1),
        beacon,
        0,
        1,
      ),
    ).to.throw(RangeError, "32769");
    expect(() => drawMembers([1], beacon.subarray(1), 0, 1)).to.throw(RangeError, "31");
    expect(drawMembers([], beacon, 0, 4)).to.deep.equal([]);
    expect(drawMembers([0, 0], beacon, 0, 4)).to.deep.equal([]);
  });
});

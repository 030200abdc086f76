import { expect } from "chai";

import { type DrawCandidate, type DrawInputs, explainDraw } from "../../src/protocol/draw-explanation.js";
import { drawMembers } from "../../src/protocol/sortition.js";
import { candidateWeight } from "../../src/protocol/weight.js";
import { SwarmkeepError } from "../../src/statements/errors.js";

const minimumStake = 10n ** 18n;
/** By rank, of who weighs something: stake in hundredths of the minimum, quality, reputation. */
const made = [[50, 15, 15], undefined, [105, 10, 8], [100, 0, 0], [100, 7, 15], [105, 15, 3]] as const;
const weighedBy = made.map((one) => {
  if (one === undefined) return undefined;
  const [hundredths, quality, reputation] = one;
  return { stake: (minimumStake * BigInt(hundredths)) / 100n, minimumStake, quality, reputation };
});
const weights = weighedBy.map((inputs) => (inputs === undefined ? 0 : candidateWeight(inputs).weight));
const beacon = new Uint8Array(32).fill(5);
const order = drawMembers(weights, beacon, 0, 6);
const account = (rank: number): string => `0x${String(rank).repeat(40)}`;

function candidate(rank: number): DrawCandidate {
  const barred = rank === 1 ? "it was in jail" : undefined;
  return { account: account(rank), weighedBy: weighedBy[rank], barred };
}

/** Four seats: the second one drawn did not come, and the fifth took the seat. */
const inputs: DrawInputs = {
  epoch: 7n,
  beacon,
  seats: 4,
  weights,
  candidates: weights.map((_, rank) => candidate(rank)),
  committee: [order[0], order[2], order[3], order[4]].map((rank) => account(rank as number)),
};

describe("the explanation of a draw", () => {
  const all = explainDraw(inputs);

  it("lists candidates in the order in which they were drawn, those without weight last", () => {
    expect(all.map(({ rank }) => rank)).to.deep.equal([...order, 1]);
    expect(all.map(({ position }) => position)).to.deep.equal([1, 2, 3, 4, 5, undefined]);
  });

  it("says who sits, who did not come, who replaced it, and who could not be drawn", () => {
    expect(all.map(({ outcome }) => outcome)).to.deep.equal([
      "seated",
      "drawn, not seated",
      "seated",
      "seated",
      "replacement, seated",
      "no weight",
    ]);
    expect(explainDraw({ ...inputs, committee: undefined }).map(({ outcome }) => outcome)).to.deep.equal([
      "seated",
      "seated",
      "seated",
      "seated",
      "not drawn",
      "no weight",
    ]);
  });

  it("does not take a drawn candidate for a member before its committee is in office, or where another took the epoch", () => {
    const [drawn] = explainDraw({ ...inputs, committee: undefined });
    expect(drawn?.words).to.match(/ is drawn for the committee of epoch \d+, which is not in office yet: /);
    const [displaced] = explainDraw({ ...inputs, committee: undefined, isDisplaced: true });
    expect(displaced?.words).to.match(/ is among the drawn of epoch \d+, whose committee came by a re-key/);
  });

  it("gives the numbers that the draw came from, in words too", () => {
    for (const { words, account: who, rank, weight, position, step } of all) {
      expect(words).to.include(who).and.to.include("epoch 7");
      if (step === undefined) {
        expect(words).to.include("in jail");
        continue;
      }
      const [hundredths, quality, reputation] = made[rank] ?? [];
      const parts = [
        `stake of ${(hundredths ?? 0) / 100} ETH`,
        `quality ${quality} of 15`,
        `reputation ${reputation} of 15`,
      ];
      for (const fact of [weight, `place ${position}`, `${step.point} of ${step.sum}`, ...parts]) {
        expect(words).to.include(String(fact));
      }
    }
    expect(all.reduce((sum, { share }) => sum + share, 0)).to.be.greaterThan(0.999_999);
  });

  it("gives the factors that quality and reputation make", () => {
    const { words, made: parts } = all.find(({ rank }) => rank === 3) ?? {};
    expect(parts).to.deep.equal({ units: 1_000, qualityFactor: 128, reputationFactor: 192, weight: 375 });
    expect(words).to.include("times 50.0% for quality").and.to.include("times 75.0% for reputation");
  });

  it("is refused for a weight that stake, quality and reputation do not make", () => {
    const raised = weights.map((weight, rank) => (rank === 4 ? weight + 1 : weight));
    expect(() => explainDraw({ ...inputs, weights: raised })).to.throw(
      SwarmkeepError,
      `${weights[4]} by what is known`,
    );
  });
});

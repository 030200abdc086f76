import { expect } from "chai";

import { type DrawCandidate, type DrawInputs, explainDraw } from "../../src/protocol/draw-explanation.js";
import { drawMembers } from "../../src/protocol/sortition.js";

const weights = [500, 0, 1_000, 250, 700, 900];
const beacon = new Uint8Array(32).fill(5);
const order = drawMembers(weights, beacon, 0, 6);
const account = (rank: number): string => `0x${String(rank).repeat(40)}`;

function candidate(rank: number): DrawCandidate {
  const barred = rank === 1 ? "it was in jail" : undefined;
  return { account: account(rank), stake: 10n ** 18n + 5n * 10n ** 16n, barred };
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

  it("gives the numbers that the draw came from, in words too", () => {
    for (const { words, account: who, weight, position, step } of all) {
      expect(words).to.include(who).and.to.include("epoch 7");
      if (step === undefined) {
        expect(words).to.include("in jail");
        continue;
      }
      for (const fact of [weight, `place ${position}`, `${step.point} of ${step.sum}`, "stake of 1.05 ETH"]) {
        expect(words).to.include(String(fact));
      }
    }
    expect(all.reduce((sum, { share }) => sum + share, 0)).to.be.greaterThan(0.999_999);
  });
});

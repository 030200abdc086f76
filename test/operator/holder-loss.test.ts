/** How shards are lost: what is counted with the real placement is what theory says. */
import { expect } from "chai";

import { holderLossChart, lossProbability, simulateHolderLoss } from "../../src/operator/holder-loss.js";

const options = {
  holders: 16,
  replicas: [1, 2, 3],
  churn: [0.05, 0.2],
  rounds: 20,
  shards: 200,
  runs: 100,
  seed: "test",
};

describe("the simulation of holders that fail", () => {
  it("loses as many shards as theory says, whatever the copies and the churn", () => {
    for (const { replicas, churn, theory, simulated } of simulateHolderLoss(options)) {
      // Shards of one run share holders: only runs are independent, each a sample of the mean.
      const deviation = Math.sqrt((theory * (1 - theory)) / options.runs);
      const off = Math.abs((simulated ?? Number.NaN) - theory);
      expect(off, `${replicas} copies, churn ${churn}`).to.be.below(4 * deviation + 1e-3);
    }
  });

  it("has theory alone without runs, also where losses are too rare to see", () => {
    const [row] = simulateHolderLoss({ ...options, runs: 0, replicas: [5], churn: [0.001] });
    expect(row?.simulated).to.equal(undefined);
    expect(Math.abs((row?.theory ?? Number.NaN) - 20 * 1e-15)).to.be.below(1e-17);
    expect(lossProbability(1, 3, 1)).to.equal(1);
    expect(lossProbability(0, 3, 9)).to.equal(0);
  });

  it("refuses numbers that cannot be", () => {
    expect(() => simulateHolderLoss({ ...options, replicas: [17] })).to.throw(RangeError, "17 copies");
    expect(() => simulateHolderLoss({ ...options, churn: [1.5] })).to.throw(RangeError, "1.5");
    expect(() => simulateHolderLoss({ ...options, rounds: 0 })).to.throw(RangeError);
  });

  it("draws the same chart for the same seed", () => {
    const rows = simulateHolderLoss(options);
    expect(holderLossChart(rows, options)).to.equal(holderLossChart(simulateHolderLoss(options), options));
  });
});

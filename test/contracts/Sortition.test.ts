import { expect } from "chai";
import { keccak256, toUtf8Bytes } from "ethers";

import { updateWeightOf10000 } from "../../bench/gas/updateWeightOf10000.js";
import { draw16of10000 } from "../../bench/gas/draw16of10000.js";
import { drawMembers } from "../../src/protocol/sortition.js";
import { SORTITION } from "../../src/statements/sortition.js";
import { deploySortition, weightsOf } from "./sortition-fixture.js";

const beacons = Array.from({ length: 12 }, (_, i) => keccak256(toUtf8Bytes(`beacon ${i}`)));

describe("Sortition", () => {
  for (const candidates of [1, 7, 8, 9, 64, 65, 700]) {
    it(`draws among ${candidates} candidates what is drawn off the ledger`, async () => {
      const weights = weightsOf(candidates).map((weight, i) => (i % 5 === 4 ? 0 : weight));
      const harness = await deploySortition(weights);
      for (const beacon of beacons) {
        for (const [from, count] of [
          [0, 16],
          [0, 32],
          [5, 4],
        ] as const) {
          const drawn = (await harness.draw(beacon, from, count)).map(Number);
          expect(drawn).to.deep.equal(drawMembers(weights, Buffer.from(beacon.slice(2), "hex"), from, count));
        }
      }
    });
  }

  it("counts with the sizes that are used off the ledger, at both ends of the tree", async () => {
    const harness = await deploySortition([SORTITION.maximumWeight]);
    await harness.set(SORTITION.capacity - 1, 1);
    expect(await harness.total()).to.equal(SORTITION.maximumWeight + 1);
    expect(new Set(await harness.draw(beacons[0] as string, 0, 4))).to.deep.equal(
      new Set([0n, BigInt(SORTITION.capacity - 1)]),
    );
    await expect(harness.set(SORTITION.capacity, 1))
      .to.be.revertedWithCustomError(harness, "NoSuchLeaf")
      .withArgs(SORTITION.capacity, SORTITION.capacity);
    await expect(harness.set(0, SORTITION.maximumWeight + 1))
      .to.be.revertedWithCustomError(harness, "WeightTooLarge")
      .withArgs(SORTITION.maximumWeight + 1, SORTITION.maximumWeight);
  });

  for (const { operation, goal, measure } of [updateWeightOf10000, draw16of10000]) {
    it(`stays within ${goal} gas for ${operation}`, async () => {
      expect(await measure()).to.be.at.most(goal as number);
    });
  }
});

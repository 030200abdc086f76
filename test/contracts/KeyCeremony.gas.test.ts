import { expect } from "chai";

import { dealing32 } from "../../bench/gas/dealing32.js";
import { dispute17 } from "../../bench/gas/dispute17.js";
import { disputeEd25519 } from "../../bench/gas/disputeEd25519.js";

describe("gas of a key ceremony", () => {
  for (const { operation, goal, measure } of [dealing32, dispute17, disputeEd25519]) {
    it(`stays within ${goal} for ${operation}`, async () => {
      expect(await measure()).to.be.at.most(goal as number);
    });
  }
});

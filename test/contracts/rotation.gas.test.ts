import { expect } from "chai";

import { gasOfRound } from "../../bench/gas/measurement.js";
import { postBeacon } from "../../bench/gas/postBeacon.js";
import { reshareDealing32 } from "../../bench/gas/reshareDealing32.js";
import { rotation16 } from "../../bench/gas/rotation16.js";
import { rotation7 } from "../../bench/gas/rotation7.js";

describe("gas of a rotation", () => {
  for (const [{ operation, measure }, ceiling] of [
    [postBeacon, 230_000],
    [reshareDealing32, 190_000],
    [rotation7, 2_500_000],
    [rotation16, 5_500_000],
  ] as const) {
    it(`stays within ${ceiling} for ${operation}`, async () => {
      expect(await measure()).to.be.at.most(ceiling);
    });
  }

  for (const [seats, ceiling] of [
    [7, 1_600_000],
    [16, 3_800_000],
  ] as const) {
    it(`stays within ${ceiling} for a measurement by ${seats}, with all that follows from it`, async () => {
      expect((await gasOfRound(seats)).all).to.be.at.most(ceiling);
    });
  }
});

import { expect } from "chai";
import fc from "fast-check";

import { formatEther, parseEther } from "../../src/statements/ether.js";

describe("amounts", () => {
  it("are shown in ether with every digit that says something", () => {
    expect([0n, 1n, 10n ** 18n, 105n * 10n ** 16n, 1_200n * 10n ** 18n].map(formatEther)).to.deep.equal([
      "0 ETH",
      "0.000000000000000001 ETH",
      "1 ETH",
      "1.05 ETH",
      "1200 ETH",
    ]);
  });

  it("are read with their unit, and what is shown is read as the same", () => {
    expect(["0.5ETH", "20 gwei", "7wei", "1.50 eth", " 0.1GWEI"].map(parseEther)).to.deep.equal([
      5n * 10n ** 17n,
      20n * 10n ** 9n,
      7n,
      15n * 10n ** 17n,
      10n ** 8n,
    ]);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 1n << 90n }), (wei) => parseEther(formatEther(wei)) === wei));
  });

  it("are none without a unit, below a wei, or in another form", () => {
    for (const bad of [
      "",
      "1",
      "ETH",
      "-1ETH",
      "1e18wei",
      "0.5wei",
      "0.0000000001gwei",
      "1,5ETH",
      ".5ETH",
      "1.ETH",
      "0x1ETH",
    ]) {
      expect(parseEther(bad), bad).to.equal(undefined);
    }
  });
});

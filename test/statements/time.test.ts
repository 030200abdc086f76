import { expect } from "chai";

import { when } from "../../src/statements/time.js";

describe("times as people read them", () => {
  it("are in UTC, and what is no time is told as it is", () => {
    expect(when(1_900_000_000)).to.equal("2030-03-17T17:46:40Z");
    expect(when(2 ** 64)).to.equal("18446744073709552000");
    expect(when(Number.NaN)).to.equal("NaN");
  });
});

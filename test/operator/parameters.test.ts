import { expect } from "chai";

import {
  type MeshParameters,
  PUBLIC_PARAMETERS,
  formatParameters,
  parseParameters,
} from "../../src/operator/parameters.js";

const parse = (change: Partial<MeshParameters>): MeshParameters =>
  parseParameters(formatParameters({ ...PUBLIC_PARAMETERS, ...change }), "mesh-parameters.json");

describe("parameters of a mesh", () => {
  it("are refused by name where the ledger would refuse them", () => {
    const cases: [Partial<MeshParameters>, string][] = [
      [{ committeeSize: 33 }, "committeeSize takes a whole number from 4 to 32, not 33"],
      [{ admission: 2 }, "admission takes a whole number from 0 to 1, not 2"],
      [{ admission: 1, committeeSize: 30 }, "committeeSize takes at least 31 where admission is open, not 30"],
      [{ probesPerEpoch: 256 }, "probesPerEpoch takes a whole number from 0 to 255, not 256"],
      [{ rewardBps: 10_001 }, "rewardBps takes a whole number from 0 to 10000, not 10001"],
    ];
    for (const [change, message] of cases) {
      expect(() => parse(change))
        .to.throw(message)
        .with.property("code", "bad-parameters");
    }
    expect(parse({ admission: 1, committeeSize: 31, probesPerEpoch: 0, rewardBps: 0 }).committeeSize).to.equal(31);
  });
});

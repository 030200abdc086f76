import { expect } from "chai";

import { Patience } from "../../src/device/patience.js";
import { RemoteError } from "../../src/net/error-body.js";
import { GatherError } from "../../src/protocol/gather.js";

/** A round in which nobody answered well, and members said these codes. */
function failed(...codes: readonly string[]): GatherError<number> {
  const failures = codes.map((code, member) => {
    const error = new RemoteError("m", { status: 502, kind: "network", code, advice: "a" });
    return { member, error };
  });
  return new GatherError(0, 3, failures);
}

describe("a device's patience", () => {
  const half = (): number => 0.5;

  it("doubles its waits, and ends with the attempts that it was given", () => {
    const patience = new Patience(4, half);
    const waits = [1, 2, 3].map(() => patience.after(failed("overloaded", "overloaded")));
    expect(waits).to.deep.equal([750, 1_500, 3_000]);
    expect(() => patience.after(failed("overloaded")))
      .to.throw("0 of the 3 needed members")
      .with.property("code", "too-few-validators");
  });

  it("waits about a second again and again while committees hand over, without an attempt counted", () => {
    const patience = new Patience(2, half);
    const waits = Array.from({ length: 20 }, (_, i) =>
      patience.after(failed(i % 2 === 0 ? "counters-pending" : "not-in-office", "overloaded")),
    );
    expect(new Set(waits)).to.deep.equal(new Set([1_000]));
    expect(patience.after(failed("overloaded"))).to.equal(750);
  });

  it("believes in a handover for sixty rounds and no longer", () => {
    const patience = new Patience(1, half);
    for (let round = 0; round < 60; round++) patience.after(failed("counters-pending"));
    expect(() => patience.after(failed("counters-pending")))
      .to.throw()
      .with.property("code", "too-few-validators");
  });
});

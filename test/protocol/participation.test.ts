import { expect } from "chai";

import { Participation } from "../../src/protocol/participation.js";

const SEATS = [1, 2, 4];

describe("what members did of what they owed", () => {
  it("is 15 for all of it, 0 for nothing, and for who owed nothing", () => {
    const seen = new Participation(SEATS);
    for (const statement of ["head 1", "head 2"]) {
      seen.voted(statement, 1);
      seen.decided(statement);
    }
    expect(SEATS.map((seat) => seen.classOf(seat))).to.deep.equal([15, 0, 0]);
    expect(new Participation(SEATS).classOf(1)).to.equal(0);
  });

  it("counts a vote once, also one that comes after the statement was decided, and none on what never was", () => {
    const seen = new Participation(SEATS);
    for (const statement of ["a", "b", "c"]) seen.decided(statement);
    seen.voted("a", 1);
    seen.voted("a", 1);
    seen.voted("b", 1);
    expect(seen.classOf(1)).to.equal(10);
    seen.voted("never decided", 1);
    expect(seen.classOf(1)).to.equal(10);
    seen.decided("a");
    expect(seen.classOf(1)).to.equal(10);
    // Of nobody's seat.
    seen.voted("a", 3);
    expect(seen.classOf(3)).to.equal(0);
  });

  it("counts each kind of duty the same, however often it comes", () => {
    const seen = new Participation(SEATS);
    for (let i = 0; i < 300; i++) {
      seen.voted(`head ${i}`, 1);
      seen.decided(`head ${i}`);
    }
    seen.count("ceremony", 1, false);
    expect(seen.classOf(1), "all votes, no acknowledgement").to.equal(8);
    seen.count("probe", 1, true);
    seen.count("signature", 1, true);
    expect(seen.classOf(1), "and the other two").to.equal(11);
  });
});

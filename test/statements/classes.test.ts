import { expect } from "chai";
import fc from "fast-check";

import { packClasses, unpackClasses } from "../../src/statements/classes.js";

describe("classes", () => {
  it("are packed as on the ledger, four bits each from the least significant", () => {
    expect(packClasses([1, 15, 0, 7])).to.equal(0x70f1n);
    fc.assert(
      fc.property(fc.array(fc.nat(15), { maxLength: 64 }), (classes) => {
        expect(unpackClasses(packClasses(classes), classes.length)).to.deep.equal(classes);
      }),
    );
  });

  it("are 0 to 15, at most 64 of them", () => {
    for (const bad of [-1, 16, 1.5, NaN]) expect(() => packClasses([3, bad])).to.throw(RangeError, `not ${bad}`);
    expect(() => packClasses(Array.from({ length: 65 }, () => 1))).to.throw(RangeError, "65");
  });
});

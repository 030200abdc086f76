import { expect } from "chai";
import fc from "fast-check";

import { VoteBook } from "../../src/protocol/votes.js";

const message = Uint8Array.of(1, 2, 3);
const good = (seat: number): Uint8Array => Uint8Array.of(seat, ...message);

function book(capacity?: number): VoteBook {
  return new VoteBook({
    threshold: 5,
    seats: [1, 2, 3, 4, 5, 6, 7],
    verify: (seat, bytes, partial) => Buffer.from(partial).equals(Buffer.from([seat, ...bytes])),
    combine: (partials) => Uint8Array.from([...partials.keys()].toSorted()),
    ...(capacity === undefined ? {} : { capacity }),
  });
}

describe("vote book", () => {
  it("completes at the threshold in every order of votes and proposal", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), (order) => {
        const votes = book();
        for (const step of order) {
          if (step === 0) votes.propose("head:1", message);
          else votes.add("head:1", step, good(step));
        }
        expect(votes.signature("head:1")).to.have.length(5);
      }),
    );
  });

  it("counts no partial that does not verify, whether it came before or after the statement was known", () => {
    const votes = book();
    votes.add("x", 3, Uint8Array.of(9));
    expect(votes.propose("x", message).liars).to.deep.equal([3]);
    expect(votes.add("x", 4, Uint8Array.of(9))).to.deep.equal({ kind: "refused", reason: "bad-partial" });
    for (const seat of [1, 2, 3, 5]) votes.add("x", seat, good(seat));
    expect(votes.signature("x")).to.equal(undefined);
    expect(votes.add("x", 6, good(6)).kind).to.equal("complete");
  });

  it("counts a seat once and no stranger", () => {
    const votes = book();
    votes.propose("x", message);
    votes.add("x", 1, good(1));
    expect(votes.add("x", 1, good(1))).to.deep.equal({ kind: "refused", reason: "already-voted" });
    expect(votes.add("x", 8, good(8))).to.deep.equal({ kind: "refused", reason: "not-a-seat" });
  });

  it("keeps a bounded number of statements", () => {
    const votes = book(2);
    for (const id of ["a", "b", "c"]) votes.propose(id, message);
    for (const seat of [1, 2, 3, 4, 5]) votes.add("a", seat, good(seat));
    expect(votes.signature("a")).to.equal(undefined);
  });
});

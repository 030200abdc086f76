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
  it("completes at the threshold in every order of votes", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7], { minLength: 5 }), (order) => {
        const votes = book();
        votes.propose("head:1", message);
        for (const seat of order) votes.add("head:1", seat, good(seat));
        expect(votes.signature("head:1")).to.have.length(5);
      }),
    );
  });

  it("takes no vote on a statement that it has not built", () => {
    expect(book().add("x", 3, good(3))).to.deep.equal({ kind: "refused", reason: "unknown-statement" });
  });

  it("counts no partial that does not verify, nor lets one take its seat's place", () => {
    const votes = book();
    votes.propose("x", message);
    expect(votes.add("x", 4, Uint8Array.of(9))).to.deep.equal({ kind: "refused", reason: "bad-partial" });
    for (const seat of [1, 2, 3, 4]) votes.add("x", seat, good(seat));
    expect(votes.signature("x")).to.equal(undefined);
    expect(votes.add("x", 6, good(6)).kind).to.equal("complete");
  });

  it("counts a seat once and no stranger", () => {
    const votes = book();
    votes.propose("x", message);
    votes.add("x", 1, good(1));
    expect(votes.add("x", 1, good(1))).to.deep.equal({ kind: "waiting", votes: 1 });
    expect(votes.add("x", 8, good(8))).to.deep.equal({ kind: "refused", reason: "not-a-seat" });
  });

  it("keeps a bounded number of statements", () => {
    const votes = book(2);
    for (const id of ["a", "b", "c"]) votes.propose(id, message);
    for (const seat of [1, 2, 3, 4, 5]) votes.add("a", seat, good(seat));
    expect(votes.signature("a")).to.equal(undefined);
  });
});

import { expect } from "chai";

import { indexOfIdentity, preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { SessionBook } from "../../src/protocol/sessions.js";

describe("signing sessions", () => {
  let now = 0;
  let next = 0;
  let wiped: number[] = [];
  const book = (capacity: number): SessionBook<number> =>
    new SessionBook({
      randomId: () => Uint8Array.of(next++),
      nowMilliseconds: () => now,
      wipe: (nonces) => wiped.push(nonces),
      capacity,
      lifetimeMilliseconds: 100,
    });
  const session = (nonces: number) => ({ message: new Uint8Array(), nonces });

  beforeEach(() => {
    now = 0;
    next = 0;
    wiped = [];
  });

  it("gives the nonces of a session once", () => {
    const sessions = book(4);
    const id = sessions.open(session(7), "device 1");
    expect(sessions.take(id)?.nonces).to.equal(7);
    expect(sessions.take(id)).to.equal(undefined);
  });

  it("forgets and wipes a session that is too old", () => {
    const sessions = book(4);
    const id = sessions.open(session(7), "device 1");
    now = 100;
    expect(sessions.take(id)).to.equal(undefined);
    expect(wiped).to.deep.equal([7]);
  });

  it("holds a bounded number, wiping the oldest", () => {
    const sessions = book(2);
    const ids = [1, 2, 3].map((nonces) => sessions.open(session(nonces), `device ${nonces}`));
    expect(wiped).to.deep.equal([1]);
    expect(ids.map((id) => sessions.take(id)?.nonces)).to.deep.equal([undefined, 2, 3]);
  });

  it("one asker that opens many pushes out its own, and nobody else's", () => {
    const sessions = book(64);
    const other = sessions.open(session(0), "device 1");
    const ids = Array.from({ length: 60 }, (_, i) => sessions.open(session(i + 1), "seat 2"));
    expect(sessions.take(other)?.nonces).to.equal(0);
    expect(ids.filter((id) => sessions.take(id) !== undefined)).to.have.length(8);
    expect(wiped).to.have.length(52);
  });
});

describe("pre-shared key identities", () => {
  const mesh = new Uint8Array(32).fill(1);

  it("name a device of this mesh", () => {
    expect(indexOfIdentity(mesh, preSharedKeyIdentity(mesh, 4711))).to.equal(4711);
  });

  it("of another mesh, or malformed, name none", () => {
    for (const identity of [
      preSharedKeyIdentity(new Uint8Array(32), 1),
      "",
      `${preSharedKeyIdentity(mesh, 1)}x`,
      preSharedKeyIdentity(mesh, 1).replace("/1", "/01"),
    ]) {
      expect(indexOfIdentity(mesh, identity)).to.equal(undefined);
    }
  });
});

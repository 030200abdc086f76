import { randomBytes } from "node:crypto";

import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";

import { CryptoError } from "../../src/crypto/errors.js";
import { FrostNonces, type NonceCommitment, type SigningSession } from "../../src/crypto/frost.js";
import { combineFrost } from "../../src/protocol/frost-combiner.js";
import { GatherError } from "../../src/protocol/gather.js";
import { SessionBook } from "../../src/protocol/sessions.js";
import { sharedKeys } from "../crypto/shared-key-fixture.js";

const { ed25519: key, edShares } = sharedKeys(4, "frost combiner");
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const messages = ["first", "second"].map((text) => new TextEncoder().encode(text));

type Cheat = "wrong-share" | "no-point" | "silent" | undefined;

/** A signer as a validator is: it builds the message itself, and its sessions sign once. */
class Member {
  readonly seat: number;
  cheat: Cheat;
  readonly #sessions = new SessionBook<FrostNonces>({
    randomId: () => random(16),
    nowMilliseconds: () => now,
    wipe: (nonces) => {
      nonces.discard();
      wiped.push(nonces);
    },
  });

  constructor(seat: number) {
    this.seat = seat;
  }

  get #share(): Uint8Array {
    return edShares.get(this.seat) as Uint8Array;
  }

  commit(message: Uint8Array): NonceCommitment & { session: Uint8Array } {
    const nonces = FrostNonces.draw(this.seat, this.#share, random);
    const session = this.#sessions.open({ message, nonces }, "combiner");
    const hiding = this.cheat === "no-point" ? new Uint8Array(32).fill(0xff) : nonces.commitment.hiding;
    return { ...nonces.commitment, hiding, session };
  }

  sign(session: Uint8Array, commitments: readonly NonceCommitment[]): Uint8Array {
    if (this.cheat === "silent") throw new Error("silent");
    const found = this.#sessions.take(session);
    if (found === undefined) throw new Error("session-unknown");
    const share = found.nonces.sign(key, this.#share, { message: found.message, commitments });
    return this.cheat === "wrong-share" ? share.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) : share;
  }

  /** As after a restart from a copy of its disk: nothing of a session is on it. */
  restored(): Member {
    return new Member(this.seat);
  }
}

let members: Member[];
let leftOut: number[];
let now: number;
let wiped: FrostNonces[];
beforeEach(() => {
  now = 0;
  wiped = [];
  members = [1, 2, 3, 4].map((seat) => new Member(seat));
  leftOut = [];
});

const combine = (
  share = (member: Member, session: Uint8Array, { commitments }: SigningSession) => member.sign(session, commitments),
) =>
  combineFrost<Member, (NonceCommitment & { session: Uint8Array })[]>({
    key,
    messages,
    async commit(exclude) {
      const asked = members.filter(({ seat }) => !exclude.has(seat)).slice(0, key.t);
      if (asked.length < key.t) throw new GatherError<Member>(asked.length, key.t, []);
      return { parts: asked.map((member) => ({ member, part: messages.map((m) => member.commit(m)) })), failures: [] };
    },
    committed: (part) => part,
    share: async (member, _, session, signing) => share(member, session, signing),
    leftOut: ({ seat }) => leftOut.push(seat),
  });

describe("FROST, combined", () => {
  it("signs several messages in one go, and nobody is left out", async () => {
    const { signatures } = await combine();
    for (const [i, message] of messages.entries()) {
      expect(ed25519.verify(signatures[i] as Uint8Array, message, key.groupKey)).to.equal(true);
    }
    expect(leftOut).to.deep.equal([]);
  });

  for (const cheat of ["wrong-share", "no-point", "silent"] as const) {
    it(`goes on without a member that is ${cheat}, by its seat`, async () => {
      (members[1] as Member).cheat = cheat;
      const { signatures } = await combine();
      expect(ed25519.verify(signatures[0] as Uint8Array, messages[0] as Uint8Array, key.groupKey)).to.equal(true);
      expect(leftOut).to.deep.equal([2]);
    });
  }

  it("names all cheats where fewer than t others are left", async () => {
    (members[0] as Member).cheat = "wrong-share";
    (members[1] as Member).cheat = "silent";
    const error = await combine().then(
      () => undefined,
      (reason: unknown) => reason as GatherError<Member>,
    );
    expect(error).to.be.instanceOf(GatherError);
    expect(error?.failures.map(({ member }) => member.seat).sort()).to.deep.equal([1, 2]);
  });
});

describe("FROST against the combiner", () => {
  const round = (message: Uint8Array) => {
    const committed = members.slice(0, key.t).map((member) => member.commit(message));
    const commitments = committed.map(({ seat, hiding, binding }) => ({ seat, hiding, binding }));
    return { committed, commitments };
  };
  const [first, second] = messages as [Uint8Array, Uint8Array];
  const one = (): Member => members[0] as Member;
  const session = ({ committed }: ReturnType<typeof round>): Uint8Array =>
    (committed[0] as { session: Uint8Array }).session;

  it("that asks again with one session gets nothing, whether the first share was used or not", () => {
    const begun = round(first);
    one().sign(session(begun), begun.commitments);
    expect(() => one().sign(session(begun), begun.commitments)).to.throw("session-unknown");
  });

  it("that wants a second message under one nonce cannot: the message is the member's, not the asker's", () => {
    const [begun, other] = [round(first), round(second)];
    // The sessions of one message with the commitments of another: refused, and used up.
    expect(() => one().sign(session(begun), other.commitments)).to.throw(CryptoError, "no signature share");
    expect(() => one().sign(session(begun), begun.commitments)).to.throw("session-unknown");
  });

  it("that mixes sessions of two rounds makes no signature that verifies", async () => {
    const earlier = round(first);
    const mixed = (member: Member, id: Uint8Array, { commitments }: SigningSession): Uint8Array =>
      member.sign(
        id,
        commitments.map((own) => (own.seat === 3 ? (earlier.commitments[2] as NonceCommitment) : own)),
      );
    const error = await combine(mixed).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(GatherError);
  });

  it("that leaves members out of the list, or puts strangers in, gets nothing", () => {
    const begun = round(first);
    expect(() => one().sign(session(begun), begun.commitments.slice(1))).to.throw(CryptoError);
    const again = round(first);
    const stranger = { ...(again.commitments[1] as NonceCommitment), seat: 9 };
    expect(() => one().sign(session(again), [again.commitments[0] as NonceCommitment, stranger, stranger])).to.throw(
      CryptoError,
    );
  });

  it("that withholds what it has, at any point, stops nobody: the next one gathers anew, and what was left open is wiped", async () => {
    const [begun, half] = [round(first), round(first)];
    one().sign(session(half), half.commitments);
    const { signatures } = await combine();
    expect(ed25519.verify(signatures[0] as Uint8Array, first, key.groupKey)).to.equal(true);
    expect(wiped).to.deep.equal([]);
    now = 30_000;
    for (const member of members.slice(0, key.t)) member.commit(second);
    expect(wiped, "all three of the first, two of the second").to.have.length(2 * key.t - 1);
    expect(() => one().sign(session(begun), begun.commitments)).to.throw("session-unknown");
    const nonces = wiped[0] as FrostNonces;
    const share = edShares.get(nonces.commitment.seat) as Uint8Array;
    expect(() => nonces.sign(key, share, { message: first, commitments: begun.commitments }))
      .to.throw(CryptoError)
      .with.property("code", "used");
  });

  it("finds no session in a member that was restored from a copy of its disk", () => {
    const begun = round(first);
    const copy = one().restored();
    expect(() => copy.sign(session(begun), begun.commitments)).to.throw("session-unknown");
    expect(one().sign(session(begun), begun.commitments)).to.have.length(32);
  });
});

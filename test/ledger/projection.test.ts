import { expect } from "chai";
import { toBeHex, zeroPadValue } from "ethers";
import fc from "fast-check";

import { RevocationBitmap } from "../../src/ledger/bitmap.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { History } from "../../src/ledger/history.js";
import { Projection } from "../../src/ledger/projection.js";

const WORDS = 4;
const account = (n: number): string => zeroPadValue(toBeHex(n + 1), 20);
const entriesOf = (entries: readonly (readonly [word: number, mask: bigint])[]): string =>
  `0x${entries.map(([word, mask]) => toBeHex(word, 4).slice(2) + toBeHex(mask, 32).slice(2)).join("")}`;

/** What may happen, without the block in which it does. */
const happening = fc.oneof(
  fc.record({
    contract: fc.constant("revocations"),
    name: fc.constantFrom("Revoked", "Held", "Released"),
    args: fc.record({
      entries: fc
        .array(fc.tuple(fc.nat(WORDS - 1), fc.bigInt({ min: 1n, max: 15n })), { minLength: 1, maxLength: 3 })
        .map(entriesOf),
    }),
  }),
  fc.record({
    contract: fc.constant("registry"),
    name: fc.constantFrom("ValidatorRegistered", "ValidatorUpdated", "Slashed", "ExitStarted", "ValidatorAdmitted"),
    args: fc.record({
      account: fc.nat(3).map(account),
      operator: fc.nat(9).map((n) => toBeHex(n, 32)),
      endpoint: fc.string({ maxLength: 4 }),
      tlsPin: fc.nat(9).map((n) => toBeHex(n, 32)),
      scope: fc.constant("grp:a"),
      stake: fc.bigInt({ min: 0n, max: 9n }),
      amount: fc.constant(1n),
      offence: fc.constant(0n),
      withdrawable: fc.bigInt({ min: 1n, max: 9n }),
      blsKey: fc.constant({ xHi: 0n, xLo: 0n, yHi: 0n, yLo: 0n }),
    }),
  }),
  fc.record({
    contract: fc.constant("groupKeys"),
    name: fc.constant("OfficeTaken"),
    args: fc.record({ generation: fc.bigInt({ min: 1n, max: 3n }), epoch: fc.bigInt({ min: 1n, max: 9n }) }),
  }),
  fc.record({
    contract: fc.constant("ceremony"),
    name: fc.constant("Acknowledged"),
    args: fc.record({
      ceremony: fc.bigInt({ min: 1n, max: 2n }),
      attempt: fc.constant(1n),
      receiver: fc.bigInt({ min: 1n, max: 4n }),
    }),
  }),
);

/** Events in order: each in the block of the one before, or a few later. */
const stream = fc.array(fc.tuple(happening, fc.nat(2)), { maxLength: 60 }).map((list) => {
  let blockNumber = 1;
  return list.map(([event, gap], logIndex) => {
    blockNumber += gap;
    return { ...event, blockNumber, logIndex, transactionHash: "0x" } as unknown as LedgerEvent;
  });
});

/** Everything that can be asked, at every block. */
function answers(projection: Projection, lastBlock: number): unknown {
  const blocks = Array.from({ length: lastBlock + 2 }, (_, block) => ({
    words: Array.from({ length: WORDS }, (_, word) => projection.bitmap.at(word, block)),
    office: projection.officeAt(block),
    members: [0, 1, 2, 3].map((n) => projection.memberAt(account(n), block)),
  }));
  const { slashes, ceremonies } = projection;
  return { blocks, slashes, ceremonies: [...ceremonies], members: projection.members() };
}

function projected(events: readonly LedgerEvent[], into = new Projection()): Projection {
  for (const event of events) into.apply(event);
  return into;
}

describe("projection", () => {
  it("what was at a block stays, however many events follow", () => {
    fc.assert(
      fc.property(stream, fc.nat(), (events, cut) => {
        const block = events.length === 0 ? 0 : (events[cut % events.length]?.blockNumber ?? 0);
        const early = projected(events.filter((event) => event.blockNumber <= block));
        const all = projected(events);
        for (let word = 0; word < WORDS; word++) {
          expect(all.bitmap.at(word, block)).to.deep.equal(early.bitmap.at(word, block));
        }
        expect(all.officeAt(block)).to.deep.equal(early.office);
        for (let n = 0; n < 4; n++) {
          expect(all.memberAt(account(n), block)).to.deep.equal(early.member(account(n)));
        }
      }),
    );
  });

  it("any split of the events into batches, with questions in between, gives the same state", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(59), { maxLength: 5 }), (events, cuts) => {
        const last = events.at(-1)?.blockNumber ?? 0;
        const split = new Projection();
        let from = 0;
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          projected(events.slice(from, Math.max(from, cut)), split);
          from = Math.max(from, cut);
          answers(split, last);
        }
        projected(events.slice(from), split);
        expect(answers(split, last)).to.deep.equal(answers(projected(events), last));
      }),
    );
  });

  it("the bitmap is that of a plain model, and two blocks differ iff an effective word does", () => {
    fc.assert(
      fc.property(stream, fc.nat(70), fc.nat(70), (events, a, b) => {
        const projection = projected(events);
        const model = (block: number): bigint[] => {
          const revoked = new Map<number, bigint>();
          const held = new Map<number, bigint>();
          for (const event of events.filter((event) => event.blockNumber <= block)) {
            if (event.name !== "Revoked" && event.name !== "Held" && event.name !== "Released") continue;
            for (let at = 2; at < event.args.entries.length; at += 72) {
              const word = Number(`0x${event.args.entries.slice(at, at + 8)}`);
              const mask = BigInt(`0x${event.args.entries.slice(at + 8, at + 72)}`);
              if (event.name === "Revoked") revoked.set(word, (revoked.get(word) ?? 0n) | mask);
              else if (event.name === "Held") held.set(word, (held.get(word) ?? 0n) | mask);
              else held.set(word, (held.get(word) ?? 0n) & ~mask);
            }
          }
          return Array.from({ length: WORDS }, (_, word) => (revoked.get(word) ?? 0n) | (held.get(word) ?? 0n));
        };
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const words = Array.from({ length: WORDS }, (_, word) => projection.bitmap.effective(word, to));
        expect(words).to.deep.equal(model(to));
        expect(projection.listDiffers(from, to)).to.equal(model(from).join() !== model(to).join());
      }),
    );
  });

  it("a hold released between two blocks is no difference", () => {
    const bitmap = new RevocationBitmap();
    bitmap.change(5, entriesOf([[0, 1n]]), ({ revoked, held }, mask) => ({ revoked, held: held | mask }));
    bitmap.change(6, entriesOf([[0, 1n]]), ({ revoked, held }, mask) => ({ revoked, held: held & ~mask }));
    expect([bitmap.differs(4, 5), bitmap.differs(5, 6), bitmap.differs(4, 6)]).to.deep.equal([true, true, false]);
  });

  it("refuses a block that comes late", () => {
    const history = new History<number>();
    history.set(5, 1);
    expect(() => history.set(4, 2)).to.throw(RangeError, "in order");
  });
});

import { expect } from "chai";
import fc from "fast-check";

import type { GroupKeys } from "../../../src/crypto/outcome.js";
import { combinePartials } from "../../../src/crypto/threshold-bls.js";
import type { HeldShares } from "../../../src/protocol/ceremony/state.js";
import { blstBls } from "../../../src/runtime/blst.js";
import { quorumOf } from "../../../src/statements/quorum.js";
import { World, type Behaviour, type WorldSetup } from "./world.js";

/** A committee with its shares, as one ceremony leaves it to the next. */
interface InOffice {
  readonly accounts: readonly string[];
  readonly keys: GroupKeys;
  readonly held: ReadonlyMap<number, HeldShares>;
}

const MESSAGE = new Uint8Array(32).fill(3);
/** Accounts of the world go up to this number. */
const LAST_ACCOUNT = 0x5f;

function honest(n: number, changed: Readonly<Record<number, Behaviour>> = {}): Behaviour[] {
  return Array.from({ length: n }, (_, i) => changed[i] ?? "honest");
}

function outcomeOf(world: World): InOffice {
  expect(world.ledger.phase).to.equal("active");
  const { attempt } = world.ledger;
  const signed = world.players.flatMap(({ signature }) => (signature?.effect.attempt === attempt ? [signature] : []));
  const outcomes = signed.map(({ effect }) => effect.outcome);
  for (const outcome of outcomes) expect(outcome).to.deep.equal(outcomes[0]);
  const seated = world.players.find(({ engine }) => engine.view.phase === "active")?.engine.view.seated ?? [];
  return { accounts: seated, keys: outcomes[0] as GroupKeys, held: world.held() };
}

function generate(n: number, seed: string): InOffice {
  const world = new World({ n, behaviours: honest(n), seed });
  world.run();
  return outcomeOf(world);
}

function reshare(
  before: InOffice,
  setup: Omit<WorldSetup, "kind" | "incumbents" | "incumbentShares"> & { readonly ceremony: bigint },
): World {
  const { accounts, keys, held } = before;
  const shares = new Map([...held].map(([seat, own]) => [accounts[seat - 1] as string, own.shares]));
  const world = new World({ ...setup, kind: "resharing", incumbents: { accounts, keys }, incumbentShares: shares });
  world.run();
  return world;
}

function sign({ held }: InOffice, seats: readonly number[]): { seat: number; signature: Uint8Array }[] {
  return seats.map((seat) => {
    const { shares } = held.get(seat) as HeldShares;
    return { seat, signature: blstBls.sign(shares.g1, MESSAGE) };
  });
}

function expectSameKeys(after: InOffice, before: InOffice): void {
  expect(after.keys.bls).to.deep.equal(before.keys.bls);
  expect(after.keys.ed25519).to.deep.equal(before.keys.ed25519);
  const { t } = quorumOf(after.keys.verificationKeys.length);
  const seats = [...after.held.keys()];
  expect(seats.length).to.be.at.least(t);
  expect(blstBls.verify(before.keys.bls, MESSAGE, combinePartials(sign(after, seats.slice(-t))))).to.equal(true);
}

describe("resharing, simulated", () => {
  it("keeps both group keys from 4 to 7 to 10 members and back, members restarted on the way", () => {
    let office = generate(4, "sizes");
    const first = office;
    for (const [i, n] of [7, 10, 7, 4].entries()) {
      // No committee shares a member with the one before, but for the last.
      const firstAccount = [10, 30, 50, 50][i] as number;
      expect(firstAccount + n).to.be.at.most(LAST_ACCOUNT);
      const ceremony = BigInt(i + 2);
      const world = reshare(office, { n, behaviours: honest(n), firstAccount, ceremony, seed: `to ${n}`, crashes: 10 });
      const next = outcomeOf(world);
      expect(next.held.size).to.equal(n);
      expect(world.ledger.slashed).to.deep.equal([]);
      expectSameKeys(next, first);
      office = next;
    }
  });

  it("with f of the old and f of the new committee dead from the start", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(3), fc.nat(3), (seed, old, young) => {
        const before = generate(4, seed);
        const world = reshare(before, {
          n: 4,
          behaviours: honest(4, { [young]: "silent" }),
          incumbentBehaviours: honest(4, { [old]: "silent" }),
          firstAccount: 20,
          ceremony: 2n,
          seed,
        });
        const after = outcomeOf(world);
        expect(after.held.size).to.equal(3);
        expectSameKeys(after, before);
        const named = [{ account: before.accounts[old], offence: "MissingDealing" }];
        expect(world.ledger.slashed).to.deep.equal(named);
      }),
      { numRuns: 3 },
    );
  });

  const cheats: readonly [Behaviour, string][] = [
    ["bad-g1-share", "BadDealing"],
    ["bad-ed25519-share", "BadDealing"],
    ["garbage-share", "BadDealing"],
    ["wrong-commitment", "BadDealing"],
    ["malformed-g1", "BadDealing"],
    ["malformed-ed25519", "BadDealing"],
    ["other-constant", "MissingDealing"],
    ["copied-key", "MissingDealing"],
    ["never-deals", "MissingDealing"],
  ];
  const before = generate(4, "cheated");
  for (const [cheat, offence] of cheats) {
    it(`${cheat}: the old member that cheats is named alone, and the keys stay`, () => {
      const incumbentBehaviours = honest(4, { 1: cheat });
      const setup = { n: 4, behaviours: honest(4), incumbentBehaviours, firstAccount: 20, ceremony: 2n, seed: cheat };
      const world = reshare(before, setup);
      expect(world.ledger.slashed).to.deep.equal([{ account: before.accounts[1], offence }]);
      expect(world.ledger.attempt).to.equal(1);
      expectSameKeys(outcomeOf(world), before);
    });
  }

  it("a new member that complains falsely is named, and the dealer that it complained about is not", () => {
    const behaviours = honest(4, { 2: "false-complaint" });
    const world = reshare(before, { n: 4, behaviours, firstAccount: 20, ceremony: 2n, seed: "false" });
    expect(world.ledger.slashed.map(({ offence }) => offence)).to.deep.equal(["BadComplaint"]);
    expectSameKeys(outcomeOf(world), before);
  });

  it("two that collude, an old one that deals badly and a new one that covers it up: the others name it", () => {
    const seven = generate(7, "seven");
    const world = reshare(seven, {
      n: 7,
      // The first new member is the accomplice: it finds no dealing bad, and complains about an honest dealer.
      behaviours: honest(7, { 0: "false-complaint" }),
      incumbentBehaviours: honest(7, { 2: "bad-g1-share", 5: "malformed-ed25519" }),
      firstAccount: 20,
      ceremony: 2n,
      seed: "collude",
    });
    const named = world.ledger.slashed.map(({ account, offence }) => `${account} ${offence}`);
    expect(named).to.include.members([`${seven.accounts[2]} BadDealing`, `${seven.accounts[5]} BadDealing`]);
    expect(world.ledger.slashed.filter(({ offence }) => offence === "BadComplaint")).to.have.length(1);
    expect(named).to.have.length(3);
    expectSameKeys(outcomeOf(world), seven);
  });

  it("a new committee that is away as a whole leaves the old one in office, which goes on inviting", () => {
    const world = reshare(before, {
      n: 4,
      behaviours: honest(4, allSilent(4)),
      firstAccount: 20,
      ceremony: 2n,
      seed: "away",
    });
    expect(world.ledger.phase).to.equal("accept");
    // Somebody, and only the old ones are there, ended the windows of those who did not come.
    expect(world.ledger.events.filter(({ name }) => name === "Invited").length).to.be.greaterThan(5);
    expect([...before.held.keys()]).to.have.length(4);
  });

  it("shares of two epochs do not mix: t - 1 of each, or t of both together, sign nothing", () => {
    const world = reshare(before, { n: 4, behaviours: honest(4), firstAccount: 20, ceremony: 2n, seed: "mixed" });
    const after = outcomeOf(world);
    const isSigned = (parts: ReturnType<typeof sign>): boolean =>
      blstBls.verify(before.keys.bls, MESSAGE, combinePartials(parts));
    expect(isSigned(sign(before, [1, 2, 3]))).to.equal(true);
    expect(isSigned(sign(after, [1, 2, 3]))).to.equal(true);
    for (const [old, young] of [
      [[1], [2, 3]],
      [[1, 2], [3]],
      [[2, 3], [4]],
      [[4], [1, 3]],
    ] as const) {
      expect(isSigned([...sign(before, old), ...sign(after, young)])).to.equal(false);
    }
    expect(isSigned(sign(before, [1, 2]))).to.equal(false);
    expect(isSigned(sign(after, [3, 4]))).to.equal(false);
  });
});

function allSilent(n: number): Record<number, Behaviour> {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [i, "silent"]));
}

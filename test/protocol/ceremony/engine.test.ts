import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import fc from "fast-check";

import { nobleBls } from "../../../src/crypto/bls.js";
import { aggregateShares, FrostNonces } from "../../../src/crypto/frost.js";
import { combinePartials } from "../../../src/crypto/threshold-bls.js";
import type { GroupKeys } from "../../../src/crypto/outcome.js";
import { CeremonyError } from "../../../src/protocol/ceremony/errors.js";
import { seatsOf } from "../../../src/protocol/ceremony/events.js";
import { decodeState, encodeState } from "../../../src/protocol/ceremony/state.js";
import { blstBls } from "../../../src/runtime/blst.js";
import { quorumOf } from "../../../src/statements/quorum.js";
import { seeded } from "../../crypto/ceremony-fixture.js";
import { accountOf, World, type Behaviour, type WorldSetup } from "./world.js";

function behaviours(n: number, changed: Readonly<Record<number, Behaviour>> = {}): Behaviour[] {
  return Array.from({ length: n }, (_, i) => changed[i] ?? "honest");
}

function finish(setup: WorldSetup): World {
  const world = new World(setup);
  world.run();
  expect(world.ledger.phase, setup.seed).to.equal("active");
  return world;
}

/** The group keys that every honest member derived: all the same. */
function groupKeys(world: World): GroupKeys {
  const signed = world.players.flatMap(({ signature }) => (signature ? [signature.effect] : []));
  const inOffice = signed.filter(({ attempt }) => attempt === world.ledger.attempt);
  for (const { outcome } of inOffice) expect(outcome).to.deep.equal(inOffice[0]?.outcome);
  return (inOffice[0] as (typeof inOffice)[0]).outcome;
}

/** t held shares sign for both keys, and t - 1 do not. */
function expectWorkingKeys(world: World, n: number): void {
  const { t } = quorumOf(n);
  const keys = groupKeys(world);
  const held = [...world.held().values()];
  expect(held.length).to.be.at.least(t);

  const message = new Uint8Array(32).fill(3);
  const partials = held.map(({ seat, shares }) => ({ seat, signature: blstBls.sign(shares.g1, message) }));
  const signature = combinePartials(partials.slice(-t));
  expect(nobleBls.verify(keys.bls, message, signature)).to.equal(true);
  expect(blstBls.verify(keys.bls, message, signature)).to.equal(true);
  expect(blstBls.verify(keys.bls, message, combinePartials(partials.slice(1 - t)))).to.equal(false);

  const verificationKeys = new Map(keys.verificationKeys.map((key) => [key.seat, key.ed25519]));
  const edKey = { groupKey: keys.ed25519, t, n, verificationKeys };
  const sign = (signers: typeof held, key: typeof edKey) => {
    const random = seeded("nonces");
    const nonces = signers.map(({ seat, shares }) => FrostNonces.draw(seat, shares.ed25519, random));
    const session = { message, commitments: nonces.map(({ commitment }) => commitment) };
    const shares = signers.map(
      (own, i) => [own.seat, (nonces[i] as FrostNonces).sign(key, own.shares.ed25519, session)] as const,
    );
    return aggregateShares(key, session, new Map(shares));
  };
  expect(ed25519.verify(sign(held.slice(-t), edKey), message, keys.ed25519, { zip215: false })).to.equal(true);
  expect(() => sign(held.slice(1 - t), { ...edKey, t: t - 1 })).to.throw();
}

describe("key ceremony, simulated", () => {
  for (const n of [4, 7]) {
    it(`${n} honest members end up with working keys, whatever the order of events and wherever they are restarted`, () => {
      const runs = fc.record({ seed: fc.string(), crashes: fc.constantFrom(0, 20, 50) });
      fc.assert(
        fc.property(runs, ({ seed, crashes }) => {
          const world = finish({ n, behaviours: behaviours(n), seed, crashes });
          expectWorkingKeys(world, n);
          expect(world.ledger.attempt).to.equal(1);
          expect(world.ledger.slashed).to.deep.equal([]);
        }),
        { numRuns: n === 4 ? 6 : 2 },
      );
    });
  }

  it("a restart at every stored state, before anything is sent, changes nothing", () => {
    const world = finish({
      n: 4,
      behaviours: behaviours(4, { 2: "bad-g1-share" }),
      seed: "every",
      crashAtEveryState: true,
    });
    expect(world.ledger.slashed).to.deep.equal([{ account: accountOf(2), offence: "BadDealing" }]);
    expectWorkingKeys(world, 4);
  });

  const cheats: readonly [Behaviour, string | undefined][] = [
    ["bad-g1-share", "BadDealing"],
    ["bad-ed25519-share", "BadDealing"],
    ["garbage-share", "BadDealing"],
    ["wrong-commitment", "BadDealing"],
    ["malformed-g1", "BadDealing"],
    ["malformed-ed25519", "BadDealing"],
    ["never-deals", "MissingDealing"],
    ["copied-key", "MissingDealing"],
    ["false-complaint", "BadComplaint"],
    ["small-order", undefined],
  ];
  for (const [cheat, offence] of cheats) {
    it(`${cheat}: the offender alone is named, and the others finish with working keys`, () => {
      fc.assert(
        fc.property(fc.nat(3), fc.string(), (index, seed) => {
          const world = finish({ n: 4, behaviours: behaviours(4, { [index]: cheat }), seed, crashes: 10 });
          const named = offence === undefined ? [] : [{ account: accountOf(index), offence }];
          expect(world.ledger.slashed).to.deep.equal(named);
          expect(world.ledger.attempt).to.equal(1);
          expectWorkingKeys(world, 4);
        }),
        { numRuns: 2 },
      );
    });
  }

  it("a dealing that falls after some acknowledged is left out of what they hold, and they acknowledge again", () => {
    let again = 0;
    for (const seed of ["one", "two", "three", "four", "five", "six"]) {
      const world = finish({ n: 4, behaviours: behaviours(4, { 0: "bad-g1-share" }), seed });
      const names = world.ledger.events.map(({ name }) => name);
      if (names.indexOf("Acknowledged") < names.indexOf("ComplaintUpheld")) again++;
      const held = [...world.held().values()];
      expect(held).to.have.length(4);
      for (const { outcomeHash } of held) expect(outcomeHash).to.deep.equal(held[0]?.outcomeHash);
      expectWorkingKeys(world, 4);
    }
    expect(again).to.be.above(1);
  });

  it("nobody ends the complaints early on acknowledgements that are void by then", () => {
    const world = finish({ n: 4, behaviours: behaviours(4), seed: "void" });
    const { events } = world.ledger;
    for (const player of world.players) {
      world.restart(player);
      for (const event of events.slice(
        0,
        events.findIndex(({ name }) => name === "Closed"),
      ))
        player.engine.apply(event);
    }
    const advancing = (now: number): number =>
      world.players.filter(({ engine }) => engine.step(now).effects.some(({ name }) => name === "advance")).length;
    const { deadline, ceremony, attempt } = (world.players[0] as (typeof world.players)[0]).engine.view;
    expect(advancing(deadline - 50)).to.equal(1);
    const fallen = { name: "ComplaintUpheld", ceremony, attempt, dealer: 1, receiver: 2, defect: "g1" } as const;
    for (const { engine } of world.players) engine.apply(fallen);
    expect(advancing(deadline)).to.equal(0);
  });

  it("f of seven cheat in different ways at once", () => {
    const changed = { 1: "bad-g1-share", 5: "malformed-ed25519" } as const;
    const world = finish({ n: 7, behaviours: behaviours(7, changed), seed: "two" });
    expect(world.ledger.slashed.map(({ account }) => account)).to.have.members([accountOf(1), accountOf(5)]);
    expectWorkingKeys(world, 7);
  });

  it("silent members are replaced by reserves, or their seats stay empty", () => {
    const replaced = finish({ n: 4, behaviours: behaviours(6, { 0: "silent", 2: "silent" }), seed: "reserves" });
    expect(replaced.held().size).to.equal(4);
    expectWorkingKeys(replaced, 4);
    const empty = finish({ n: 4, behaviours: behaviours(4, { 1: "silent" }), seed: "empty seat" });
    expect(empty.held().size).to.equal(3);
    expectWorkingKeys(empty, 4);
  });

  it("more than f cheats end an attempt, and the next one succeeds without them", () => {
    const changed = { 0: "bad-g1-share", 1: "garbage-share" } as const;
    const world = finish({ n: 4, behaviours: behaviours(6, changed), seed: "second attempt" });
    expect(world.ledger.attempt).to.equal(2);
    expectWorkingKeys(world, 4);
  });

  it("a resharing hands the same keys to a new committee, with an old member silent", () => {
    const before = finish({ n: 4, behaviours: behaviours(4), seed: "before" });
    const keys = groupKeys(before);
    const seated = before.players.map(({ account }) => account).sort();
    const incumbentShares = new Map(
      [...before.held()].map(([seat, held]) => [seated[seat - 1] as string, held.shares]),
    );
    const changed = { 3: "silent" } as const;
    const after = finish({
      n: 7,
      kind: "resharing",
      ceremony: 2n,
      behaviours: behaviours(8, changed),
      incumbents: { accounts: seated, keys },
      incumbentShares,
      seed: "after",
      crashes: 10,
    });
    expect(groupKeys(after).bls).to.deep.equal(keys.bls);
    expect(groupKeys(after).ed25519).to.deep.equal(keys.ed25519);
    expect(after.ledger.slashed).to.deep.equal([{ account: accountOf(3), offence: "MissingDealing" }]);
    expectWorkingKeys(after, 7);
  });

  it("one-time secrets and dealings are erased when the committee is in office, combined shares are not", () => {
    const world = finish({ n: 4, behaviours: behaviours(4), seed: "erase" });
    for (const { stored } of world.players) {
      const state = decodeState(stored as Uint8Array);
      expect(state).to.have.all.keys("ceremony", "attempt", "held");
    }
  });

  it("a member that was away from its deal to the end finds its shares in the ledger when it comes back", () => {
    const world = new World({ n: 4, behaviours: behaviours(4), seed: "away" });
    while (world.ledger.phase !== "complain") world.round();
    const [away] = world.players.splice(2, 1) as [(typeof world.players)[0]];
    world.run();
    expect(world.held().size).to.equal(3);
    world.players.push(away);
    world.restart(away);
    world.run(0);
    expect(world.held().size).to.equal(4);
    expectWorkingKeys(world, 4);
  });

  it("a member restored from a copy without its receiving key neither complains nor acknowledges", () => {
    const world = new World({ n: 4, behaviours: behaviours(4), seed: "restored" });
    while (world.ledger.phase !== "deal") world.round();
    const [restored] = world.players as [(typeof world.players)[0]];
    restored.stored = undefined;
    world.restart(restored);
    world.run();
    expect(world.ledger.phase).to.equal("active");
    expect(world.ledger.slashed).to.deep.equal([]);
    expect(world.held().size).to.equal(3);
  });

  it("what is posted again after a restart is the same to the byte", () => {
    const world = new World({ n: 4, behaviours: behaviours(4), seed: "same" });
    const [player] = world.players as [(typeof world.players)[0]];
    const replay = () => {
      world.restart(player);
      for (const event of world.ledger.events) player.engine.apply(event);
      const { state, effects } = player.engine.step(world.ledger.now);
      player.stored = encodeState(state);
      return effects.filter(({ name }) => name === "accept" || name === "deal");
    };
    expect(replay()).to.have.length(1).and.deep.equal(replay());
    const others = world.players.splice(0, 1);
    while (world.ledger.phase !== "accept" || world.ledger.events.length < 5) world.round();
    for (const effect of replay()) world.ledger.submit(player.account, effect);
    while ((world.ledger.phase as string) !== "deal") world.round();
    world.players.push(...others);
    expect(replay()).to.have.length(1).and.deep.equal(replay());
  });

  it("stops on events that do not follow, and on a dealing that the ledger did not hash", () => {
    const world = finish({ n: 4, behaviours: behaviours(4), seed: "order" });
    const { events } = world.ledger;
    const stops = (list: readonly (typeof events)[0][], code: string) => {
      const [{ account }] = world.players as [(typeof world.players)[0]];
      const { engine } = new World({ n: 4, behaviours: behaviours(4), seed: account }).players[0] as {
        engine: World["players"][0]["engine"];
      };
      expect(() => list.forEach((event) => engine.apply(event)))
        .to.throw(CeremonyError)
        .with.property("code", code);
    };
    for (let i = 0; i < events.length - 1; i++) {
      const name = events[i]?.name;
      if (name === "CeremonyStarted" || name === "Invited" || name === "Seated") stops(events.toSpliced(i, 1), "order");
    }
    const dealt = events.findIndex(({ name }) => name === "Dealt");
    stops(events.toSpliced(dealt, 1), "order");
    const event = events[dealt] as Extract<(typeof events)[0], { name: "Dealt" }>;
    stops(events.with(dealt, { ...event, sealedRoot: new Uint8Array(32) }), "ledger-mismatch");
    stops(events.with(dealt, { ...event, dealing: event.dealing.subarray(1) }), "ledger-mismatch");
    stops([{ ...(events[0] as (typeof events)[0]), threshold: 2 } as (typeof events)[0]], "sizes");
  });

  it("a stored state decodes to what was stored, and 10,000 hostile ones to nothing or throw", () => {
    const held = {
      seat: 3,
      outcomeHash: new Uint8Array(32),
      shares: { g1: new Uint8Array(32).fill(1), ed25519: new Uint8Array(32) },
    };
    const state = {
      ceremony: 5n,
      attempt: 2,
      receivingSecret: new Uint8Array(32).fill(9),
      dealing: Uint8Array.of(1),
      held,
    };
    const good = encodeState(state);
    expect(decodeState(good)).to.deep.equal(state);
    const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.with(at, byte));
    const junk = fc.oneof(
      mutated,
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(junk, (bytes) => {
        try {
          decodeState(bytes);
          return true;
        } catch (error) {
          return error instanceof CeremonyError && error.code === "state";
        }
      }),
      { numRuns: 10_000 },
    );
    expect(() => decodeState(new Uint8Array(20_000))).to.throw(CeremonyError);
  });

  it("seats of a bitmap", () => {
    expect(seatsOf(0b10110n)).to.deep.equal([1, 2, 4]);
    expect(seatsOf(0n)).to.deep.equal([]);
  });
});

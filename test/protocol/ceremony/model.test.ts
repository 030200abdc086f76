import { expect } from "chai";

import { quorumOf } from "../../../src/statements/quorum.js";
import {
  Phase as LedgerPhase,
  STAKE,
  deployMesh,
  type CeremonyMesh,
  type Derived,
} from "../../contracts/ceremony-fixture.js";
import { generationsOf, signaturesOf, startRekey } from "../../contracts/generations-fixture.js";
import { deployInOffice } from "../../contracts/rotation-fixture.js";
import { START, count, has, moves, type Move, type Phase, type State, type World } from "./model.js";

const N = 4;
const SEATS = [1, 2, 3, 4] as const;
/** Attempts that are looked at one after the other: what each may blame and slash is carried on. */
const ATTEMPTS = 3;

interface Explored {
  /** All states that can be reached, with what may happen next. */
  readonly graph: ReadonlyMap<string, { readonly state: State; readonly moves: readonly Move[] }>;
}

function keyOf(state: State): string {
  return Object.values(state).join(":");
}

/** Breadth first over all orders. */
function explore(world: World): Explored {
  const graph = new Map<string, { state: State; moves: readonly Move[] }>();
  const waiting: State[] = [START];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const key = keyOf(state);
    if (graph.has(key)) continue;
    const next = state.attempt > ATTEMPTS ? [] : moves(world, state);
    graph.set(key, { state, moves: next });
    waiting.push(...next.map((move) => move.next));
  }
  return { graph };
}

/** States from which every path whose time goes on comes to `active`. Adversaries choose the path. */
function certainToActivate({ graph }: Explored): Set<string> {
  const certain = new Set<string>();
  for (let grew = true; grew;) {
    grew = false;
    for (const [key, { state, moves: next }] of graph) {
      if (certain.has(key)) continue;
      // A phase that may begin anew for ever is a way that never ends.
      const isCertain =
        state.phase === "active" || (next.length > 0 && next.every((move) => certain.has(keyOf(move.next))));
      if (isCertain) {
        certain.add(key);
        grew = true;
      }
    }
  }
  return certain;
}

/** The graph of members that send `activate` whenever they can. */
function diligent(graph: Explored["graph"]): Explored {
  const withActivate = [...graph].map(([key, { state, moves: next }]) => {
    const canActivate = next.some((move) => move.name === "activate");
    return [key, { state, moves: canActivate ? next.filter((m) => !m.name.startsWith("advance")) : next }] as const;
  });
  return { graph: new Map(withActivate) };
}

function isOver({ phase }: State): boolean {
  return phase === "active" || phase === "abandoned";
}

describe("the ceremony of four, explored whole", () => {
  const { f, t, a } = quorumOf(N);
  const honestOf = (byzantine: number): number => 0b11110 & ~byzantine;

  for (const cheat of SEATS) {
    describe(`seat ${cheat} does anything, or nothing`, () => {
      const byzantine = 1 << cheat;
      const explored = explore({ n: N, byzantine });
      const states = [...explored.graph.values()];

      it("comes to an end in every order, but where activation is left to nobody", () => {
        expect(states.length).to.be.within(500, 100_000);
        for (const { state, moves: next } of states.filter(({ state }) => state.attempt <= ATTEMPTS)) {
          if (state.phase !== "active") expect(next, JSON.stringify(state)).not.to.be.empty;
        }
      });

      it("fails no attempt before all honest members had the signature within reach", () => {
        // The one way to a second attempt: everybody acknowledged, and nobody sent `activate` in a whole phase.
        for (const { state, moves: next } of states) {
          for (const { name, next: after } of next.filter((move) => move.next.attempt > state.attempt)) {
            expect(state.phase, name).to.equal("acknowledge");
            expect(state.acknowledged & honestOf(byzantine), name).to.equal(honestOf(byzantine));
            expect(
              next.some((move) => move.name === "activate"),
              name,
            ).to.equal(true);
            expect(after.inOffice).to.equal("old");
          }
        }
        // Members activate as soon as they can; without that one path, activation is certain from the start.
        expect(certainToActivate(diligent(explored.graph)).has(keyOf(START))).to.equal(true);
      });

      it("comes to an end with its one attempt where new keys take the place of others, which stay where it fails", () => {
        const { graph } = explore({ n: N, byzantine, hasOneAttempt: true });
        for (const { state, moves: next } of graph.values()) {
          expect(state.attempt).to.equal(1);
          expect(state.slashed & honestOf(byzantine), JSON.stringify(state)).to.equal(0);
          expect(state.blamed & honestOf(byzantine), JSON.stringify(state)).to.equal(0);
          expect(next.length === 0, JSON.stringify(state)).to.equal(isOver(state));
          expect(state.inOffice).to.equal(state.phase === "active" ? "new" : "old");
          for (const { name } of next.filter((move) => move.next.phase === "abandoned")) {
            expect(state.acknowledged & honestOf(byzantine), name).to.equal(honestOf(byzantine));
            expect(next.map((move) => move.name)).to.include("activate");
          }
        }
        expect(certainToActivate(diligent(graph)).has(keyOf(START))).to.equal(true);
        expect(certainToActivate({ graph }).has(keyOf(START))).to.equal(false);
      });

      it("costs no honest member anything, and blames none", () => {
        for (const { state } of states) {
          expect(state.slashed & honestOf(byzantine), JSON.stringify(state)).to.equal(0);
          expect(state.disqualified & honestOf(byzantine)).to.equal(0);
          expect(state.refuted & honestOf(byzantine)).to.equal(0);
          expect(state.blamed & honestOf(byzantine), JSON.stringify(state)).to.equal(0);
        }
      });

      it("costs a cheat its stake before anything counts, and counts nothing bad", () => {
        for (const { state } of states.filter(
          ({ state }) => state.phase === "acknowledge" || state.phase === "active",
        )) {
          expect(state.counted & state.spoiled, JSON.stringify(state)).to.equal(0);
          expect(state.spoiled & ~state.slashed).to.equal(0);
          expect(count(state.counted)).to.equal(t);
        }
      });

      it("has one committee in office at any time, and it can sign", () => {
        for (const { state } of states) {
          expect(state.inOffice).to.equal(state.phase === "active" ? "new" : "old");
          if (state.phase !== "active") continue;
          expect(count(state.acknowledged)).to.be.at.least(a);
          expect(count(state.seated & honestOf(byzantine))).to.be.at.least(t);
        }
      });
    });
  }

  describe("one more than f is away in a phase", () => {
    for (const phase of ["accept", "deal", "complain", "acknowledge"] as const satisfies readonly Phase[]) {
      it(`${phase}: nothing is lost, and no one else is blamed`, () => {
        const [byzantine, seat] = [1 << 4, 2];
        const honest = honestOf(byzantine) & ~(1 << seat);
        const { graph } = explore({ n: N, byzantine, away: { phase, seat } });
        for (const { state } of graph.values()) {
          expect(state.slashed & honest).to.equal(0);
          expect(state.blamed & honest, JSON.stringify(state)).to.equal(0);
          if (state.phase === "active") expect(count(state.acknowledged)).to.be.at.least(N - f);
          else expect(state.inOffice).to.equal("old");
        }
      });

      it(`${phase}, where there is one attempt: it is given up, and the keys stay`, () => {
        const [byzantine, seat] = [1 << 4, 2];
        const honest = honestOf(byzantine) & ~(1 << seat);
        const { graph } = explore({ n: N, byzantine, away: { phase, seat }, hasOneAttempt: true });
        const states = [...graph.values()].map(({ state }) => state);
        expect(states.some((state) => state.phase === "abandoned")).to.equal(true);
        for (const { moves: next, state } of graph.values()) expect(next.length === 0).to.equal(isOver(state));
        for (const state of states) {
          expect(state.slashed & honest).to.equal(0);
          expect(state.blamed & honest, JSON.stringify(state)).to.equal(0);
          expect(state.inOffice).to.equal(state.phase === "active" ? "new" : "old");
        }
      });
    }
  });

  describe("the contract moves as the model does", () => {
    for (const seed of [3, 11, 29, 64]) {
      it(`along path ${seed}`, async () => {
        const mesh = await deployMesh(N);
        await mesh.ceremony.startKeyGeneration();
        await follow(mesh, seed, false, async (derived, signers) => {
          await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, signers));
        });
      });
    }

    const endings = new Set<Phase>();
    for (const seed of [5, 3, 12]) {
      it(`along path ${seed} of a re-key`, async () => {
        const mesh = await deployInOffice(N);
        const before = await startRekey(mesh);
        const end = await follow(mesh, seed, true, async (derived, signers) => {
          const { succession } = await signaturesOf(mesh, before, derived);
          const generations = await generationsOf(mesh);
          const digest = mesh.activationDigest(derived, mesh.meshId, 2n, 2n);
          await generations.activateRekey(mesh.id, 1, derived.outcome, mesh.sign(derived, signers, digest), succession);
        });
        endings.add(end);
        expect(await mesh.groupKeys.generation()).to.equal(end === "active" ? 2n : 1n);
        expect(await mesh.groupKeys.epoch()).to.equal(end === "active" ? 2n : 1n);
      });
    }

    it("to either end of a re-key", () => {
      expect([...endings]).to.have.members(["active", "abandoned"]);
    });
  });
});

const PHASES: Record<Phase, bigint> = {
  accept: LedgerPhase.Accept,
  deal: LedgerPhase.Deal,
  complain: LedgerPhase.Complain,
  acknowledge: LedgerPhase.Acknowledge,
  active: LedgerPhase.Active,
  abandoned: LedgerPhase.Abandoned,
};

/** Numbers below `limit`, the same for the same seed (xorshift32). */
function chooser(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** One way through the first attempt, each step done on the contract and compared. Seat 4 is the one that may cheat. */
async function follow(
  mesh: CeremonyMesh,
  seed: number,
  hasOneAttempt: boolean,
  activate: (derived: Derived, signers: readonly number[]) => Promise<void>,
): Promise<Phase> {
  const world: World = { n: N, byzantine: 1 << 4, hasOneAttempt };
  const below = chooser(seed * 2_654_435);
  // The model's seat is a member's; on the contract it follows from the account's order.
  const order = (await mesh.invited()).filter((member) => member !== undefined);
  order.sort((x, y) => (BigInt(x.wallet.address) < BigInt(y.wallet.address) ? -1 : 1));
  let state = START;
  let seats = [0, 1, 2, 3, 4];
  for (let step = 0; !isOver(state); step++) {
    expect(step).to.be.below(100);
    const options = moves(world, state).filter(({ next }) => next.attempt === 1 && keyOf(next) !== keyOf(state));
    const { name, next } = options[below(options.length)] as Move;
    const [verb = "", who = "", what = "", whom = ""] = name.replace(":", "").split(" ");
    const seat = seats.indexOf(Number(who));
    if (verb === "accept") {
      const member = order[Number(who) - 1];
      const place = (await mesh.invited()).findIndex((one) => one === member) + 1;
      if (member !== undefined) await mesh.accept(place, member);
    } else if (verb === "deal") {
      await mesh.deal(seat, what === "badly" ? mesh.spoilShare(seat, seats.indexOf(1), "g1") : mesh.makeDealing(seat));
    } else if (verb === "complain" && what === "falsely") {
      const good = [1, 2, 3].find((dealer) => has(state.dealt & ~state.disqualified & ~state.spoiled, dealer));
      await mesh.complain(seats.indexOf(good as number), seat, "g1");
    } else if (verb === "complain") {
      // The spoiled share is that of seat 1; the others' refutations are its, in the model's words.
      await mesh.complain(seats.indexOf(Number(whom)), seats.indexOf(1), "g1");
    } else if (verb === "acknowledge") {
      // Nobody derives anything from a bad dealing: who acknowledges all the same does so for nothing.
      const isFalse = what === "falsely" || (state.dealt & ~state.disqualified & state.spoiled) !== 0;
      await mesh.acknowledge([seat], isFalse ? new Uint8Array(32) : (await mesh.derive()).outcomeHash);
    } else if (verb === "activate") {
      const signers = [1, 2, 3].map((one) => seats.indexOf(one));
      await activate(await mesh.derive(), signers);
    } else {
      if (who === "late") await mesh.passDeadline();
      await mesh.advance();
      if (next.phase === "deal" && state.phase === "accept") {
        await mesh.takeSeats();
        // Who did not accept has no seat, and the others move up.
        seats = [0, ...[1, 2, 3, 4].filter((one) => has(next.seated, one))];
      }
    }
    state = next;
    const { phase, accepted, dealt, disqualified, refuted, acknowledged, counted } = await mesh.status();
    const onLedger = (set: number): bigint =>
      seats.reduce((bits, one, i) => (i > 0 && has(set, one) ? bits | (1n << BigInt(i)) : bits), 0n);
    expect(phase, name).to.equal(PHASES[state.phase]);
    for (const [i, member] of order.entries()) {
      expect((await mesh.stakeOf(member)) < STAKE, `${name}: stake of ${i + 1}`).to.equal(has(state.slashed, i + 1));
    }
    if (state.phase === "abandoned") break;
    expect(count(Number(accepted)), name).to.equal(count(state.accepted));
    expect([dealt, disqualified, refuted, acknowledged], name).to.deep.equal(
      [state.dealt, state.disqualified, state.refuted, state.acknowledged | state.misled].map(onLedger),
    );
    if (state.counted !== 0) expect(counted, name).to.equal(onLedger(state.counted));
  }
  return state.phase;
}

/**
 * The key ceremony as a state machine (docs/protocol.md, sections 4.6 to 4.8), small enough to be explored whole: sets instead of bytes,
 * and one attempt after another. `moves` lists all that anybody may do in a state, honest or not. A move of time, `advance` after
 * the deadline, comes only when every honest member did what the phase asks of it: that is the assumption of the protocol.
 */
import { quorumOf } from "../../../src/statements/quorum.js";

export type Phase = "accept" | "deal" | "complain" | "acknowledge" | "active" | "abandoned";

/** Seats as bits, 1 << seat. Members keep one seat number through all attempts. */
export interface State {
  readonly phase: Phase;
  readonly attempt: number;
  readonly accepted: number;
  /** Empty until accept has ended. */
  readonly seated: number;
  readonly dealt: number;
  /** Dealers whose dealing is bad for honest receivers. */
  readonly spoiled: number;
  readonly disqualified: number;
  readonly refuted: number;
  readonly counted: number;
  /** Acknowledged the outcome that honest members derive, and another one, since a dealing was disqualified last. */
  readonly acknowledged: number;
  readonly misled: number;
  /** Lost stake, in any attempt. */
  readonly slashed: number;
  /** Attempts that failed blamed these. */
  readonly blamed: number;
  /** Committees that can sign and are in office: the old one, if there was one, until the new one takes over. */
  readonly inOffice: "old" | "new";
}

export interface Move {
  readonly name: string;
  readonly next: State;
}

export interface World {
  readonly n: number;
  /** Seats of the one who does anything, or nothing. */
  readonly byzantine: number;
  /** A ceremony for new keys in place of those in office, a re-key or a recovery: it is abandoned where another makes a new attempt. */
  readonly hasOneAttempt?: boolean;
  /** Honest members that miss a whole phase, beyond what the protocol bears: liveness is not promised then. */
  readonly away?: { readonly phase: Phase; readonly seat: number };
}

export const START: State = {
  phase: "accept",
  attempt: 1,
  accepted: 0,
  seated: 0,
  dealt: 0,
  spoiled: 0,
  disqualified: 0,
  refuted: 0,
  counted: 0,
  acknowledged: 0,
  misled: 0,
  slashed: 0,
  blamed: 0,
  inOffice: "old",
};

export function has(seats: number, seat: number): boolean {
  return ((seats >> seat) & 1) === 1;
}

export function count(seats: number): number {
  let members = 0;
  for (let rest = seats; rest !== 0; rest &= rest - 1) members++;
  return members;
}

function lowest(seats: number, wanted: number): number {
  let rest = seats;
  for (let i = 0; i < wanted; i++) rest &= rest - 1;
  return seats ^ rest;
}

/** Everything that may happen next. */
export function moves(world: World, state: State): Move[] {
  const { n, byzantine, away, hasOneAttempt = false } = world;
  const { t, a } = quorumOf(n);
  const seats = Array.from({ length: n }, (_, i) => i + 1);
  const all = seats.reduce((set, seat) => set | (1 << seat), 0);
  const honest = seats.filter((seat) => !has(byzantine, seat));
  const isAway = (seat: number): boolean => away?.phase === state.phase && away.seat === seat;
  const result: Move[] = [];
  const add = (name: string, change: Partial<State>): void => void result.push({ name, next: { ...state, ...change } });
  /** What honest members owe in this phase and have not done; the deadline waits for nobody else. */
  let owed = 0;

  const fail = (name: string, blamed: number, change: Partial<State> = {}): void => {
    const { slashed, inOffice } = { ...state, ...change };
    const after = { ...START, slashed, inOffice, blamed: state.blamed | blamed };
    add(name, hasOneAttempt ? { ...after, phase: "abandoned" } : { ...after, attempt: state.attempt + 1 });
  };

  switch (state.phase) {
    case "accept": {
      for (const seat of seats.filter((one) => !has(state.accepted, one) && !isAway(one))) {
        if (honest.includes(seat)) owed |= 1 << seat;
        add(`accept ${seat}`, { accepted: state.accepted | (1 << seat) });
      }
      const isComplete = state.accepted === all;
      // With nobody to replace the absent, the ceremony goes on with n - f, or waits for the same again.
      if (isComplete || (owed === 0 && count(state.accepted) >= a)) {
        add(isComplete ? "advance" : "advance late", { phase: "deal", seated: state.accepted });
      } else if (owed === 0) {
        if (hasOneAttempt) fail("advance late: failed", 0);
        else add("advance late: once more", {});
      }
      break;
    }
    case "deal": {
      for (const seat of seats.filter((one) => has(state.seated & ~state.dealt, one) && !isAway(one))) {
        const dealt = state.dealt | (1 << seat);
        if (honest.includes(seat)) owed |= 1 << seat;
        else add(`deal ${seat} badly`, { dealt, spoiled: state.spoiled | (1 << seat) });
        add(`deal ${seat}`, { dealt });
      }
      const missing = state.seated & ~state.dealt;
      const slashed = state.slashed | missing;
      if (missing === 0) add("advance", { phase: "complain" });
      else if (owed === 0 && count(state.dealt) >= t) add("advance late", { phase: "complain", slashed });
      else if (owed === 0) fail("advance late: failed", missing, { slashed });
      break;
    }
    case "complain": {
      const standing = state.dealt & ~state.disqualified;
      const done = state.acknowledged | state.misled;
      for (const seat of seats.filter((one) => has(state.seated, one) && !isAway(one))) {
        const acknowledged = state.acknowledged | (1 << seat);
        if (honest.includes(seat)) {
          const bad = standing & state.spoiled;
          // An honest receiver refutes every bad dealing, and acknowledges only when none is left, and enough are. What was
          // acknowledged before one fell is void.
          for (const dealer of seats.filter((one) => has(bad, one))) {
            owed |= 1 << seat;
            add(`complain ${seat} of ${dealer}`, {
              disqualified: state.disqualified | (1 << dealer),
              slashed: state.slashed | (1 << dealer),
              acknowledged: 0,
              misled: 0,
            });
          }
          if (bad === 0 && count(standing) >= t && !has(done, seat)) {
            owed |= 1 << seat;
            add(`acknowledge ${seat}`, { acknowledged });
          }
          continue;
        }
        if (!has(done, seat)) {
          add(`acknowledge ${seat}`, { acknowledged });
          add(`acknowledge ${seat} falsely`, { misled: state.misled | (1 << seat) });
        }
        if (!has(state.refuted, seat) && (standing & ~state.spoiled) !== 0) {
          const refuted = state.refuted | (1 << seat);
          add(`complain ${seat} falsely`, { refuted, slashed: state.slashed | (1 << seat) });
        }
      }
      // All have acknowledged, or the deadline.
      if (done === state.seated || owed === 0) {
        const name = done === state.seated ? "advance" : "advance late";
        if (count(standing) >= t) add(name, { phase: "acknowledge", counted: lowest(standing, t) });
        else fail(`${name}: failed`, (state.seated & ~standing) | state.disqualified | state.refuted);
      }
      break;
    }
    case "acknowledge": {
      const done = state.acknowledged | state.misled;
      for (const seat of seats.filter((one) => has(state.seated & ~done, one) && !isAway(one))) {
        if (honest.includes(seat)) owed |= 1 << seat;
        else add(`acknowledge ${seat} falsely`, { misled: state.misled | (1 << seat) });
        add(`acknowledge ${seat}`, { acknowledged: state.acknowledged | (1 << seat) });
      }
      const signers = state.acknowledged & ~byzantine;
      // Anybody who has t partial signatures: of honest members, and of the others as they like.
      if (count(state.acknowledged) >= a && count(signers) + count(state.seated & byzantine) >= t) {
        add("activate", { phase: "active", inOffice: "new" });
      }
      if (owed === 0) fail("advance late: failed", state.seated & ~done);
      break;
    }
    case "active":
    case "abandoned":
      break;
  }
  return result;
}

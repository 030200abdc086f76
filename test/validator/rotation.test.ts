import { expect } from "chai";

import type { Projection } from "../../src/ledger/projection.js";
import { deservedWeight, rotationPhase } from "../../src/validator/rotation.js";

const ETHER = 10n ** 18n;
const office = { epoch: 4n, ceremony: 4n };

/** A projection as far as the phase of a turn depends on it. */
function at(facts: {
  readonly head?: bigint;
  readonly probationHead?: bigint;
  readonly turn?: { readonly epoch: bigint; readonly beacon?: object };
  readonly ceremonies?: readonly (readonly [bigint, readonly string[]])[];
}): Projection {
  const { head = 0n, probationHead, turn, ceremonies = [[4n, ["Activated"]]] } = facts;
  return {
    office,
    takeoverOf: () => ({ office, before: undefined, blockNumber: 1, probationHead }),
    latestHead: { number: head },
    rotation: { latest: turn },
    ceremonies: new Map(ceremonies.map(([id, names]) => [id, names.map((name) => ({ name }))])),
  } as unknown as Projection;
}

describe("where a turn stands", () => {
  const drawn = { epoch: 5n, beacon: {} };

  it("a committee serves until a turn to the next epoch is frozen, and one of before counts no more", () => {
    expect(rotationPhase(at({}))).to.equal("serving");
    expect(rotationPhase(at({ turn: { epoch: 4n, beacon: {} } }))).to.equal("serving");
    expect(rotationPhase(at({ turn: { epoch: 5n } }))).to.equal("frozen");
  });

  it("with the beacon the handover is to be started, and then under way", () => {
    expect(rotationPhase(at({ turn: drawn }))).to.equal("drawn");
    const underWay = [[4n, ["Activated"]] as const, [5n, ["CeremonyStarted"]] as const];
    expect(rotationPhase(at({ turn: drawn, ceremonies: underWay }))).to.equal("resharing");
  });

  it("a committee that failed its probation left a ceremony that is over: the next handover is to be started", () => {
    const failed = [[4n, ["Activated"]] as const, [5n, ["CeremonyStarted", "Activated"]] as const];
    expect(rotationPhase(at({ turn: drawn, ceremonies: failed }))).to.equal("drawn");
  });

  it("a new committee is on probation until its head is posted", () => {
    expect(rotationPhase(at({ head: 11n, probationHead: 12n }))).to.equal("probation");
    expect(rotationPhase(at({ head: 12n, probationHead: 12n }))).to.equal("serving");
  });
});

describe("what a candidate weighs", () => {
  const member = { state: "active", stake: ETHER, jailedUntil: 0n } as const;

  it("a thousand for the minimum stake, up to the most, and nothing for who is not invited", () => {
    expect(deservedWeight(member, ETHER)).to.equal(1_000);
    expect(deservedWeight({ ...member, stake: (3n * ETHER) / 2n }, ETHER)).to.equal(1_500);
    expect(deservedWeight({ ...member, stake: 1_000n * ETHER }, ETHER)).to.equal(131_071);
    expect(deservedWeight({ ...member, stake: ETHER / 2n - 1n }, ETHER)).to.equal(0);
    expect(deservedWeight({ ...member, state: "exiting" }, ETHER)).to.equal(0);
    expect(deservedWeight({ ...member, jailedUntil: 9n }, ETHER)).to.equal(0);
  });
});

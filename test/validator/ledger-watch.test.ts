/** When what a validator sees of the ledger is not good enough to sign about, and how that is said. */
import { expect } from "chai";

import { LedgerError } from "../../src/ledger/errors.js";
import type { FollowerHealth } from "../../src/ledger/follower.js";
import type { Projection } from "../../src/ledger/projection.js";
import { FakeClock } from "../../src/runtime/clock.js";
import { LedgerWatch } from "../../src/validator/ledger-watch.js";

const START = 1_900_000_000;
const LIFETIME = 40;
const projection = { genesis: { parameters: { headLifetimeSeconds: BigInt(LIFETIME) } } } as unknown as Projection;

/** A clock that is `skew` seconds ahead of the ledger, and looks at the ledger by it. */
function world(skew = 0): {
  watch: LedgerWatch;
  clock: FakeClock;
  look: (number: number, time?: number) => string | undefined;
  fail: (code: ConstructorParameters<typeof LedgerError>[0]) => string | undefined;
} {
  const clock = new FakeClock(1000 * (START + skew));
  const watch = new LedgerWatch(projection, clock);
  let finalised: FollowerHealth["finalised"];
  return {
    watch,
    clock,
    look: (number, time = Math.floor(clock.now() / 1000) - skew) => {
      finalised = { number, timestamp: time } as FollowerHealth["finalised"];
      return watch.look({ ok: true, finalised, error: undefined });
    },
    fail: (code) => watch.look({ ok: false, finalised, error: new LedgerError(code, `it is ${code}`) }),
  };
}

describe("a validator's look at the ledger", () => {
  it("is good while blocks come, and a clock that is off by a minute does no harm", async () => {
    for (const skew of [0, 60, -60]) {
      const { clock, look } = world(skew);
      for (let number = 1; number < 200; number++) {
        expect(look(number), `skew ${skew}, block ${number}`).to.equal(undefined);
        await clock.advance(1_000);
      }
    }
  });

  it("says how far a clock is off that is ahead, or a node behind, by more", () => {
    expect(world(LIFETIME + 60).look(1)).to.equal(undefined);
    expect(world(LIFETIME + 61).look(1)).to.equal(
      "the newest final block is 101 s old by this machine's clock: the clock is ahead, or the ledger's node is behind",
    );
    expect(world(-60).look(1)).to.equal(undefined);
    expect(world(-61).look(1)).to.equal(
      "this machine's clock is 61 s behind the time of the newest block: set it right",
    );
  });

  it("compares the clock with the newest block where finality takes long: behind is silence, ahead a warning", () => {
    // Final a quarter of an hour later.
    const { watch, look } = world();
    for (const [skew, warning, silence] of [
      [0, undefined, undefined],
      [59, undefined, undefined],
      [-59, undefined, undefined],
      [90, /^the newest block is 90 s old by this machine's clock/, undefined],
      [-90, /^this machine's clock is 90 s behind/, /^this machine's clock is 90 s behind/],
    ] as const) {
      watch.compare(START - skew);
      const silent = look(1, START - skew - LIFETIME / 2);
      expect(watch.clockAhead).to.equal(skew);
      for (const [text, expected] of [
        [watch.clockWarning, warning],
        [silent, skew === 90 ? /./ : silence],
      ] as const) {
        if (expected === undefined) expect(text, `${skew}`).to.equal(undefined);
        else expect(text, `${skew}`).to.match(expected);
      }
    }
    watch.compare(undefined);
    expect(watch.clockAhead, "a node that does not answer changes nothing").to.equal(-90);
  });

  it("is not good once no block has come for as long as a head lives, though the node answers", async () => {
    const { clock, look } = world();
    look(1, START);
    await clock.advance(1000 * LIFETIME);
    expect(look(1, START)).to.equal(undefined);
    await clock.advance(1_000);
    expect(look(1, START)).to.equal("the ledger makes no blocks");
    expect(look(2)).to.equal(undefined);
  });

  it("is not good once no answer has come for as long, and at once where endpoints contradict each other", async () => {
    const { clock, look, fail } = world();
    look(1);
    await clock.advance(1000 * LIFETIME);
    look(2);
    expect(fail("refused")).to.equal(undefined);
    await clock.advance(1000 * LIFETIME + 1_000);
    expect(fail("refused")).to.equal("it is refused");
    expect(look(3)).to.equal(undefined);
    for (const code of ["endpoints-disagree", "bad-proof"] as const) expect(fail(code)).to.equal(`it is ${code}`);
  });
});

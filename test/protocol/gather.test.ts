import { expect } from "chai";

import { GatherError, gather } from "../../src/protocol/gather.js";
import { byNearness } from "../../src/protocol/nearness.js";

const members = [1, 2, 3, 4, 5, 6, 7];

describe("gather", () => {
  it("asks no more members than needed and the spare one when all answer", async () => {
    const asked: number[] = [];
    const result = await gather({
      members,
      needed: 5,
      ask: async (member) => {
        asked.push(member);
        return member * 10;
      },
    });
    expect(asked).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(result.parts.map(({ part }) => part)).to.deep.equal([10, 20, 30, 40, 50]);
  });

  it("goes around members that fail", async () => {
    const result = await gather({
      members,
      needed: 5,
      ask: async (member) => {
        if (member <= 2) throw new Error(`no ${member}`);
        return member;
      },
    });
    expect(result.parts.map(({ member }) => member)).to.have.members([3, 4, 5, 6, 7]);
    expect(result.failures.map(({ member }) => member)).to.deep.equal([1, 2]);
  });

  it("asks another member when one is silent, and takes back nothing", async () => {
    const result = await gather({
      members,
      needed: 5,
      patienceMilliseconds: 5,
      ask: (member, signal) =>
        member <= 2
          ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))))
          : Promise.resolve(member),
    });
    expect(result.parts).to.have.length(5);
  });

  it("gives up when too few are left, saying what each did", async () => {
    const error = await gather({
      members,
      needed: 5,
      ask: async (member) => {
        if (member % 2 === 1) throw new Error("connection refused");
        return member;
      },
    }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(GatherError);
    expect((error as Error).message).to.contain("connection refused");
  });

  it("hears those that it has asked before it gives up, so that a refusal by more than f is told from a lie", async () => {
    const committee = [1, 2, 3, 4];
    const error = await gather({
      members: committee,
      needed: 3,
      ask: async (member) => {
        if (member === 1) throw new Error("away");
        await new Promise((resolve) => setTimeout(resolve, 5 * member));
        throw new Error("revoked");
      },
    }).catch((reason: unknown) => reason);
    const said = (error as GatherError<number>).failures.map(({ error: each }) => (each as Error).message);
    expect(said).to.deep.equal(["away", "revoked", "revoked", "revoked"]);
  });

  it("waits for one that does not answer no longer than for any other", async () => {
    const error = await gather({
      members: [1, 2, 3, 4],
      needed: 3,
      patienceMilliseconds: 20,
      ask: async (member) => (member < 3 ? Promise.reject(new Error("away")) : new Promise(() => undefined)),
    }).catch((reason: unknown) => reason);
    expect((error as GatherError<number>).failures).to.have.length(2);
  });

  it("names two reasons in its sentence, and keeps them all", async () => {
    const error = await gather({
      members,
      needed: 1,
      ask: (member) => Promise.reject(new Error(`nobody at ${member}`)),
    }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(GatherError);
    const { message, failures } = error as GatherError<number>;
    expect(message).to.match(/the others: nobody at \d; nobody at \d; and \d+ more like it$/);
    expect(failures).to.have.length(members.length);
  });

  it("stops at a refusal that no other member would answer differently", async () => {
    const asked: number[] = [];
    await gather({
      members,
      needed: 5,
      spare: 0,
      isFinal: () => true,
      ask: async (member) => {
        asked.push(member);
        throw new Error("revoked");
      },
    }).catch(() => undefined);
    expect(asked).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it("ends with the caller's signal", async () => {
    const caller = new AbortController();
    const pending = gather({ members, needed: 5, signal: caller.signal, ask: () => new Promise(() => undefined) });
    caller.abort(new Error("enough"));
    expect(
      await pending.then(
        () => "",
        (error: Error) => error.message,
      ),
    ).to.equal("enough");
  });
});

describe("nearness", () => {
  const at = (seat: number, scope: string) => ({ seat, scope });

  it("prefers the own scope, then the measured latency, and puts those that failed last", () => {
    const order = byNearness(
      [at(1, "grp:other"), at(2, "grp:city"), at(3, "grp:city"), at(4, "grp:other"), at(5, "grp:city")],
      "grp:city/lamps",
      new Map([
        [2, 30],
        [3, 10],
        [5, Infinity],
        [4, 1],
      ]),
      () => 0.5,
    );
    expect(order.map(({ seat }) => seat)).to.deep.equal([3, 2, 4, 1, 5]);
  });
});

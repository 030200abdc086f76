import { expect } from "chai";

import { FakeClock, seconds, systemClock } from "../../src/runtime/clock.js";
import { SwarmkeepError, exitCode } from "../../src/runtime/errors.js";
import { createLogger } from "../../src/runtime/log.js";
import { createMetrics } from "../../src/runtime/metrics.js";

function logged(write: (logger: ReturnType<typeof createLogger>) => void, level = "info"): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ name: "validator", level, destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("logs", () => {
  it("are one JSON object a line, with a level, a time and a name", () => {
    const [line] = logged((log) => log.info({ epoch: 7n }, "started"));
    expect(line).to.include({ level: "info", name: "validator", epoch: "7", msg: "started" });
    expect(Date.parse(line?.["time"] as string)).to.be.greaterThan(0);
  });

  it("hold no field whose name says that it is secret, at any depth", () => {
    const fields = {
      secretKey: "leak",
      nested: { private_key: "leak", list: [{ passphrase: "leak" }, { psk: "leak" }] },
      blsSecretKeys: ["leak"],
      shares: ["leak"],
      seed: "leak",
      groupKeyShare: "leak",
      publicKey: "shown",
      error: new SwarmkeepError("refused", {
        kind: "refused",
        code: "refused",
        advice: "Ask.",
        details: { password: "leak", index: 5 },
        cause: Object.assign(new Error("cause"), { privateKey: "leak" }),
      }),
    };
    const [line] = logged((log) => log.warn(fields, "message"));
    const text = JSON.stringify(line);
    expect(text).to.not.include("leak");
    expect(text).to.include("shown").and.include("[secret]").and.include('"code":"refused"').and.include('"index":5');
  });

  it("have the place in the code of a fault, and none where the reader is told what to do", () => {
    const told = new SwarmkeepError("refused", {
      kind: "refused",
      code: "refused",
      advice: "Ask.",
      cause: new Error("outer cause", { cause: new Error("inner cause") }),
    });
    const [first, second] = logged((log) => {
      log.warn({ error: told }, "told");
      log.warn({ error: new Error("fault", { cause: told }) }, "a fault");
    });
    expect(JSON.stringify(first)).to.include("inner cause").and.not.include('"stack"');
    expect(JSON.stringify(second).match(/"stack"/g)).to.have.lengthOf(1);
  });

  it("end a chain of causes at its depth, and keep it readable", () => {
    let error = Object.assign(new Error("cause 9"), { place: "deep" });
    for (let level = 8; level >= 0; level--) {
      error = Object.assign(new Error(`cause ${level}`, { cause: error }), { place: `at ${level}` });
    }
    const [line] = logged((log) => log.warn({ error }, "deep"));
    expect(JSON.stringify(line)).to.include('"place":"at 3"').and.include("cause 5").and.not.include('"0":');
  });

  it("refuse an unknown level", () => {
    expect(() => createLogger({ name: "x", level: "loud" })).to.throw(SwarmkeepError, "loud");
  });
});

describe("metrics", () => {
  it("have names that end with a unit", async () => {
    const metrics = createMetrics(false);
    metrics.counter("swarmkeep_requests_total", "Requests", ["route"]).inc({ route: "/v1/issue" });
    expect(() => metrics.gauge("swarmkeep_queue", "No unit")).to.throw(TypeError);
    expect(() => metrics.counter("requests_total", "No prefix")).to.throw(TypeError);
    expect(await metrics.registry.metrics()).to.include('swarmkeep_requests_total{route="/v1/issue"} 1');
  });
});

describe("exit codes", () => {
  it("tell whose move it is", () => {
    const error = (kind: SwarmkeepError["kind"]): SwarmkeepError =>
      new SwarmkeepError("x", { kind, code: "x", advice: "x" });
    const codes = (["internal", "usage", "environment", "refused", "network"] as const).map((k) => exitCode(error(k)));
    expect(codes).to.deep.equal([1, 2, 3, 4, 5]);
    expect(exitCode(new Error("anything"))).to.equal(1);
  });
});

describe("clocks", () => {
  it("that are fake wake sleepers in order, those that sleep again included", async () => {
    const clock = new FakeClock(1_000_000);
    const woken: number[] = [];
    const sleepTwice = clock.sleep(10).then(() => {
      woken.push(clock.now());
      return clock.sleep(10).then(() => woken.push(clock.now()));
    });
    const sleepOnce = clock.sleep(15).then(() => woken.push(clock.now()));
    await clock.advance(30);
    await Promise.all([sleepTwice, sleepOnce]);
    expect(woken).to.deep.equal([1_000_010, 1_000_015, 1_000_020]);
    expect(seconds(clock)).to.equal(1000);
  });

  it("stop sleeping when told to", async () => {
    for (const clock of [systemClock, new FakeClock()]) {
      const controller = new AbortController();
      const sleep = clock.sleep(60_000, controller.signal).catch((error: unknown) => error);
      controller.abort(new Error("enough"));
      expect(String(await sleep)).to.equal("Error: enough");
    }
  });
});

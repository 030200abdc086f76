/**
 * Soak: the committee rotates again and again while devices enrol and renew without a pause, and in each epoch f members in office and f
 * of those that take over lose power at a random place, and no more than f of either. Run by `npm run soak -- --epochs 50`, and skipped where no number of epochs is given.
 */
import { readFileSync } from "node:fs";

import { expect } from "chai";

import type { Agent } from "../../src/device/agent.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { ISSUING_FAILPOINTS, ROTATION_FAILPOINTS } from "./crashes.js";
import { makeFleet, openFrom } from "./devices.js";
import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";
import { eventually } from "./waiting.js";

const EPOCHS = Number(process.env["SWARMKEEP_SOAK_EPOCHS"] ?? 0);
const SEED = Number(process.env["SWARMKEEP_SOAK_SEED"] ?? Date.now() % 1_000_000);
/** f = 1. */
const COMMITTEE = 4;
const CANDIDATES = 7;
const DEVICES = 10;
/** An entitled request that is not answered in this time is lost. */
const LOST_MILLISECONDS = 30_000;
/** The phase of a ceremony from which on its seats are fixed. */
const DEALING = 2n;
/** Milliseconds between two requests of a device. */
const PAUSE = 2_500;
const FAILPOINTS = [
  ...ISSUING_FAILPOINTS,
  ...ROTATION_FAILPOINTS,
  "ceremony.before-persist",
  "ceremony.after-persist",
  "ceremony.before-send",
  "voting.before-append",
  "voting.after-append",
];

/** Repeatable choices (a linear congruential generator is random enough to choose whom to kill). */
function choices(seed: number): <T>(items: readonly T[]) => T {
  let state = seed >>> 0;
  return (items) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return items[Math.floor((state / 2 ** 32) * items.length)] as (typeof items)[number];
  };
}

function residentMegabytes({ pid }: ValidatorProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

interface Tally {
  asked: number;
  issued: number;
  rightlyRefused: number;
  lost: number;
  readonly latencies: number[];
}

describe("soak", function () {
  this.timeout(Math.max(600_000, EPOCHS * 240_000));
  let mesh: LocalMesh;
  /** Ends the devices' asking, also where the test fails: they would ask on for ever. */
  const stop = new AbortController();
  tellLogsOnFailure(() => mesh);

  before(async function () {
    if (EPOCHS === 0) this.skip();
    const rotating = { committeeSize: COMMITTEE, epochSeconds: 20, phaseSeconds: 10, headSeconds: 6 };
    const parameters = { ...rotating, probationSeconds: 60, probationHeads: 1 };
    mesh = await LocalMesh.found({ validators: CANDIDATES, parameters });
  });

  after(async () => {
    stop.abort();
    await mesh?.close();
  });

  it(`${EPOCHS} rotations under load, with members killed: no entitled request is lost, and the key stays`, async () => {
    const choose = choices(SEED);
    const { groupKeys } = mesh.ledger.contracts;
    const key = await groupKeys.edKey();
    const first = await groupKeys.epoch();
    const memory = mesh.validators.map(residentMegabytes);
    const lots = [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: DEVICES + 1 }] as const;
    const fleet = await makeFleet(mesh, lots, { quota: 60_000 });
    const agents = await Promise.all(
      Array.from({ length: DEVICES + 1 }, async (_, i) => (await openFrom(fleet, i)).agent),
    );
    const revoked = agents.pop() as Agent;
    await revoked.enrol({ attempts: 20 });
    await revoked.revoke(REVOCATION_REASON.keyCompromise);

    const tally: Tally = { asked: 0, issued: 0, rightlyRefused: 0, lost: 0, latencies: [] };
    let keyChanges = 0;
    const work = agents.map((agent, i) => askOn(agent, i % 2 === 0, tally, stop.signal));
    for (let epoch = first; epoch < first + BigInt(EPOCHS); epoch++) {
      const killed = new Set([await killOne(choose(await seatedIn(mesh, "office")), choose)]);
      const code = await revoked.renew({ attempts: 1 }).then(
        () => "issued",
        (error: unknown) => (error instanceof SwarmkeepError ? error.code : String(error)),
      );
      if (code === "revoked") tally.rightlyRefused += 1;
      expect(code, "a revoked device").to.not.equal("issued");
      await eventually("the next committee has its seats", async () => isSeated(mesh, epoch), 230);
      const office = new Set(await seatedIn(mesh, "office"));
      const next = await seatedIn(mesh, "ceremony");
      const fresh = next.filter((validator) => !office.has(validator));
      if (fresh.length > 0 && !next.some((validator) => killed.has(validator))) {
        killed.add(await killOne(choose(fresh), choose));
      }
      await eventually(
        `epoch ${epoch + 1n} began`,
        async () => ((await groupKeys.epoch()) > epoch ? true : undefined),
        230,
      );
      if ((await groupKeys.edKey()) !== key) keyChanges += 1;
      await Promise.all([...killed].map(comeBack));
    }
    stop.abort();
    await Promise.all(work);
    const sorted = tally.latencies.toSorted((a, b) => a - b);
    const percentile = (p: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * p)] ?? 0);
    const { latencies: _, ...counts } = tally;
    const report = {
      seed: SEED,
      epochs: Number((await groupKeys.epoch()) - first),
      ...counts,
      milliseconds: { p50: percentile(0.5), p99: percentile(0.99), maximum: percentile(1) },
      publicKeyChanges: keyChanges,
      megabytes: mesh.validators.map((validator, i) => ({ start: memory[i], end: residentMegabytes(validator) })),
    };
    console.log(JSON.stringify(report, undefined, 2));
    expect(report.lost, "lost requests").to.equal(0);
    expect(report.publicKeyChanges).to.equal(0);
    expect(report.epochs).to.be.at.least(EPOCHS);
    expect(report.issued).to.be.greaterThan(0);
    await Promise.all([...agents, revoked].map((agent) => agent.close()));
  });
});

/** Asks again and again, to enrol or to renew, until `signal` is aborted. */
async function askOn(agent: Agent, enrols: boolean, tally: Tally, signal: AbortSignal): Promise<void> {
  let hasOne = false;
  while (!signal.aborted) {
    const begun = performance.now();
    tally.asked += 1;
    // Of so many certificates X.509 is not offered: a revoked device would fill the list.
    const how = { attempts: 60, x509: false };
    const ask: Promise<unknown> = hasOne && !enrols ? agent.renew(how) : agent.enrol(how);
    const isIssued: boolean = await ask.then(
      () => true,
      () => false,
    );
    const took = performance.now() - begun;
    tally.latencies.push(took);
    if (isIssued) tally.issued += 1;
    if (!isIssued || took > LOST_MILLISECONDS) tally.lost += 1;
    hasOne ||= isIssued;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Whether the ceremony to the committee after that of `epoch` has given out its seats, or is over already. */
async function isSeated({ ledger: { contracts } }: LocalMesh, epoch: bigint): Promise<true | undefined> {
  const { ceremony, groupKeys } = contracts;
  const [office, current] = await Promise.all([groupKeys.office(), ceremony.current()]);
  if (office.epoch > epoch) return true;
  if (current === office.ceremony) return undefined;
  return (await ceremony.statusOf(current)).phase >= DEALING ? true : undefined;
}

/** Who sits in the committee in office, or in the ceremony to the next one. */
async function seatedIn({ ledger, validators }: LocalMesh, where: "office" | "ceremony"): Promise<ValidatorProcess[]> {
  const { ceremony, groupKeys } = ledger.contracts;
  const isThere = async ({ place: { account } }: ValidatorProcess): Promise<boolean> =>
    where === "office" ? (await groupKeys.seatOf(account)) > 0n : ceremony.isSeated(account);
  const are = await Promise.all(validators.map(isThere));
  return validators.filter((_, i) => are[i]);
}

/** Restarts one with a place at which it dies. */
async function killOne(validator: ValidatorProcess, choose: ReturnType<typeof choices>): Promise<ValidatorProcess> {
  await validator.kill();
  validator.spawn({ failpoint: choose(FAILPOINTS) });
  return validator;
}

async function comeBack(validator: ValidatorProcess): Promise<void> {
  await validator.kill();
  await validator.start();
}

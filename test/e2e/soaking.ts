/**
 * Rotations under load: devices enrol and renew without a pause, and in each epoch f members in office and f of those that take over
 * lose power at a random place, and no more than f of either.
 */
import { readFileSync } from "node:fs";

import { expect } from "chai";

import type { Agent } from "../../src/device/agent.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { ISSUING_FAILPOINTS, ROTATION_FAILPOINTS } from "./crashes.js";
import { codeOf, makeFleet, openFrom } from "./devices.js";
import type { LocalMesh } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";
import { eventually } from "./waiting.js";

/** An entitled request that is not answered in this time is lost. */
const LOST_MILLISECONDS = 30_000;
/** The phase of a ceremony from which on its seats are fixed. */
const DEALING = 2n;
/** Milliseconds between two requests of a device. */
const PAUSE = 2_500;
/** Seconds in which each step of a rotation has to come. */
const PATIENCE = 230;
const FAILPOINTS = [
  ...ISSUING_FAILPOINTS,
  ...ROTATION_FAILPOINTS,
  "ceremony.before-persist",
  "ceremony.after-persist",
  "ceremony.before-send",
  "voting.before-append",
  "voting.after-append",
];

export interface SoakOptions {
  readonly epochs: number;
  /** Who is killed, and where, follows from it. */
  readonly seed: number;
  readonly devices: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly epochs: number;
  readonly asked: number;
  /** In the epoch in which the fewest were begun. */
  readonly fewestAsked: number;
  readonly issued: number;
  /** Requests of a revoked device, told that it is. */
  readonly rightlyRefused: number;
  /** Entitled requests that were not answered in 30 s. */
  readonly lost: number;
  readonly milliseconds: { readonly p50: number; readonly p99: number; readonly maximum: number };
  readonly publicKeyChanges: number;
  /** Resident memory of each validator. */
  readonly megabytes: readonly { readonly start: number; readonly end: number }[];
}

/** Runs `epochs` rotations of a mesh whose committee has four seats. */
export async function soak(mesh: LocalMesh, { epochs, seed, devices }: SoakOptions): Promise<SoakReport> {
  const choose = choices(seed);
  const { groupKeys } = mesh.ledger.contracts;
  const key = await groupKeys.edKey();
  const first = await groupKeys.epoch();
  const memory = mesh.validators.map(residentMegabytes);
  const lots = [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: devices + 1 }] as const;
  const fleet = await makeFleet(mesh, lots, { quota: 60_000 });
  const agents = await Promise.all(
    Array.from({ length: devices + 1 }, async (_, i) => (await openFrom(fleet, i)).agent),
  );
  const revoked = agents.pop() as Agent;
  await revoked.enrol({ attempts: 20 });
  await revoked.revoke(REVOCATION_REASON.keyCompromise);
  const refused = async (): Promise<true | undefined> =>
    (await codeOf(revoked.renew({ attempts: 1 }))) === "revoked" ? true : undefined;
  await eventually("the revocation is final, and counts", refused, 30);

  const tally: Tally = { asked: 0, issued: 0, rightlyRefused: 0, lost: 0, latencies: [] };
  let publicKeyChanges = 0;
  let fewestAsked = Infinity;
  /** Ends the devices' asking, also where a step fails: they would ask on for ever. */
  const stop = new AbortController();
  const work = agents.map((agent, i) => askOn(agent, i % 2 === 0, tally, stop.signal));
  try {
    for (let epoch = first; epoch < first + BigInt(epochs); epoch++) {
      const before = tally.asked;
      await rotateWithDeaths(mesh, epoch, choose, () => askRevoked(revoked, tally));
      fewestAsked = Math.min(fewestAsked, tally.asked - before);
      if ((await groupKeys.edKey()) !== key) publicKeyChanges += 1;
    }
  } finally {
    stop.abort();
  }
  await Promise.all(work);
  await Promise.all([...agents, revoked].map((agent) => agent.close()));
  const sorted = tally.latencies.toSorted((a, b) => a - b);
  const percentile = (p: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * p)] ?? 0);
  const { latencies: _, ...counts } = tally;
  return {
    seed,
    epochs: Number((await groupKeys.epoch()) - first),
    ...counts,
    fewestAsked,
    milliseconds: { p50: percentile(0.5), p99: percentile(0.99), maximum: percentile(1) },
    publicKeyChanges,
    megabytes: mesh.validators.map((validator, i) => ({
      start: memory[i] as number,
      end: residentMegabytes(validator),
    })),
  };
}

/** From one committee to the next, with one member of each killed, who come back after it. */
async function rotateWithDeaths(
  mesh: LocalMesh,
  epoch: bigint,
  choose: Choose,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const { groupKeys } = mesh.ledger.contracts;
  const killed = new Set([await killOne(choose(await seatedIn(mesh, "office")), choose)]);
  await meanwhile();
  await eventually("the next committee has its seats", async () => isSeated(mesh, epoch), PATIENCE);
  const office = new Set(await seatedIn(mesh, "office"));
  const next = await seatedIn(mesh, "ceremony");
  const fresh = next.filter((validator) => !office.has(validator));
  if (fresh.length > 0 && !next.some((validator) => killed.has(validator))) {
    killed.add(await killOne(choose(fresh), choose));
  }
  const hasBegun = async (): Promise<true | undefined> => ((await groupKeys.epoch()) > epoch ? true : undefined);
  await eventually(`epoch ${epoch + 1n} began`, hasBegun, PATIENCE);
  await Promise.all([...killed].map(comeBack));
}

async function askRevoked(revoked: Agent, tally: Tally): Promise<void> {
  const code = await codeOf(revoked.renew({ attempts: 1 }));
  expect(code, "a revoked device").to.not.equal("nothing failed");
  if (code === "revoked") tally.rightlyRefused += 1;
}

type Choose = <T>(items: readonly T[]) => T;

/** Repeatable choices (a linear congruential generator is random enough to choose whom to kill). */
function choices(seed: number): Choose {
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
async function killOne(validator: ValidatorProcess, choose: Choose): Promise<ValidatorProcess> {
  await validator.kill();
  validator.spawn({ failpoint: choose(FAILPOINTS) });
  return validator;
}

async function comeBack(validator: ValidatorProcess): Promise<void> {
  await validator.kill();
  await validator.start();
}

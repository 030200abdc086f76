/**
 * A round of measurement with all that follows from it, by every member: commitments, reports, the settlement, credits, rewards, and
 * the weights of all candidates. The second round of a mesh with twice as many candidates as seats: the first one writes storage that
 * every later one writes over.
 */
import type { GasFigure } from "../figure.js";
import { measuredMesh, type MeasuredMesh } from "../../test/contracts/measurement-fixture.js";
import { gasOf } from "../../test/contracts/mesh.js";

/** Gas of each kind of transaction; of commitments and reports the dearest. */
interface RoundGas {
  readonly commitReport: number;
  readonly revealReport: number;
  readonly settle: number;
  readonly credit: number;
  readonly allot: number;
  readonly refresh: number;
  readonly all: number;
}

const rounds = new Map<number, Promise<RoundGas>>();

/** Measured once for all figures of a committee of this size. */
export function gasOfRound(seats: number): Promise<RoundGas> {
  const known = rounds.get(seats) ?? measure(seats);
  rounds.set(seats, known);
  return known;
}

async function measure(seats: number): Promise<RoundGas> {
  const mesh = await measuredMesh(seats);
  await round(mesh, 1n);
  await mesh.takeOffice(2n);
  return round(mesh, 2n);
}

async function round(mesh: MeasuredMesh, epoch: bigint): Promise<RoundGas> {
  const { measurement, reputation, pool, rotation, members, committee, ranks } = mesh;
  await mesh.passProbing();
  const [commits, reveals]: [number[], number[]] = [[], []];
  for (const member of members) {
    const commitment = mesh.commitment(member.address, epoch);
    commits.push(Number(await gasOf(measurement.connect(member).commitReport(epoch, commitment))));
  }
  for (const member of members) {
    const { qualities, participation, salt } = mesh.reportOf(epoch);
    const sent = measurement.connect(member).revealReport(epoch, qualities, participation, salt);
    reveals.push(Number(await gasOf(sent)));
  }
  const settle = Number(await gasOf(measurement.settle(epoch, committee)));
  const credit = Number(await gasOf(reputation.credit(epoch, committee)));
  const allot = Number(await gasOf(pool.allot(epoch, committee)));
  const refresh = Number(await gasOf(rotation.refresh(ranks)));
  const all = [...commits, ...reveals, settle, credit, allot, refresh].reduce((sum, gas) => sum + gas, 0);
  // The first commitment opens the round.
  const commitReport = Math.max(...commits.slice(1));
  return { commitReport, revealReport: Math.max(...reveals), settle, credit, allot, refresh, all };
}

const figure = (operation: string, seats: number, part: keyof RoundGas): GasFigure => ({
  operation,
  goal: undefined,
  best: undefined,
  source: undefined,
  measure: async () => (await gasOfRound(seats))[part],
});

export const MEASUREMENT: readonly GasFigure[] = [
  figure("commitReport", 16, "commitReport"),
  figure("revealReport", 16, "revealReport"),
  figure("settleRound7", 7, "settle"),
  figure("settleRound16", 16, "settle"),
  figure("credit16", 16, "credit"),
  figure("allot16", 16, "allot"),
  figure("refreshWeights16", 16, "refresh"),
  figure("measurement7", 7, "all"),
  figure("measurement16", 16, "all"),
];

/**
 * How shards are lost (docs/threat-model.md): between two rounds of challenges each holder fails with some probability, and what all
 * of a shard's holders had is gone; whoever is left gives copies to those that take the places. Counted with the very placement that
 * generator and devices use, beside theory: independent holders lose all r copies of a shard with probability q^r in a round.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import type { Holder } from "../certificate/shard-map.js";
import { holdersOf } from "../shards/placement.js";
import { renderChart } from "./chart.js";

export interface HolderLossOptions {
  readonly holders: number;
  /** Copies of each shard. */
  readonly replicas: readonly number[];
  /** Probabilities, 0 to 1, that a holder fails between two rounds. */
  readonly churn: readonly number[];
  readonly rounds: number;
  /** Shards that are followed. */
  readonly shards: number;
  /** Simulated runs of all rounds for each row; 0 for theory alone. */
  readonly runs: number;
  readonly seed: string;
}

export interface HolderLossRow {
  readonly replicas: number;
  readonly churn: number;
  /** Probability that a given shard is lost in all rounds together. */
  readonly theory: number;
  /** Fraction of shards that were; undefined without any run. */
  readonly simulated: number | undefined;
}

/** 1 - (1 - q^r)^rounds, also where q^r is tiny. */
export function lossProbability(churn: number, replicas: number, rounds: number): number {
  return -Math.expm1(rounds * Math.log1p(-(churn ** replicas)));
}

/** @throws RangeError for numbers that cannot be */
export function simulateHolderLoss(options: HolderLossOptions): HolderLossRow[] {
  const { holders, replicas, churn, rounds, shards, runs } = options;
  for (const r of replicas) {
    if (r < 1 || r > holders) throw new RangeError(`${holders} holders cannot keep ${r} copies of a shard`);
  }
  for (const q of churn) if (!(q >= 0 && q <= 1)) throw new RangeError(`${q} is no probability from 0 to 1`);
  if (rounds < 1 || shards < 1) throw new RangeError("there is at least one round, and one shard");
  return replicas.flatMap((r) =>
    churn.map((q) => ({
      replicas: r,
      churn: q,
      theory: lossProbability(q, r, rounds),
      simulated: runs === 0 ? undefined : fractionLost(options, r, q),
    })),
  );
}

/**
 * Holders that fail are replaced before the next round, so that there are always as many; where a shard's copies are is told by
 * rendezvous hashing over their names.
 */
function fractionLost({ holders, rounds, shards, runs, seed }: HolderLossOptions, r: number, q: number): number {
  const list: readonly Holder[] = Array.from({ length: holders }, (_, i) => ({
    tlsPin: sha256(utf8ToBytes(`${seed}/holder/${i}`)),
    endpoint: `holder${i}.example:7443`,
  }));
  const places = Array.from({ length: shards }, (_, i) =>
    holdersOf(sha256(utf8ToBytes(`${seed}/shard/${i}`)), list, r).map((holder) => list.indexOf(holder)),
  );
  const random = randomNumbers(`${seed}/${r}/${q}`);
  let lost = 0;
  for (let run = 0; run < runs; run++) {
    const isLost = new Uint8Array(shards);
    for (let round = 0; round < rounds; round++) {
      const failed = list.map(() => random() < q);
      for (const [shard, kept] of places.entries()) {
        if (kept.every((holder) => failed[holder])) isLost[shard] = 1;
      }
    }
    lost += isLost.reduce((sum, one) => sum + one, 0);
  }
  return lost / (runs * shards);
}

/** Numbers in [0, 1) that a seed alone decides: SHA-256 in counter mode, eight at a time. */
function randomNumbers(seed: string): () => number {
  let counter = 0;
  let left: number[] = [];
  return () => {
    if (left.length === 0) {
      const block = sha256(utf8ToBytes(`${seed}/${counter++}`));
      const view = new DataView(block.buffer, block.byteOffset, block.length);
      left = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i) / 2 ** 32);
    }
    return left.pop() as number;
  };
}

/** For people: a row for each number of copies and each churn. */
export function describeHolderLoss(
  rows: readonly HolderLossRow[],
  { rounds, runs, shards }: HolderLossOptions,
): string {
  const head = ["copies", "churn", "theory", "simulated"];
  const table = rows.map(({ replicas, churn, theory, simulated }) => [
    String(replicas),
    `${(100 * churn).toFixed(1)}%`,
    probability(theory),
    simulated === undefined ? "" : probability(simulated),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...table.map((cells) => (cells[i] as string).length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => cell.padStart(widths[i] as number)).join("  ");
  const note = `Probability that a shard is lost within ${rounds} rounds of challenges; churn is that of one holder between two rounds.`;
  const counted = runs === 0 ? [] : [`"simulated" is the fraction of ${shards} shards in ${runs} runs.`];
  return [line(head), ...table.map(line), "", note, ...counted].join("\n");
}

function probability(value: number): string {
  if (value === 0) return "0";
  return value < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}

const LEAST_SHOWN = 1e-12;

/** Loss over churn, one line for each number of copies, and what was simulated beside it. */
export function holderLossChart(rows: readonly HolderLossRow[], { rounds, churn }: HolderLossOptions): string {
  const copies = [...new Set(rows.map(({ replicas }) => replicas))];
  const of = (r: number, value: (row: HolderLossRow) => number | undefined) =>
    rows
      .filter(({ replicas }) => replicas === r)
      .map((row) => [row.churn, value(row) ?? 0] as const)
      .toSorted(([a], [b]) => a - b);
  return renderChart({
    title: `A shard is lost within ${rounds} rounds of challenges`,
    x: {
      label: "probability that a holder fails between two rounds",
      logarithmic: true,
      from: Math.min(...churn),
      to: Math.max(...churn),
      ticks: [...churn].sort((a, b) => a - b),
    },
    y: { label: "probability", logarithmic: true, from: LEAST_SHOWN, to: 1, ticks: [1, 1e-3, 1e-6, 1e-9, 1e-12] },
    series: copies.flatMap((r) => [
      { name: `${r} copies`, points: of(r, ({ theory }) => theory) },
      ...(rows.some(({ simulated }) => simulated !== undefined)
        ? [{ name: `${r}, simulated`, points: of(r, ({ simulated }) => simulated) }]
        : []),
    ]),
  });
}

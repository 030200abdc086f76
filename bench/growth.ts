/** docs/images/growth-*.svg: how gas grows with the candidates and with the seats, from runs on the local chain. */
import { mkdirSync, writeFileSync } from "node:fs";

import { type Chart, renderChart } from "../src/operator/chart.js";
import { gasOfDraw } from "./gas/draw16of10000.js";
import { gasOfUpdate } from "./gas/updateWeightOf10000.js";

export const GROWTH_FOLDER = new URL("../docs/images/", import.meta.url);

const CANDIDATES = [10, 100, 1_000, 10_000] as const;
const SEATS = [4, 7, 10, 16, 22, 32] as const;
/** Seats are drawn from so many when their number grows. */
const OF = 1_000;

export async function writeGrowth(): Promise<void> {
  mkdirSync(GROWTH_FOLDER, { recursive: true });
  const draw4: [number, number][] = [];
  const draw16: [number, number][] = [];
  const update: [number, number][] = [];
  for (const candidates of CANDIDATES) {
    draw4.push([candidates, await gasOfDraw(candidates, 4)]);
    if (candidates >= 16) draw16.push([candidates, await gasOfDraw(candidates, 16)]);
    update.push([candidates, await gasOfUpdate(candidates)]);
  }
  write("growth-candidates.svg", {
    title: "Gas over the number of candidates",
    x: { label: "candidates", logarithmic: true, from: 10, to: 10_000, ticks: CANDIDATES },
    y: {
      label: "gas of the transaction",
      from: 0,
      to: 300_000,
      ticks: [0, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000],
    },
    series: [
      { name: "draw of 16 seats", points: draw16 },
      { name: "draw of 4 seats", points: draw4 },
      { name: "change of a weight", points: update },
    ],
  });
  const seats: [number, number][] = [];
  for (const count of SEATS) seats.push([count, await gasOfDraw(OF, count)]);
  write("growth-seats.svg", {
    title: "Gas over the seats that are drawn",
    x: { label: "seats", from: 4, to: 32, ticks: SEATS },
    y: { label: "gas of the transaction", from: 0, to: 400_000, ticks: [0, 100_000, 200_000, 300_000, 400_000] },
    series: [{ name: "draw from 1,000", points: seats }],
  });
  for (const [candidates, gas] of [...draw16, ...update]) console.log(`${candidates} candidates: ${gas} gas`);
  for (const [count, gas] of seats) console.log(`${count} seats: ${gas} gas`);
}

function write(name: string, chart: Chart): void {
  writeFileSync(new URL(name, GROWTH_FOLDER), renderChart(chart));
}

/** The committed results: bench/results/*.json, one row a figure in the order of gas.ts and offchain.ts. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

import type { Figure, GasRow, OffchainFigure, OffchainRow } from "./figure.js";
import { GAS } from "./gas.js";
import { OFFCHAIN } from "./offchain.js";

export const GAS_FILE = new URL("./results/gas.json", import.meta.url);
export const OFFCHAIN_FILE = new URL("./results/offchain.json", import.meta.url);

/** The rows of a file; none where it does not exist yet. */
export function readRows<Row>(file: URL): readonly Row[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Row[]) : [];
}

const common = ({ goal, best, source }: Figure) => ({
  goal: goal ?? null,
  best: best ?? null,
  source: source ?? null,
});

export function storeGas(figure: Figure, gas: number): void {
  const { operation } = figure;
  store<GasRow>(GAS_FILE, GAS, { operation, gas, ...common(figure) });
}

export function storeOffchain(figure: OffchainFigure, measured: number): void {
  const { operation, unit } = figure;
  const value = Number(measured.toPrecision(4));
  store<OffchainRow>(OFFCHAIN_FILE, OFFCHAIN, { operation, value, unit, ...common(figure) });
}

/** Replaces one row, and leaves those of figures that were not measured. */
function store<Row extends { readonly operation: string }>(file: URL, figures: readonly Figure[], row: Row): void {
  const rows = new Map(readRows<Row>(file).map((old) => [old.operation, old]));
  rows.set(row.operation, row);
  const ordered = figures.flatMap(({ operation }) => rows.get(operation) ?? []);
  writeFileSync(file, `${JSON.stringify(ordered, undefined, 2)}\n`);
}

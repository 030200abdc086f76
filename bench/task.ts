/** `npm run bench [-- gas | offchain | growth | <operation>...]`: measures, stores the results, and shows them beside their goals. */
import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { writeCosts } from "./costs.js";
import { writeGrowth } from "./growth.js";
import { type Figure, type GasRow, isAtLeast, meetsGoal } from "./figure.js";
import { GAS } from "./gas.js";
import { OFFCHAIN } from "./offchain.js";
import { updateReadme } from "./readme.js";
import { GAS_FILE, readRows, storeGas, storeOffchain } from "./results.js";

const MEASURE = fileURLToPath(new URL("../dist/bench/measure.js", import.meta.url));

export async function bench({ names }: { names: string[] }): Promise<void> {
  const wanted = ({ operation }: Figure, kind: string): boolean =>
    names.length === 0 || names.includes(kind) || names.includes(operation);
  const known = new Set(["gas", "offchain", "growth", ...[...GAS, ...OFFCHAIN].map(({ operation }) => operation)]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`no figure is called ${unknown.join(", ")}; there are ${[...known].join(", ")}`);

  for (const figure of GAS.filter((one) => wanted(one, "gas"))) {
    const gas = await figure.measure();
    storeGas(figure, gas);
    show(figure, gas, "gas");
  }
  for (const figure of OFFCHAIN.filter((one) => wanted(one, "offchain"))) {
    if (figure.requires !== undefined && !isInstalled(figure.requires)) {
      console.log(`${figure.operation.padEnd(32)} not measured: ${figure.requires} is not installed`);
      continue;
    }
    const value = await inItsOwnProcess(figure);
    storeOffchain(figure, value);
    show(figure, value, figure.unit);
  }
  if (names.length === 0 || names.includes("growth")) await writeGrowth();
  updateReadme();
  writeCosts(readRows<GasRow>(GAS_FILE));
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ["version"]).error === undefined;
}

async function inItsOwnProcess({ operation }: Figure): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [MEASURE, operation]);
  return JSON.parse(stdout) as number;
}

function show({ operation, goal }: Figure, value: number, unit: string): void {
  const shown = value.toLocaleString("en-US", { maximumSignificantDigits: Number.isInteger(value) ? 21 : 4 });
  const aim = goal === undefined ? "" : ` (goal: ${isAtLeast(operation) ? "≥" : "≤"} ${goal.toLocaleString("en-US")})`;
  console.log(`${operation.padEnd(32)} ${shown} ${unit}${aim}`);
  if (!meetsGoal(operation, value, goal ?? null)) {
    console.error(`${operation} misses its goal`);
    process.exitCode = 1;
  }
}

/** The tables of README.md, made from the committed results. */
import { readFileSync, writeFileSync } from "node:fs";

import { type GasRow, type OffchainRow, isAtLeast, meetsGoal } from "./figure.js";
import { GAS_FILE, OFFCHAIN_FILE, readRows } from "./results.js";

export const README = new URL("../README.md", import.meta.url);
const BEGIN = "<!-- figures:begin -->\n";
const END = "<!-- figures:end -->";

/** What stands between the markers of README.md. */
export function figureTables(gas: readonly GasRow[], offchain: readonly OffchainRow[]): string {
  const table = (head: string[], rows: string[][]): string =>
    [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");
  const gasTable = table(
    ["on the ledger", "gas", "goal", "best known elsewhere"],
    gas.map((row) => [`\`${row.operation}\``, number(row.gas), goal(row, row.gas), elsewhere(row)]),
  );
  const offchainTable = table(
    ["off the ledger", "value", "goal", "best known elsewhere"],
    offchain.map((row) => [
      `\`${row.operation}\``,
      `${number(row.value)} ${row.unit}`,
      goal(row, row.value),
      elsewhere(row),
    ]),
  );
  return `${gasTable}\n${offchainTable}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 3 });
}

function goal({ operation, goal }: GasRow | OffchainRow, value: number): string {
  if (goal === null) return "";
  const missed = meetsGoal(operation, value, goal) ? "" : ", missed";
  return `${isAtLeast(operation) ? "≥" : "≤"} ${number(goal)}${missed}`;
}

function elsewhere({ best, source }: GasRow | OffchainRow): string {
  if (best === null) return source ?? "";
  return source === null ? number(best) : `${number(best)} (${source})`;
}

/** The text of README.md with these tables. @throws Error where the markers are missing */
export function withTables(readme: string, tables: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the lines ${BEGIN.trim()} and ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}${tables}${readme.slice(end)}`;
}

export function updateReadme(): void {
  const tables = figureTables(readRows(GAS_FILE), readRows(OFFCHAIN_FILE));
  writeFileSync(README, withTables(readFileSync(README, "utf8"), tables));
}

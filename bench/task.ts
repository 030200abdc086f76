/** `npm run bench [-- gas | offchain | <operation>...]`: measures, stores the results, and shows them beside their goals. */
import { type Figure, isAtLeast, meetsGoal } from "./figure.js";
import { GAS, OFFCHAIN } from "./figures.js";
import { storeGas, storeOffchain } from "./results.js";

export default async function bench({ names }: { names: string[] }): Promise<void> {
  const wanted = ({ operation }: Figure, kind: string): boolean =>
    names.length === 0 || names.includes(kind) || names.includes(operation);
  const known = new Set(["gas", "offchain", ...[...GAS, ...OFFCHAIN].map(({ operation }) => operation)]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`no figure is called ${unknown.join(", ")}; there are ${[...known].join(", ")}`);

  for (const figure of GAS.filter((one) => wanted(one, "gas"))) {
    const gas = await figure.measure();
    storeGas(figure, gas);
    show(figure, gas, "gas");
  }
  for (const figure of OFFCHAIN.filter((one) => wanted(one, "offchain"))) {
    const value = await figure.measure();
    storeOffchain(figure, value);
    show(figure, value, figure.unit);
  }
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

// `npm test`: everything. Scenarios of real processes mostly wait for blocks, so they run beside the other tests; what they print
// comes after those, and a line of totals at the end. `npm test -- <files or options>` hands them to the runner as they are.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const SCENARIOS = join("test", "e2e");
const given = process.argv.slice(2);

function run(args, stdio) {
  const child = spawn("hardhat", ["test", ...args, "--no-compile"], { stdio: ["ignore", stdio, stdio] });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes) => printed.push(bytes));
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ok: code === 0, text: Buffer.concat(printed) }));
  });
  return { child, ended };
}

if (given.length > 0) {
  const { ok } = await run(given, "inherit").ended;
  process.exit(ok ? 0 : 1);
}

const files = readdirSync("test", { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test", name));
const isScenario = (name) => name.startsWith(SCENARIOS);
const totals = { passing: 0, pending: 0, failing: 0 };

/** Adds the last summary of a run, such as `12 passing (12 mocha)`. */
function count({ text }) {
  for (const kind of Object.keys(totals)) {
    const found = text
      .toString()
      .match(new RegExp(`^ *[0-9]+ ${kind}\\b`, "gm"))
      ?.at(-1);
    totals[kind] += found === undefined ? 0 : Number.parseInt(found, 10);
  }
}

async function live(args) {
  const { child, ended } = run(args, "pipe");
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  return ended;
}

const scenarios = run(["mocha", ...files.filter(isScenario).sort()], "pipe");
const contracts = await live(["solidity"]);
const units = await live(["mocha", ...files.filter((name) => !isScenario(name)).sort()]);
const processes = await scenarios.ended;
process.stdout.write(processes.text);
const all = [contracts, units, processes];
all.forEach(count);
if (totals.pending > 0) console.log(`${totals.pending} skipped`);
console.log(`${totals.passing} passed, ${totals.failing} failed`);
process.exitCode = all.every(({ ok }) => ok) ? 0 : 1;

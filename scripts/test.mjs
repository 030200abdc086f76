// `npm test`: everything. Scenarios of real processes wait for blocks much of the time, and have deadlines: they come first, and two
// runs of all other tests take what they leave of the processor. The contracts' output is shown as it comes, that of the others
// after it, and a line of totals at the end. `npm test -- <files or options>` hands them to the runner as they are.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { setPriority } from "node:os";
import { join, sep } from "node:path";

/** Folders of `test`, and who runs them; everything else is the third. */
const SCENARIOS = ["e2e"];
const CONTRACTS = ["contracts", "crypto", "protocol"];
/** Of what is not a scenario: a third of a scenario's share where both have something to do. */
const NICENESS = 5;
const given = process.argv.slice(2);

function run(args, stdio, niceness = 0) {
  const child = spawn("hardhat", ["test", ...args, "--no-compile"], { stdio: ["ignore", stdio, stdio] });
  if (child.pid !== undefined && niceness > 0) setPriority(child.pid, niceness);
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

const files = readdirSync("test", { recursive: true }).filter((name) => name.endsWith(".test.ts"));
/** The files in these folders, or in no folder of any list. */
function filesOf(folders) {
  const all = [...SCENARIOS, ...CONTRACTS];
  const isOne = (folder) => (folders === undefined ? !all.includes(folder) : folders.includes(folder));
  return files
    .filter((name) => isOne(name.split(sep)[0]))
    .map((name) => join("test", name))
    .sort();
}
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
  const { child, ended } = run(args, "pipe", NICENESS);
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  return ended;
}

async function liveContracts() {
  const solidity = await live(["solidity"]);
  return [solidity, await live(["mocha", ...filesOf(CONTRACTS)])];
}

const [contracts, ...after] = await Promise.all([
  liveContracts(),
  run(["mocha", ...filesOf(undefined)], "pipe", NICENESS).ended,
  run(["mocha", ...filesOf(SCENARIOS)], "pipe").ended,
]);
for (const { text } of after) process.stdout.write(text);
const all = [...contracts, ...after];
all.forEach(count);
if (totals.pending > 0) console.log(`${totals.pending} skipped`);
console.log(`${totals.passing} passed, ${totals.failing} failed`);
process.exitCode = all.every(({ ok }) => ok) ? 0 : 1;

// `npm test`: everything, in three runs at a time. Scenarios of real processes wait for blocks much of the time, and have deadlines:
// they come first on the processor, and the other tests take what they leave. The contracts' output is shown as it comes, that of the
// others after it, and a line of totals at the end. `npm test -- <files or options>` hands them to the runner as they are.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { setPriority } from "node:os";
import { join, sep } from "node:path";

const SCENARIOS = "e2e";
/** The longest scenario, a third of all: it follows on the contracts, beside the others. */
const LONGEST = "rotation.test.ts";
/** Folders beside the contracts' own that come with them. */
const CONTRACTS = ["contracts", "crypto", "protocol"];
/** Of what is not a scenario: a third of a scenario's share where both have something to do. */
const NICENESS = 5;
const given = process.argv.slice(2);

function run(args, niceness = 0, stdio = "pipe") {
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
  const { ok } = await run(given, 0, "inherit").ended;
  process.exit(ok ? 0 : 1);
}

const files = readdirSync("test", { recursive: true }).filter((name) => name.endsWith(".test.ts"));
/** The files whose folder and name are asked for, as arguments of the runner. */
function chosen(isChosen) {
  const list = files
    .filter((path) => isChosen(path.split(sep)[0], path.split(sep).at(-1)))
    .map((path) => join("test", path));
  // With no file at all the runner would take every one.
  if (list.length === 0) throw new Error("a run of tests has no files");
  return ["mocha", ...list.sort()];
}
const contracts = chosen((folder) => CONTRACTS.includes(folder));
const scenarios = chosen((folder, name) => folder === SCENARIOS && name !== LONGEST);
const longest = chosen((folder, name) => folder === SCENARIOS && name === LONGEST);
const others = chosen((folder) => folder !== SCENARIOS && !CONTRACTS.includes(folder));
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

async function contractsFirst() {
  const ended = [];
  for (const args of [["solidity"], contracts]) {
    const { child, ended: end } = run(args, NICENESS);
    child.stdout.pipe(process.stdout, { end: false });
    child.stderr.pipe(process.stderr, { end: false });
    ended.push({ ...(await end), isShown: true });
  }
  return [...ended, await run(longest).ended];
}

const [first, ...rest] = await Promise.all([contractsFirst(), run(others, NICENESS).ended, run(scenarios).ended]);
const all = [...first, ...rest];
for (const { text, isShown } of all) if (!isShown) process.stdout.write(text);
all.forEach(count);
if (totals.pending > 0) console.log(`${totals.pending} skipped`);
console.log(`${totals.passing} passed, ${totals.failing} failed`);
process.exitCode = all.every(({ ok }) => ok) ? 0 : 1;

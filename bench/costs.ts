/** docs/costs.md: what a mesh costs to found and by the day, computed from bench/results/gas.json and the parameters here. */
import { writeFileSync } from "node:fs";

import { PUBLIC_PARAMETERS } from "../src/operator/parameters.js";
import type { GasRow } from "./figure.js";

export const COSTS = new URL("../docs/costs.md", import.meta.url);

const COMMITTEES = [7, 16] as const;
/** Gwei for one unit of gas. */
const GAS_PRICES = [0.1, 1, 10] as const;
/** An assumption, in US dollars for one ether. */
const ETHER_PRICE = 3_000;
const GWEI = 1e-9;
const DAY = 86_400;

/** What happens in a day, beside what the clock brings. */
const DAILY = { fleets: 1, revocations: 10 } as const;
/** Of the scheduled heads, each how manieth is posted (`postEvery`). */
const POST_EVERY = [
  [1, "every head is posted, the default"],
  [6, "one an hour"],
  [144, "one a day"],
  [0, "none is posted"],
] as const;

export function costsDocument(rows: readonly GasRow[]): string {
  const gas = (operation: string): number => {
    const row = rows.find((one) => one.operation === operation);
    if (row === undefined) throw new Error(`bench/results/gas.json has no ${operation}: run npm run bench -- gas`);
    return row.gas;
  };
  const headsPerDay = DAY / PUBLIC_PARAMETERS.headSeconds;
  const founding = (n: number): number =>
    gas("deployment") + gas("genesis7") + n * gas("registerValidator") + gas(`keyGeneration${n}`);
  const posts = (postEvery: number): number =>
    (postEvery === 0 ? 0 : headsPerDay / postEvery) * (gas("postHead") + gas("postCheckpoint"));
  const work = DAILY.fleets * gas("registerFleet1M") + DAILY.revocations * gas("revoke1");

  return `# Costs on the ledger

Written by \`npm run bench\` from \`bench/results/gas.json\`, the receipts of whole transactions. One ether is taken for ${dollars(ETHER_PRICE)}, which
is an assumption, as are the gas prices: multiply by your own.

    cost = gas x price of gas (gwei) x 10^-9 x price of ether

## By the day

    gas per day = ${headsPerDay} / postEvery x (postHead + postCheckpoint) + fleets x registerFleet1M + revocations x revoke1

There are ${headsPerDay} scheduled heads a day (\`headSeconds\` ${PUBLIC_PARAMETERS.headSeconds}), of which each \`postEvery\`-th goes to the ledger with a checkpoint (\`swarmkeep
validator init --post-every\`). Devices take heads from validators and from one another and need none on the ledger: posts are for contracts
and gateways that ask it. A day here has ${DAILY.fleets} fleet registered, of up to a million devices, and ${DAILY.revocations} revocations, each alone; 256 devices of one word together
cost as much as one. Issuing, renewing and proving cost nothing on the ledger, however many devices there are.

A swarm signature is checked as one signature, so a day costs the same with 7 validators as with 16.

${table(
  ["posted", "gas a day", ...prices()],
  POST_EVERY.map(([postEvery, what]) => {
    const total = Math.round(posts(postEvery) + work);
    return [`\`postEvery\` ${postEvery}: ${what}`, grouped(total), ...inDollars(total)];
  }),
)}
## By the epoch

    gas per epoch = rotation + measurement

Where committees change (\`epochSeconds\`, a day by default): the turn and the handover by all members, and the round in which they report what they measured, with the
credits, the rewards and the new weights that follow from it. Probes themselves cost nothing on the ledger. Without probes (\`probesPerEpoch\` 0) the second part is away.

${table(
  ["validators", "rotation", "measurement", "together", ...prices()],
  COMMITTEES.map((n) => {
    const [rotation, measurement] = [gas(`rotation${n}`), gas(`measurement${n}`)];
    const total = rotation + measurement;
    return [String(n), ...[rotation, measurement, total].map(grouped), ...inDollars(total)];
  }),
)}
## A day altogether

    gas per day = the day's of above + 86,400 / epochSeconds x the epoch's

With the defaults: a committee a day, and each way of posting.

${table(
  ["validators", "posted", "gas a day", ...prices()],
  COMMITTEES.flatMap((n) =>
    POST_EVERY.map(([postEvery]) => {
      const total = Math.round(posts(postEvery) + work) + gas(`rotation${n}`) + gas(`measurement${n}`);
      return [String(n), `\`postEvery\` ${postEvery}`, grouped(total), ...inDollars(total)];
    }),
  ),
)}
## Once

    gas = deployment + genesis + n x registerValidator + keyGeneration

The transactions of all members together; stakes are not counted, since they come back. Genesis is that of seven.

${table(
  ["validators", "gas", ...prices()],
  COMMITTEES.map((n) => [String(n), grouped(founding(n)), ...inDollars(founding(n))]),
)}
## How it grows

Weights stand in a tree of five levels: a change of one writes a path of five words, whatever the number of candidates. A draw reads such a path
for each seat; these share their words where candidates are few. Measured by \`npm run bench -- growth\`:

![Gas over the number of candidates](images/growth-candidates.svg)

![Gas over the seats that are drawn](images/growth-seats.svg)
`;
}

export function writeCosts(rows: readonly GasRow[]): void {
  writeFileSync(COSTS, costsDocument(rows));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |\n`)
    .join("");
}

function prices(): string[] {
  return GAS_PRICES.map((price) => `at ${price} gwei`);
}

function inDollars(gas: number): string[] {
  return GAS_PRICES.map((price) => dollars(gas * price * GWEI * ETHER_PRICE));
}

function dollars(value: number): string {
  const digits = value < 100 ? 2 : 0;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

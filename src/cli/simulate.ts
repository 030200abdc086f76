/**
 * `npm run simulate -- sybil`: what an attacker with a share of the weight gets of the committees that are drawn.
 * `npm run simulate -- holders`: how likely shards are lost when holders fail.
 */
import { join } from "node:path";

import { Command, CommanderError } from "commander";

import { type SybilOptions, describeSybil, simulateSybil, sybilCharts } from "../operator/sybil.js";
import {
  type HolderLossOptions,
  describeHolderLoss,
  holderLossChart,
  simulateHolderLoss,
} from "../operator/holder-loss.js";
import { PUBLIC_FILE, PUBLIC_FOLDER, makeFolder, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError, exitCode } from "../runtime/errors.js";
import { MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE } from "../statements/quorum.js";
import { action, asSwarmkeepError, parseCount, renderError, usageError } from "./command.js";

const MAXIMUM_DRAWS = 1_000_000;
const MAXIMUM_EPOCHS = 1_000_000_000;

interface Options {
  readonly share: string;
  readonly seats: string;
  readonly epochs: string;
  readonly candidates: string;
  readonly draws: string;
  readonly seed: string;
  readonly out?: string;
}

interface HolderOptions {
  readonly holders: string;
  readonly replicas: string;
  readonly churn: string;
  readonly rounds: string;
  readonly shards: string;
  readonly runs: string;
  readonly seed: string;
  readonly out?: string;
}

function program(): Command {
  const simulate = new Command("simulate").exitOverride().configureOutput({ outputError: () => undefined });
  simulate
    .command("sybil")
    .description("probabilities of f + 1 seats (halt) and t seats (capture) for an attacker")
    .option("--share <list>", "shares of the weight, from 0 to 1", "0.05,0.1,0.2,0.33")
    .option("--seats <list>", "sizes of the committee", "4,7,16,31")
    .option("--epochs <number>", "draws that the cumulative figures are of", "365")
    .option("--candidates <number>", "operators of equal weight in permissioned mode", "100")
    .option("--draws <number>", "simulated draws for each row; 0 for exact figures alone", "2000")
    .option("--seed <text>", "of the simulated draws", "sybil")
    .option("--out <folder>", "write plots there, as SVG")
    .option("--json", "print JSON, for programs")
    .exitOverride()
    .action(
      action<Options>(async (context, options) => {
        const settings: SybilOptions = {
          shares: numbers(options.share, "--share", (text) => Number(text)),
          seats: numbers(options.seats, "--seats", (text) =>
            parseCount(text, "--seats", MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE),
          ),
          epochs: parseCount(options.epochs, "--epochs", MAXIMUM_EPOCHS, 1),
          candidates: parseCount(options.candidates, "--candidates", 32_768, MINIMUM_COMMITTEE),
          draws: parseCount(options.draws, "--draws", MAXIMUM_DRAWS),
          seed: options.seed,
        };
        const rows = checked(() => simulateSybil(settings));
        const plots = await plotted(options.out, () => sybilCharts(settings));
        context.print(
          { ...settings, rows: rows.map((row) => ({ ...row })), plots },
          [describeSybil(rows, settings), ...plots.map((path) => `plot  ${path}`)].join("\n"),
        );
      }),
    );
  simulate
    .command("holders")
    .description("probability that a shard is lost, by the copies it has and how often holders fail")
    .option("--replicas <list>", "copies of each shard", "1,2,3,4,5")
    .option("--churn <list>", "probabilities that a holder fails between two rounds of challenges", "0.01,0.03,0.1,0.3")
    .option("--holders <number>", "that there are", "32")
    .option("--rounds <number>", "of challenges, each followed by copies from who is left", "365")
    .option("--shards <number>", "that are followed", "500")
    .option("--runs <number>", "simulated runs for each row; 0 for theory alone", "5")
    .option("--seed <text>", "of the simulation", "holders")
    .option("--out <folder>", "write a plot there, as SVG")
    .option("--json", "print JSON, for programs")
    .exitOverride()
    .action(
      action<HolderOptions>(async (context, options) => {
        const settings: HolderLossOptions = {
          holders: parseCount(options.holders, "--holders", 1_024),
          replicas: numbers(options.replicas, "--replicas", (text) => parseCount(text, "--replicas", 16)),
          churn: numbers(options.churn, "--churn", (text) => Number(text)),
          rounds: parseCount(options.rounds, "--rounds", 100_000),
          shards: parseCount(options.shards, "--shards", 100_000),
          runs: parseCount(options.runs, "--runs", 10_000),
          seed: options.seed,
        };
        const rows = checked(() => simulateHolderLoss(settings));
        const charts = () => [{ name: "holder-loss.svg", svg: holderLossChart(rows, settings) }];
        const plots = await plotted(options.out, charts);
        context.print(
          { ...settings, rows: rows.map((row) => ({ ...row })), plots },
          [describeHolderLoss(rows, settings), ...plots.map((path) => `plot  ${path}`)].join("\n"),
        );
      }),
    );
  return simulate;
}

/** Paths of the charts that were written into `folder`; none without one. */
async function plotted(
  folder: string | undefined,
  charts: () => readonly { readonly name: string; readonly svg: string }[],
): Promise<string[]> {
  if (folder === undefined) return [];
  await makeFolder(folder, PUBLIC_FOLDER);
  return Promise.all(
    charts().map(async ({ name, svg }) => {
      const path = join(folder, name);
      await writeAtomically(path, svg, PUBLIC_FILE);
      return path;
    }),
  );
}

function numbers(list: string, option: string, parse: (text: string) => number): number[] {
  return list.split(",").map((text) => {
    const value = parse(text.trim());
    if (Number.isFinite(value) && text.trim() !== "") return value;
    throw usage(`${option} takes numbers with commas between them, not ${JSON.stringify(list)}`);
  });
}

/** What the mathematics refuses is a fault of the command line. */
function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof RangeError ? usage(error.message) : error;
  }
}

function usage(message: string): SwarmkeepError {
  return new SwarmkeepError(message, {
    kind: "usage",
    code: "bad-number",
    advice: "See what the command takes with `npm run simulate -- <name> --help`.",
  });
}

try {
  await program().parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help"))) {
    const failure = error instanceof CommanderError ? usageError(error) : asSwarmkeepError(error);
    process.stderr.write(renderError(failure, process.argv.includes("--json")));
    process.exitCode = exitCode(failure);
  }
}

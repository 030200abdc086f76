/** All groups of commands, and how a run of one ends: with an exit code, and with one sentence where it failed. */
import { existsSync, readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { SwarmkeepError, exitCode } from "../runtime/errors.js";
import { type GlobalOptions, asSwarmkeepError, renderError, usageError } from "./command.js";

/** What a file of a command group exports. */
export interface CommandGroup {
  /** Adds the group's commands to `group`. */
  register(group: Command): void;
}

interface GroupEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandGroup>;
}

/** In the order in which the help lists them. */
const GROUPS: readonly GroupEntry[] = [
  { name: "start", summary: "run a whole mesh on this machine", load: () => import("./start.js") },
  { name: "explorer", summary: "look at a mesh in a browser", load: () => import("./explorer.js") },
  { name: "mesh", summary: "found a mesh and run it", load: () => import("./mesh.js") },
  { name: "fleet", summary: "make devices and register them", load: () => import("./fleet.js") },
  { name: "revoke", summary: "revoke, hold and release devices", load: () => import("./revoke.js") },
  { name: "validator", summary: "run a member of the swarm", load: () => import("./validator.js") },
  { name: "device", summary: "enrol this device and prove who it is", load: () => import("./device.js") },
  { name: "shards", summary: "keys of devices in shards: generate, rotate, verify", load: () => import("./shards.js") },
  { name: "holder", summary: "keep shards on a gateway-class device", load: () => import("./holder.js") },
  { name: "cert", summary: "show and verify certificates, offline", load: () => import("./cert.js") },
  { name: "committee", summary: "show the committee and why it was drawn", load: () => import("./committee.js") },
  { name: "beacon", summary: "check the mesh's random values", load: () => import("./beacon.js") },
  { name: "drl", summary: "show the revocation list and fetch proofs from it", load: () => import("./drl.js") },
];

const USAGE_ERROR = 2;

/** From `package.json`, two folders up in the sources and three in what is built of them. */
function packageVersion(): string {
  const candidates = ["../../package.json", "../../../package.json"].map((path) => new URL(path, import.meta.url));
  const path = candidates.find((candidate) => existsSync(candidate)) as URL;
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

/** The whole command line; each group's commands come with it when it is called. */
export function createProgram(groups: readonly GroupEntry[] = GROUPS): Command {
  const program = new Command("swarmkeep")
    .description("A trust fabric for swarms of devices: a certificate authority that no single machine holds")
    .option("--json", "print JSON, for programs")
    .option("--data <folder>", "the data folder (SWARMKEEP_DATA)")
    .option("--passphrase-file <file>", "the passphrase of the data folder (SWARMKEEP_PASSPHRASE_FILE)")
    .addHelpText("after", "\nswarmkeep --version prints the version of this program.")
    .exitOverride()
    .configureOutput({ outputError: () => undefined }) // `run` writes it, like every other error
    .hook("preSubcommand", async (_, called) => {
      const entry = groups.find(({ name }) => name === called.name());
      if (entry !== undefined && called.commands.length === 0) (await loaded(entry)).register(called);
    });
  for (const { name, summary } of groups) program.command(name).summary(summary).description(summary).exitOverride();
  return program;
}

/** @throws SwarmkeepError `package-missing` where only the part of a device is installed. */
async function loaded({ name, load }: GroupEntry): Promise<CommandGroup> {
  try {
    return await load();
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw new SwarmkeepError(`\`swarmkeep ${name}\` needs packages that are not installed here`, {
      kind: "environment",
      code: "package-missing",
      advice: "Install swarmkeep with its optional packages: without them it is the agent of a device alone.",
      cause,
    });
  }
}

/** Runs one command line and gives the exit code (src/runtime/errors.ts). */
export async function run(argv: readonly string[]): Promise<number> {
  // Alone only: an option of the program is taken from every command, and some have a `--version <number>` of their own.
  if (argv.length === 3 && argv[2] === "--version") {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    // Help was written, be it asked for or shown because no command was named.
    if (error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help")) {
      return error.exitCode === 0 ? 0 : USAGE_ERROR;
    }
    const failure = error instanceof CommanderError ? usageError(error) : asSwarmkeepError(error);
    process.stderr.write(renderError(failure, program.opts<GlobalOptions>().json === true));
    if (process.env["SWARMKEEP_DEBUG"] !== undefined) process.stderr.write(`${stackOf(error)}\n`);
    return exitCode(failure);
  }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error instanceof SwarmkeepError || error.cause !== undefined ? error.cause : undefined;
  return cause === undefined ? `${error.stack}` : `${error.stack}\ncaused by ${stackOf(cause)}`;
}

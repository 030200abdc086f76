/** Processes of the built program, which never outlive the tests: a guard kills what is left however these end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { PASSPHRASE } from "./waiting.js";

export const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const GUARD = fileURLToPath(new URL("./guard.mjs", import.meta.url));

let guard: ChildProcess | undefined;

function told(line: string): void {
  if (guard === undefined) {
    guard = spawn(process.execPath, [GUARD], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    guard.unref();
    (guard.stdin as unknown as { unref(): void }).unref();
  }
  guard.stdin?.write(`${line}\n`);
}

/** Has a process killed when the tests end, if it still runs then. */
export function guarded(child: ChildProcess): void {
  watchPid(child.pid as number);
  child.once("exit", () => forgetPid(child.pid as number));
}

export function watchPid(pid: number): void {
  told(`+${pid}`);
}

export function forgetPid(pid: number): void {
  told(`-${pid}`);
}

/** A process exists, a zombie not counted among them. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the command `swarmkeep` as a user would. */
export function command(args: readonly string[], environment: Record<string, string> = {}): Command {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, SWARMKEEP_PASSPHRASE: PASSPHRASE, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  guarded(child);
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }));
  return { child, ended };
}

/** Runs a command to its end. @throws Error with what it said, unless its exit code is 0. */
export async function succeed(args: readonly string[], environment?: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await command(args, environment).ended;
  if (code === 0) return stdout.trim();
  throw new Error(`swarmkeep ${args.join(" ")} ended with ${code}: ${stderr}`);
}

/** A process whose log goes to a file. `ready` resolves with its first line on standard output, or rejects at its end. */
export function daemon(
  args: readonly string[],
  logFile: string,
  environment: Record<string, string> = {},
): { readonly child: ChildProcess; readonly ready: Promise<string>; readonly ended: Promise<NodeJS.Signals | number> } {
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, SWARMKEEP_PASSPHRASE: PASSPHRASE, ...environment },
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  guarded(child);
  const ended = once(child, "exit").then(([code, signal]) => (signal ?? code) as NodeJS.Signals | number);
  const line = new Promise<string>((resolve) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", resolve);
  });
  const ready = Promise.race([
    line,
    ended.then((how) => {
      throw new Error(`swarmkeep ${args.join(" ")} ended with ${how} before it was ready: see ${logFile}`);
    }),
  ]);
  ready.catch(() => undefined);
  return { child, ready, ended };
}

/** A long-running command as a process of its own, with its log in a file. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { readLimited } from "../../runtime/atomic-file.js";
import { SwarmkeepError } from "../../runtime/errors.js";

export interface DaemonOptions {
  readonly name: string;
  /** Of the command, after `swarmkeep`. */
  readonly words: readonly string[];
  readonly logFile: string;
  /** Code of the error that tells of its end. */
  readonly endCode: string;
}

export interface DaemonProcess {
  readonly name: string;
  readonly pid: number;
  /** The words of the command with which somebody starts it again. */
  readonly words: readonly string[];
  /** What it said when it was ready, as `--json` prints it. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves when the process ends: with undefined after `stop`, else with the reason. */
  readonly ended: Promise<SwarmkeepError | undefined>;
  /** Ends the process, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Milliseconds for an orderly end, before the process is killed. */
const PATIENCE_MILLISECONDS = 8_000;
const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

/** Starts the process and resolves once it says that it is ready. @throws SwarmkeepError of the code `endCode` */
export async function startDaemon(options: DaemonOptions): Promise<DaemonProcess> {
  const { name, words, logFile, endCode } = options;
  const log = openSync(logFile, "a", 0o600);
  // In a process group of its own: ^C at a terminal is for us, and we stop it in our order.
  const child = spawn(process.execPath, [MAIN, ...words, "--json"], { stdio: ["ignore", "pipe", log], detached: true });
  closeSync(log);
  let stopping = false;
  const ended = new Promise<SwarmkeepError | undefined>((resolve) => {
    child.once("error", (cause) => resolve(endedError(options, "cannot be started", cause)));
    child.once("exit", (code, signal) => {
      if (stopping) return resolve(undefined);
      void lastError(logFile).then((line) =>
        resolve(endedError(options, `ended with ${signal ?? `exit code ${code}`}${line}`)),
      );
    });
  });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  void ended.then(() => process.off("exit", killAtExit));

  const ready = await Promise.race([readiness(child), ended]);
  if (ready === undefined || ready instanceof SwarmkeepError)
    throw ready ?? endedError({ name, words, logFile, endCode }, "ended");
  return {
    name,
    pid: child.pid as number,
    words,
    ready,
    ended,
    async stop() {
      stopping = true;
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MILLISECONDS);
      await ended;
      clearTimeout(timer);
    },
  };
}

function readiness(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes('"ready":true')) resolve(JSON.parse(line) as Record<string, unknown>);
    });
  });
}

function endedError({ name, logFile, endCode }: DaemonOptions, how: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${name} ${how}`, {
    kind: "environment",
    code: endCode,
    advice: `Its log is ${logFile}.`,
    details: { name, logFile },
    cause,
  });
}

/** What the command itself said last, in the form of `--json`; lines of the log begin otherwise. */
async function lastError(logFile: string): Promise<string> {
  const text = await readLimited(logFile, 1 << 26).then(
    (content) => Buffer.from(content).toString("utf8"),
    () => "",
  );
  const line = text.split("\n").findLast((candidate) => candidate.startsWith('{"error":{'));
  if (line === undefined) return "";
  try {
    return `: ${(JSON.parse(line) as { error: { message: string } }).error.message}`;
  } catch {
    return "";
  }
}

/** A validator as a process of its own: `swarmkeep validator run`, with its log in a file. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { readLimited } from "../../runtime/atomic-file.js";
import { SwarmkeepError } from "../../runtime/errors.js";

export interface ValidatorProcessOptions {
  readonly name: string;
  readonly dataFolder: string;
  readonly meshFile: string;
  readonly passphraseFile: string;
  readonly logFile: string;
}

export interface ValidatorProcess {
  readonly name: string;
  readonly pid: number;
  /** The words of the command with which somebody starts it again. */
  readonly words: readonly string[];
  /** Resolves when the process ends: with undefined after `stop`, else with the reason. */
  readonly ended: Promise<SwarmkeepError | undefined>;
  /** Ends the process, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Milliseconds for an orderly end, before the process is killed. */
const PATIENCE_MILLISECONDS = 8_000;
const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

/** Starts the process and resolves once it listens. @throws SwarmkeepError `validator-ended` */
export async function startValidatorProcess(options: ValidatorProcessOptions): Promise<ValidatorProcess> {
  const { name, dataFolder, meshFile, passphraseFile, logFile } = options;
  const log = openSync(logFile, "a", 0o600);
  const words = ["validator", "run", "--data", dataFolder, "--mesh", meshFile, "--passphrase-file", passphraseFile];
  // In a process group of its own: ^C at a terminal is for us, and we stop it in our order.
  const child = spawn(process.execPath, [MAIN, ...words, "--json"], { stdio: ["ignore", "pipe", log], detached: true });
  closeSync(log);
  let stopping = false;
  const ended = new Promise<SwarmkeepError | undefined>((resolve) => {
    child.once("error", (cause) => resolve(endedError(name, "cannot be started", logFile, cause)));
    child.once("exit", (code, signal) => {
      if (stopping) return resolve(undefined);
      void lastError(logFile).then((line) =>
        resolve(endedError(name, `ended with ${signal ?? `exit code ${code}`}${line}`, logFile)),
      );
    });
  });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  void ended.then(() => process.off("exit", killAtExit));

  const failure = await Promise.race([listening(child), ended]);
  if (failure !== undefined) throw failure;
  return {
    name,
    pid: child.pid as number,
    words,
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

function listening(child: ChildProcess): Promise<undefined> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes('"ready":true')) resolve(undefined);
    });
  });
}

function endedError(name: string, how: string, logFile: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${name} ${how}`, {
    kind: "environment",
    code: "validator-ended",
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

/**
 * A chain on this machine, as a child process: anvil where it is installed, which keeps its state over restarts, else
 * Hardhat's, which forgets it. Both listen on 127.0.0.1 only, make a block a second, and have Osaka's precompiles.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import { LedgerError } from "./errors.js";

export const LOCAL_CHAIN_ID = 31337n;
/** The phrase that both nodes make their funded accounts from: known to everybody, for play money only. */
export const LOCAL_MNEMONIC = "test test test test test test test test test test test junk";

export type LocalNodeKind = "anvil" | "hardhat";

export interface LocalNodeOptions {
  /** Default: anvil where it is installed. */
  readonly kind?: LocalNodeKind;
  /** 0, the default, for any free port. */
  readonly port?: number;
  /** anvil only: where the chain is kept over restarts. */
  readonly stateFile?: string;
  /** Funded accounts, default 20. Hardhat always has 20. */
  readonly accounts?: number;
}

export interface LocalNode {
  readonly kind: LocalNodeKind;
  readonly url: string;
  readonly webSocketUrl: string;
  readonly pid: number;
  /** Resolves when the process has ended: with undefined after `stop`, else with the reason. Never rejects. */
  readonly ended: Promise<LedgerError | undefined>;
  /** Ends the process, after it has written its state, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** States of past blocks that anvil answers from: what it takes by itself for a block a second. */
const KEPT_STATES = 1_500;
/** Lines of output kept for the error message. */
const KEPT_LINES = 30;
const READY = /(?:Listening on|JSON-RPC server at (?:http:\/\/)?)\s*(?:127\.0\.0\.1):(\d+)/;

const projectFolder = findProject(dirname(fileURLToPath(import.meta.url)));

/** Which nodes can be started here. */
export function availableKinds(): readonly LocalNodeKind[] {
  const kinds: LocalNodeKind[] = [];
  if (existsSync(binary("anvil"))) kinds.push("anvil");
  if (existsSync(binary("hardhat")) && existsSync(join(projectFolder, "hardhat.config.ts"))) kinds.push("hardhat");
  return kinds;
}

/**
 * Starts a node and resolves once it answers.
 * @throws LedgerError `node-ended` if it does not come up, with its last lines.
 */
export async function startLocalNode(options: LocalNodeOptions = {}): Promise<LocalNode> {
  const kind = options.kind ?? availableKinds()[0];
  if (kind === undefined) throw new LedgerError("node-ended", "neither anvil nor hardhat is installed here");
  const child = spawn(binary(kind), argumentsOf(kind, options), {
    cwd: projectFolder,
    // Hardhat needs the Node that is installed with it.
    env: {
      ...process.env,
      PATH: `${join(projectFolder, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // Not in our process group's way: ^C at a terminal is for us, and we stop the node after that.
    detached: true,
  });
  const lines: string[] = [];
  let stopping = false;
  const ended = new Promise<LedgerError | undefined>((resolve) => {
    const end = (how: string, cause?: unknown): void =>
      resolve(stopping ? undefined : new LedgerError("node-ended", `the local ${kind} node ${how}`, { lines }, cause));
    child.once("error", (cause) => end("cannot be started", cause));
    child.once("exit", (code, signal) => {
      const taken = lines.some((line) => /address (is )?already in use|EADDRINUSE/i.test(line));
      const reason = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "no output";
      const unread = lines.some((line) => /failed to parse json file/i.test(line));
      if (unread) end(`cannot read the chain's state in ${options.stateFile}: the file is damaged`);
      else if (taken) end(`cannot listen: another program has port ${options.port} of this machine`);
      else end(signal === null ? `ended with ${code}: ${reason}` : `was ended by ${signal}`);
    });
  });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  void ended.then(() => process.off("exit", killAtExit));

  const port = await Promise.race([portOf(child, lines), ended]);
  if (typeof port !== "number") throw port ?? new LedgerError("node-ended", `the local ${kind} node was stopped`);
  return {
    kind,
    url: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    ended,
    stop: async () => {
      stopping = true;
      if (kind === "anvil") await stopMining(`http://127.0.0.1:${port}`);
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const STOP_MINING_MILLISECONDS = 2_000;

/**
 * A block that is mined while a long state is being written at the end is not in it: whoever follows the finalised chain would find another
 * one in its place afterwards, and has to stop.
 */
async function stopMining(url: string): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "evm_setIntervalMining", params: [0] });
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(STOP_MINING_MILLISECONDS);
  // One that does not answer is stopped all the same.
  await fetch(url, { method: "POST", headers, body, signal }).catch(() => undefined);
}

function argumentsOf(kind: LocalNodeKind, options: LocalNodeOptions): string[] {
  const port = String(options.port ?? 0);
  if (kind === "hardhat") return ["node", "--network", "node", "--hostname", "127.0.0.1", "--port", port];
  const fixed = ["--host", "127.0.0.1", "--hardfork", "osaka", "--block-time", "1", "--slots-in-an-epoch", "1"];
  // In memory alone: on disk, whole states of thousands of blocks are gigabytes in the user's home folder, left there by a node that
  // is killed.
  fixed.push("--prune-history", String(KEPT_STATES));
  const list = [...fixed, "--port", port, "--chain-id", String(LOCAL_CHAIN_ID), "--mnemonic", LOCAL_MNEMONIC];
  list.push("--accounts", String(options.accounts ?? 20));
  if (options.stateFile !== undefined) {
    // Without the states of past blocks, which would be a hundred times as much to write every time: what asks for the finalised
    // block right after a restart waits for two new ones.
    list.push("--state", options.stateFile, "--state-interval", "2");
  }
  return list;
}

/** Reads the output for ever, so that the node never blocks on it, and resolves with the port once it is told. */
function portOf(child: ChildProcessByStdio<null, Readable, Readable>, lines: string[]): Promise<number> {
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        const port = READY.exec(line)?.[1];
        if (port !== undefined) resolve(Number(port));
        if (line.trim() !== "") lines.push(line.trim().slice(0, 300));
        if (lines.length > KEPT_LINES) lines.shift();
      });
    }
  });
}

function binary(name: LocalNodeKind): string {
  return join(projectFolder, "node_modules", ".bin", name);
}

/** The nearest folder above with installed packages: the checkout, from `src` and from `dist` alike. */
function findProject(folder: string): string {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, "node_modules", ".bin"))) return at;
  }
  return folder;
}

/** One validator as a process: killed, frozen and restarted by its own pid. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { daemon } from "./processes.js";
import { eventually } from "./waiting.js";

/** What `/health` says. */
export interface Health {
  readonly ok: boolean;
  readonly silence: string | null;
  readonly finalisedBlock: number | null;
  readonly generation: number | null;
  readonly seat: number | null;
  readonly groupKey: string | null;
  readonly head: number | null;
  readonly headSignedByBoth: boolean;
}

export interface ValidatorPlace {
  /** From 1. */
  readonly number: number;
  readonly account: string;
  readonly folder: string;
  readonly meshFile: string;
  readonly port: number;
  readonly sidePort: number;
  readonly estPort: number;
}

export interface StartOptions {
  /** Dies there (src/runtime/failpoint.ts). */
  readonly failpoint?: string;
  /** In place of the mesh's own. */
  readonly meshFile?: string;
  readonly environment?: Record<string, string>;
}

type Process = ReturnType<typeof daemon>;

export class ValidatorProcess {
  readonly place: ValidatorPlace;
  readonly logFile: string;
  #process: Process | undefined;

  constructor(place: ValidatorPlace) {
    this.place = place;
    this.logFile = join(place.folder, "..", `validator-${place.number}.log`);
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get pid(): number {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error(`validator ${this.place.number} does not run`);
    return pid;
  }

  /** Resolves at the end of the process that runs now, with the signal that ended it or its exit code. */
  get ended(): Promise<NodeJS.Signals | number> {
    if (this.#process === undefined) throw new Error(`validator ${this.place.number} does not run`);
    return this.#process.ended;
  }

  /** Starts the process; it listens when this resolves. Where it may die before that, see `spawn`. */
  async start(options: StartOptions = {}): Promise<void> {
    await this.spawn(options).ready;
  }

  spawn({ failpoint, meshFile, environment }: StartOptions = {}): Process {
    if (this.#process !== undefined) throw new Error(`validator ${this.place.number} runs already`);
    const { folder, meshFile: own } = this.place;
    const args = ["validator", "run", "--json", "--data", folder, "--mesh", meshFile ?? own];
    const armed = failpoint === undefined ? {} : { SWARMKEEP_FAILPOINT: failpoint };
    const started = daemon(args, this.logFile, { ...environment, ...armed });
    this.#process = started;
    void started.ended.then(() => {
      if (this.#process === started) this.#process = undefined;
    });
    return started;
  }

  /** Sends a signal, and waits for the end where it is one that ends a process. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    running.child.kill(signal);
    if (signal !== "SIGSTOP" && signal !== "SIGCONT") await running.ended;
  }

  async kill(): Promise<void> {
    await this.signal("SIGKILL");
  }

  async restart(options: StartOptions = {}): Promise<void> {
    await this.kill();
    await this.start(options);
    await this.inOffice();
  }

  async health(): Promise<Health> {
    const response = await fetch(`http://127.0.0.1:${this.place.sidePort}/health`, {
      signal: AbortSignal.timeout(2_000),
    });
    return (await response.json()) as Health;
  }

  /** Waits until it holds its share and may sign. */
  inOffice(seconds = 40): Promise<Health> {
    return eventually(
      `validator ${this.place.number} is in office`,
      async () => {
        const health = await this.health();
        return health.ok && health.seat !== null ? health : undefined;
      },
      seconds,
    );
  }

  /** The last lines of its log, for the message of a failed test. */
  async lastLines(count = 15): Promise<string> {
    const text = await readFile(this.logFile, "utf8").catch(() => "");
    return text.trimEnd().split("\n").slice(-count).join("\n");
  }
}

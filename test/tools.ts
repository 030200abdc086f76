/** Tests against software that nobody here wrote: skipped, saying so, where it is not installed. */
import { execFile, spawnSync } from "node:child_process";

/** Runs `define` if `command` can be started. `what` names the tests. */
export function withTool(command: string, what: string, define: () => void): void {
  if (spawnSync(command, ["--version"]).error !== undefined) it.skip(`${what}: install ${command} to run these`);
  else define();
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without blocking the servers of this process. */
export function run(command: string, args: readonly string[], input?: string | Uint8Array): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { encoding: "utf8", timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** Tests against software that nobody here wrote: skipped, saying so, where it is not installed. */
import { spawnSync } from "node:child_process";

/** Runs `define` if `command` can be started. `what` names the tests. */
export function withTool(command: string, what: string, define: () => void): void {
  if (spawnSync(command, ["--version"]).error !== undefined) it.skip(`${what}: install ${command} to run these`);
  else define();
}

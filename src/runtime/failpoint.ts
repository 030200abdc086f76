/**
 * Named places at which a process can be made to die, to show that dying there loses nothing.
 *
 * `SWARMKEEP_FAILPOINT=journal.before-sync` kills the process with SIGKILL, as a power cut would, the first time it gets
 * there; `journal.before-sync:3` the third time. Without the variable a failpoint does nothing.
 *
 * Tests list all names by searching the source for `failpoint("...")`: always call it with a string literal.
 */

const [armed, count] = (process.env["SWARMKEEP_FAILPOINT"] ?? "").split(":");
let remaining = Math.max(1, Number.parseInt(count ?? "1", 10) || 1);

/** Dies here if the environment names this place; otherwise returns at once. */
export function failpoint(name: string): void {
  if (name !== armed) return;
  remaining--;
  if (remaining === 0) process.kill(process.pid, "SIGKILL");
}

/** A mesh on this machine, each validator a process, on a chain of its own: what `swarmkeep start` brings up, with a fleet. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Progress } from "../../src/cli/progress.js";
import { type Fleet, bringFleet } from "../../src/cli/start/fleet-story.js";
import { type LocalMesh, type Running, bringUp } from "../../src/cli/start/local-mesh.js";
import { openWorkspace } from "../../src/cli/start/workspace.js";

const VALIDATORS = 7;

const silent: Progress = {
  step: async (_, work) => (await work()).value,
  say: () => undefined,
  giveUp: () => undefined,
};

/** Runs `work` on a new mesh, and ends everything afterwards. */
export async function withLocalMesh<T>(
  work: (local: LocalMesh, fleet: Fleet) => Promise<T>,
  validators = VALIDATORS,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "swarmkeep-bench-"));
  const options = { persist: true, fresh: true, validators };
  const workspace = await openWorkspace(join(folder, "mesh"), options);
  const running: Running = { node: undefined, validators: [], closers: [], stopping: false };
  try {
    const local = await bringUp(workspace, running, silent);
    return await work(local, await bringFleet(local, silent));
  } finally {
    running.stopping = true;
    for (const close of running.closers.reverse()) await Promise.resolve(close()).catch(() => undefined);
    await Promise.all(running.validators.map((validator) => validator.stop()));
    await running.node?.stop();
    await workspace.folder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The explorer of the demonstration's mesh: `swarmkeep explorer` as a process of its own. */
import { portOrFree } from "../../net/free-ports.js";
import { SwarmkeepError } from "../../runtime/errors.js";
import type { Progress } from "../progress.js";
import { type DaemonProcess, startDaemon } from "./daemon-process.js";
import { type Running, until } from "./local-mesh.js";
import type { Workspace } from "./workspace.js";

export interface ExplorerProcess extends DaemonProcess {
  /** Where a browser finds it. */
  readonly url: string;
}

/** Where it is, unless another program is there. */
const PREFERRED_PORT = 8480;

/** Starts the explorer on the mesh that the operator founded, and waits until it shows the newest block. */
export async function startExplorerProcess(
  workspace: Workspace,
  running: Running,
  progress: Progress,
): Promise<ExplorerProcess> {
  const { folder } = workspace;
  return progress.step("explorer", async () => {
    const port = await portOrFree(PREFERRED_PORT);
    const words = ["explorer", "--mesh", folder.file("operator", "mesh.json"), "--listen", `127.0.0.1:${port}`];
    const daemon = await startDaemon({
      name: "the explorer",
      words: [...words, "--data", folder.file("explorer")],
      logFile: folder.file("logs", "explorer.log"),
      endCode: "explorer-ended",
    });
    const url = String(daemon.ready["url"]);
    const explorer = { ...daemon, url };
    running.explorer = explorer;
    await until(running, "the explorer shows the mesh", 60, () => isLive(url));
    return { detail: `the mesh in a browser, from now on: ${url}`, value: explorer };
  });
}

async function isLive(url: string): Promise<boolean> {
  try {
    const answer = (await (await fetch(`${url}/api/status`)).json()) as { status: { phase: string } };
    return answer.status.phase === "live";
  } catch (cause) {
    throw new SwarmkeepError(`the explorer at ${url} does not answer`, {
      kind: "environment",
      code: "explorer-ended",
      advice: "See its log in the data folder.",
      cause,
    });
  }
}

/** What tests ask of an explorer that runs in this process. */
import type { RunningExplorer } from "../../src/explorer/explorer.js";
import { eventually } from "../e2e/waiting.js";

/** @throws Error with the status and the answer where that is no success */
export async function getFrom<T>(explorer: RunningExplorer, path: string): Promise<T> {
  const response = await fetch(`${explorer.url}/api${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

interface Chain {
  getBlock(tag: "latest"): Promise<{ readonly number: number; readonly hash: string | null } | null>;
}

/** Waits until the newest block of the chain is indexed. */
export async function untilIndexed(explorer: RunningExplorer, chain: Chain): Promise<void> {
  await eventually("the index has the newest block", async () => {
    const newest = await chain.getBlock("latest");
    const found = await getFrom<{ hash: string }>(explorer, `/blocks/${newest?.number}`).catch(() => undefined);
    return found?.hash === newest?.hash && explorer.status().phase === "live" ? true : undefined;
  });
}

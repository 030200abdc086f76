/** A folder of its own for each test, removed afterwards. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

export async function scratchFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "swarmkeep-test-"));
  made.push(path);
  return path;
}

export async function removeScratchFolders(): Promise<void> {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
}

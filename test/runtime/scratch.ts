/** A folder of its own for each test, removed afterwards, with the journals in it closed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Journal, openJournal } from "../../src/runtime/journal.js";

const made: string[] = [];
const opened: Journal[] = [];

export async function scratchFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "swarmkeep-test-"));
  made.push(path);
  return path;
}

/** A journal that is closed with the removal of the folders, if the test has not closed it. */
export async function scratchJournal(...given: Parameters<typeof openJournal>): Promise<Journal> {
  const journal = await openJournal(...given);
  opened.push(journal);
  return journal;
}

export async function removeScratchFolders(): Promise<void> {
  for (const journal of opened.splice(0)) await journal.close();
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
}

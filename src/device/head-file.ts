/**
 * The memory of revocation heads in a file: a verifier must not be talked into an older list by taking its power away. Written
 * synchronously, since a head counts as seen only once it is on disk (`HeadMemory`).
 */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { HeadMemory, type HeadMark } from "../certificate/head-memory.js";
import { PRIVATE_FILE, readIfPresent } from "../runtime/atomic-file.js";
import { SwarmkeepError, fileError } from "../runtime/errors.js";

/** @throws SwarmkeepError `head-file-damaged`, and those of files; its `store` throws those of files as well. */
export async function openHeadMemory(path: string): Promise<HeadMemory> {
  const content = await readIfPresent(path, 4_096);
  return new HeadMemory(content === undefined ? undefined : parseMark(path, content), (mark) => storeMark(path, mark));
}

/** One process at a time writes the file: the holder of the data folder. */
function storeMark(path: string, { number, issued }: HeadMark): void {
  const temporary = `${path}.new`;
  try {
    const file = openSync(temporary, "w", PRIVATE_FILE);
    try {
      writeSync(file, `${JSON.stringify({ number, issued })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    const folder = openSync(dirname(path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

function parseMark(path: string, content: Uint8Array): HeadMark {
  try {
    const { number, issued } = JSON.parse(new TextDecoder().decode(content)) as HeadMark;
    if (Number.isSafeInteger(number) && Number.isSafeInteger(issued)) return { number, issued };
  } catch {
    // Falls through to the one error for both.
  }
  throw new SwarmkeepError(`${path} is not a memory of revocation heads`, {
    kind: "environment",
    code: "head-file-damaged",
    advice: "Restore it; where that cannot be, remove it, and expect that an older list might be shown once.",
    details: { path },
  });
}

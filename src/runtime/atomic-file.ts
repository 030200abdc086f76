/**
 * Files that hold either their old content or their new content, whatever happens in between: the new content is
 * written beside the file, forced to the disk, and renamed over it. Every error is a `SwarmkeepError` with a code of
 * `errors.ts` (`file-missing`, `file-forbidden`, `disk-full`, ...).
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { SwarmkeepError, fileError, systemCode } from "./errors.js";
import { failpoint } from "./failpoint.js";

/** Read and write for the owner alone. */
export const PRIVATE_FILE = 0o600;
/** Readable by everybody: for what is signed, or meant to be handed on. */
export const PUBLIC_FILE = 0o644;
export const PRIVATE_FOLDER = 0o700;
export const PUBLIC_FOLDER = 0o755;

/**
 * Makes a folder and those that it lies in, as `mkdir -p` does; one that is there is left as it is. The recursive form of Node is not
 * used: it goes on for ever where a file system says of a folder's parent that it does not exist and of the parent that it does,
 * as /proc does (seen with Node 20 and 22).
 * @returns the outermost folder that was made, if any
 * @throws SwarmkeepError
 */
export async function makeFolder(path: string, mode = PRIVATE_FOLDER): Promise<string | undefined> {
  try {
    return await madeFolder(path, mode);
  } catch (error) {
    throw fileError(path, error);
  }
}

async function madeFolder(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    const isFolder = (of: string): Promise<boolean> =>
      stat(of).then(
        (found) => found.isDirectory(),
        () => false,
      );
    if (systemCode(error) === "EEXIST") {
      if (await isFolder(path)) return undefined;
      throw new SwarmkeepError(`${path} is a file, and no folder`, {
        kind: "environment",
        code: "not-a-folder",
        advice: "Name another path.",
        details: { path },
        cause: error,
      });
    }
    const parent = dirname(path);
    if (systemCode(error) !== "ENOENT" || parent === path || (await isFolder(parent))) throw error;
    const first = await madeFolder(parent, mode);
    return (await madeFolder(path, mode)) === undefined ? first : (first ?? path);
  }
}

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** Replaces `path` by `content`. When this returns, the content survives a power cut. @throws SwarmkeepError */
export async function writeAtomically(path: string, content: Uint8Array | string, mode = PRIVATE_FILE): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  let renamed = false;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      failpoint("atomic-file.before-write");
      await handle.writeFile(content);
      await handle.sync();
      failpoint("atomic-file.after-write");
    } finally {
      await handle.close();
    }
    failpoint("atomic-file.before-rename");
    await rename(temporary, path);
    renamed = true;
    failpoint("atomic-file.after-rename");
    await syncFolder(dirname(path));
    failpoint("atomic-file.after-sync");
  } catch (error) {
    throw fileError(path, error);
  } finally {
    // The first error counts; what is left behind is swept when the data folder is opened the next time.
    if (!renamed) await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/**
 * As `writeAtomically`, and then overwrites what the file held before: for secrets that are to be gone when their file is.
 * The limits of `eraseFile` hold here too; a crash in between leaves the old content in blocks that are free.
 */
export async function replaceErasing(path: string, content: Uint8Array): Promise<void> {
  const old = await open(path, "r+").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw fileError(path, error);
  });
  try {
    await writeAtomically(path, content);
    if (old !== undefined) await overwrite(old);
  } finally {
    await old?.close();
  }
}

async function overwrite(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  await handle.write(new Uint8Array(size), 0, size, 0);
  await handle.sync();
}

/** @throws SwarmkeepError, `file-too-large` where the file has more than `maximumBytes`. */
export async function readLimited(path: string, maximumBytes = 1 << 20): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    if (size > maximumBytes) {
      throw new SwarmkeepError(`${path} has ${size} bytes where at most ${maximumBytes} make sense`, {
        kind: "environment",
        code: "file-too-large",
        advice: "Check that the path names the right file.",
        details: { path, size, maximumBytes },
      });
    }
    return await handle.readFile();
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await handle?.close();
  }
}

/** As `readLimited`, but `undefined` where there is no such file. */
export async function readIfPresent(path: string, maximumBytes?: number): Promise<Uint8Array | undefined> {
  try {
    return await readLimited(path, maximumBytes);
  } catch (error) {
    if (error instanceof SwarmkeepError && error.code === "file-missing") return undefined;
    throw error;
  }
}

/**
 * Overwrites `path` with zeros and removes it; a missing file is fine. File systems that copy on write, and the spare
 * blocks of flash, may keep the old content: only sealed files should ever hold a secret.
 */
export async function eraseFile(path: string): Promise<void> {
  try {
    const handle = await open(path, "r+");
    try {
      failpoint("atomic-file.before-erase");
      await overwrite(handle);
      failpoint("atomic-file.after-erase");
    } finally {
      await handle.close();
    }
    await rm(path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw fileError(path, error);
  }
}

/** Makes renames and removals in `folder` survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what writers that were killed left beside the files of `folder` and below. */
export async function sweepTemporaries(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && TEMPORARY.test(entry.name)) await rm(join(entry.parentPath, entry.name), { force: true });
  }
}

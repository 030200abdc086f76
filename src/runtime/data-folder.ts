/**
 * The folder in which a long-running process keeps everything that must outlive it. One process uses it at a time;
 * `folder.json` says which role it belongs to and in which format it is. Nothing in it is ever deleted as a whole: a
 * folder that shall make room is set aside under another name.
 */
import { access, chmod, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import {
  PRIVATE_FOLDER,
  makeFolder,
  readIfPresent,
  sweepTemporaries,
  syncFolder,
  writeAtomically,
} from "./atomic-file.js";
import { SwarmkeepError, fileError, systemCode } from "./errors.js";
import { takeLock } from "./lock.js";

/** Raised when a newer program writes what an older one cannot read. */
const FORMAT = 1;

export interface DataFolder {
  readonly path: string;
  /** The path of a file or folder inside. */
  file(...names: string[]): string;
  /** Makes a folder inside, if it is not there yet. */
  folder(...names: string[]): Promise<string>;
  /** Lets another process use the folder. */
  close(): Promise<void>;
  /** Closes the folder and renames it to `<path>.<time>`, which is returned. */
  setAside(): Promise<string>;
}

/**
 * Opens a data folder, and makes it where it does not exist.
 * @param role who the folder belongs to, such as `validator`; a folder of another role is refused.
 * @throws SwarmkeepError `folder-locked`, `folder-newer`, `folder-role`, `folder-damaged`, and those of files.
 */
export async function openDataFolder(path: string, role: string): Promise<DataFolder> {
  const root = resolve(path);
  await makeLastingFolder(root);
  const lock = await takeLock(root);
  try {
    await chmod(root, PRIVATE_FOLDER);
    await sweepTemporaries(root);
    await checkVersion(root, role);
  } catch (error) {
    await lock.release();
    throw fileError(root, error);
  }
  const file = (...names: string[]): string => join(root, ...names);
  return {
    path: root,
    file,
    async folder(...names) {
      await makeLastingFolder(file(...names));
      return file(...names);
    },
    close: () => lock.release(),
    async setAside() {
      await lock.release();
      return setAside(root);
    },
  };
}

/** Whether there is a data folder at `path`, whoever uses it. */
export async function hasDataFolder(path: string): Promise<boolean> {
  return access(join(path, "folder.json")).then(
    () => true,
    () => false,
  );
}

/** Renames a folder that nobody uses to `<path>.<time>`, so that its place is free and its content kept. */
export async function setAside(path: string, now: Date = new Date()): Promise<string> {
  const root = resolve(path);
  const stamp = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  try {
    for (let attempt = 0; ; attempt++) {
      const target = attempt === 0 ? `${root}.${stamp}` : `${root}.${stamp}.${attempt}`;
      try {
        // Fails where the target is a folder with anything in it, which is what is wanted.
        await rename(root, target);
        await syncFolder(dirname(root));
        return target;
      } catch (error) {
        if (!["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(systemCode(error) ?? "")) throw error;
      }
    }
  } catch (error) {
    throw fileError(root, error);
  }
}

/** A folder that a power cut does not undo. */
async function makeLastingFolder(path: string): Promise<void> {
  const first = await makeFolder(path);
  if (first === undefined) return;
  await syncFolder(dirname(first)).catch((error: unknown) => {
    throw fileError(path, error);
  });
}

async function checkVersion(root: string, role: string): Promise<void> {
  const path = join(root, "folder.json");
  const content = await readIfPresent(path, 4096);
  if (content === undefined) {
    await writeAtomically(path, `${JSON.stringify({ format: FORMAT, role })}\n`);
    return;
  }
  const found = parse(content);
  if (found === undefined) {
    throw new SwarmkeepError(`${path} is not what this program writes`, {
      kind: "environment",
      code: "folder-damaged",
      advice: "Restore the file from a backup, or choose another data folder.",
      details: { path },
    });
  }
  if (found.format > FORMAT) {
    throw new SwarmkeepError(`${root} has format ${found.format} and this program knows up to ${FORMAT}`, {
      kind: "environment",
      code: "folder-newer",
      advice: "Run the newer version of the program that wrote it.",
      details: { root, format: found.format },
    });
  }
  if (found.role !== role) {
    throw new SwarmkeepError(`${root} is a data folder for the role ${found.role}, not ${role}`, {
      kind: "usage",
      code: "folder-role",
      advice: "Choose another data folder.",
      details: { root, role: found.role, wanted: role },
    });
  }
}

function parse(content: Uint8Array): { format: number; role: string } | undefined {
  try {
    const { format, role } = JSON.parse(Buffer.from(content).toString("utf8")) as Record<string, unknown>;
    return typeof format === "number" && format >= 1 && typeof role === "string" ? { format, role } : undefined;
  } catch {
    return undefined;
  }
}

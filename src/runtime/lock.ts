/**
 * One process per folder. The lock file names its holder by process id, start time and boot, so that the file of a
 * process that was killed is known to be stale even where its process id was given to another one since.
 *
 * Files are numbered (`lock.1`, `lock.2`, ...): the highest number counts, and is never removed. Taking a lock is making
 * the next number, which only one process can do, and then seeing that no higher one exists; so two processes that find
 * the same stale lock cannot both take it over. The folder must not be shared between machines.
 */
import { randomBytes } from "node:crypto";
import { link, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { PRIVATE_FILE, writeAtomically } from "./atomic-file.js";
import { SwarmkeepError, fileError, systemCode } from "./errors.js";

interface Holder {
  /** 0 once released. */
  readonly pid: number;
  /** Clock ticks between boot and the start of the process, and the boot's identifier; empty where unknown. */
  readonly started: string;
  readonly boot: string;
}

export interface Lock {
  release(): Promise<void>;
}

/** @throws SwarmkeepError `folder-locked`, whose `details.pid` is the holder's. */
export async function takeLock(folder: string): Promise<Lock> {
  try {
    const holder = await describe(process.pid);
    for (;;) {
      const newest = await newestLock(folder);
      if (newest !== 0) await expectFree(folder, newest);
      const own = newest + 1;
      if (!(await claim(folder, own, holder))) continue;
      if ((await newestLock(folder)) !== own) {
        await rm(lockPath(folder, own), { force: true });
        continue;
      }
      await removeBelow(folder, own);
      return { release: () => writeAtomically(lockPath(folder, own), JSON.stringify({ ...holder, pid: 0 })) };
    }
  } catch (error) {
    throw fileError(folder, error);
  }
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`);
}

async function lockNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.filter((name) => /^lock\.[1-9][0-9]{0,14}$/.test(name)).map((name) => Number(name.slice(5)));
}

async function newestLock(folder: string): Promise<number> {
  return Math.max(0, ...(await lockNumbers(folder)));
}

async function removeBelow(folder: string, number: number): Promise<void> {
  for (const old of await lockNumbers(folder)) {
    if (old < number) await rm(lockPath(folder, old), { force: true });
  }
}

/** Makes a lock file with all of its content at once. False where the number is taken. */
async function claim(folder: string, number: number, holder: Holder): Promise<boolean> {
  const temporary = join(folder, `.lock.${randomBytes(6).toString("hex")}.tmp`);
  await writeFile(temporary, JSON.stringify(holder), { mode: PRIVATE_FILE, flag: "wx" });
  try {
    await link(temporary, lockPath(folder, number));
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function expectFree(folder: string, number: number): Promise<void> {
  let text: string;
  try {
    text = await readFile(lockPath(folder, number), "utf8");
  } catch (error) {
    // Its holder was taken over from in this very moment: the next look finds the new number.
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  const holder = parse(text);
  if (holder === undefined || holder.pid === 0) return;
  const alive = await describe(holder.pid).catch(() => undefined);
  if (alive === undefined || alive.started !== holder.started || alive.boot !== holder.boot) return;
  throw new SwarmkeepError(`${folder} is in use by process ${holder.pid}`, {
    kind: "environment",
    code: "folder-locked",
    advice: `Stop process ${holder.pid} first, or choose another data folder.`,
    details: { folder, pid: holder.pid },
  });
}

/** A lock file that a power cut left without its content belongs to nobody. */
function parse(text: string): Holder | undefined {
  try {
    const { pid, started, boot } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || typeof started !== "string" || typeof boot !== "string") return undefined;
    return { pid: pid as number, started, boot };
  } catch {
    return undefined;
  }
}

/** Rejects where no such process runs. */
async function describe(pid: number): Promise<Holder> {
  if (process.platform !== "linux") {
    process.kill(pid, 0);
    return { pid, started: "", boot: "" };
  }
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile("/proc/sys/kernel/random/boot_id", "utf8"),
  ]);
  // The name in parentheses may hold anything: what follows it is the state (field 3); the start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") throw new Error(`process ${pid} has ended`);
  return { pid, started: fields[19] ?? "", boot: boot.trim() };
}

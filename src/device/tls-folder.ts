/**
 * A folder in which other programs find what they need for TLS, kept fresh (`swarmkeep device run`): each file is replaced as a
 * whole, and a hook is run at the start and after a change, so that a server reloads.
 *
 * ```
 * tls.key      private key of the certificate, PKCS#8 PEM, for the owner alone
 * tls.crt      the device's certificate with the chain above it
 * ca.crt       the mesh's own certificate: whom to trust
 * crl.pem      the newest revocation list
 * ```
 */
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";

import {
  PRIVATE_FILE,
  PUBLIC_FILE,
  PUBLIC_FOLDER,
  makeFolder,
  readIfPresent,
  writeAtomically,
} from "../runtime/atomic-file.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { Agent } from "./agent.js";
import type { SealedKeystore } from "./keystore.js";
import { tlsMaterial } from "./tls.js";

/** Modes of the files, in the order in which they are written: a new key before the certificate for it. */
const MODES = {
  "tls.key": PRIVATE_FILE,
  "ca.crt": PUBLIC_FILE,
  "tls.crt": PUBLIC_FILE,
  "crl.pem": PUBLIC_FILE,
} as const;
export type TlsFileName = keyof typeof MODES;

const HOOK_MILLISECONDS = 60_000;

export interface TlsFolderOptions {
  readonly agent: Agent;
  readonly keystore: Pick<SealedKeystore, "privateKey">;
  readonly folder: string;
  /** A command for the shell; it finds the folder in SWARMKEEP_FOLDER and the names of new files, if any, in SWARMKEEP_CHANGED. */
  readonly hook?: string | undefined;
  /** Seconds between looks for a newer revocation list; the certificate has its own time. */
  readonly intervalSeconds: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly onEvent?: (event: TlsFolderEvent) => void;
}

export type TlsFolderEvent =
  | { readonly event: "written"; readonly files: readonly TlsFileName[] }
  | { readonly event: "failed"; readonly error: unknown };

/** Writes what has changed. @returns the names. @throws as `tlsMaterial`, and those of files */
export async function writeTlsFolder(options: TlsFolderOptions, signal?: AbortSignal): Promise<TlsFileName[]> {
  const { agent, keystore, folder } = options;
  const { key, chain, ca, crl } = await tlsMaterial(agent, keystore, signal);
  const contents: Readonly<Record<TlsFileName, string>> = {
    "tls.key": key.export({ format: "pem", type: "pkcs8" }) as string,
    "ca.crt": ca,
    "tls.crt": chain,
    "crl.pem": crl,
  };
  await makeFolder(folder, PUBLIC_FOLDER);
  const changed: TlsFileName[] = [];
  for (const [name, mode] of Object.entries(MODES) as [TlsFileName, number][]) {
    const path = join(folder, name);
    const known = await readIfPresent(path, 1 << 27);
    if (known !== undefined && Buffer.from(known).toString("utf8") === contents[name]) continue;
    await writeAtomically(path, contents[name], mode);
    changed.push(name);
  }
  return changed;
}

/**
 * Keeps the folder fresh until `signal` is aborted. The hook is run after a change and once at the start, since a change may have been
 * written by a process that was killed before its hook. One that fails is told of, and run again with every look until it succeeds.
 */
export async function keepTlsFolder(options: TlsFolderOptions, signal: AbortSignal): Promise<void> {
  const { hook, folder, intervalSeconds, clock = systemClock, random = Math.random } = options;
  const { onEvent = () => undefined } = options;
  let isTold = false;
  const untold = new Set<TlsFileName>();
  while (!signal.aborted) {
    try {
      const files = await writeTlsFolder(options, signal);
      if (files.length > 0) onEvent({ event: "written", files });
      for (const name of files) untold.add(name);
      if (hook !== undefined && (!isTold || untold.size > 0)) {
        await runHook(hook, folder, [...untold], signal);
        isTold = true;
        untold.clear();
      }
    } catch (error) {
      if (signal.aborted) return;
      onEvent({ event: "failed", error });
    }
    // With jitter, so that a fleet does not ask as one.
    await clock.sleep(1000 * intervalSeconds * (0.75 + random() / 2), signal).catch(() => undefined);
  }
}

/** @throws SwarmkeepError `hook-failed` */
export function runHook(
  hook: string,
  folder: string,
  files: readonly TlsFileName[],
  signal: AbortSignal,
): Promise<void> {
  // Not our own settings: the passphrase among them is nothing for a hook.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SWARMKEEP_"));
  const env = {
    ...Object.fromEntries(inherited),
    SWARMKEEP_FOLDER: resolve(folder),
    SWARMKEEP_CHANGED: files.join(" "),
  };
  return new Promise((succeed, reject) => {
    execFile("/bin/sh", ["-c", hook], { env, signal, timeout: HOOK_MILLISECONDS }, (error, _stdout, stderr) => {
      if (error === null) return succeed();
      const why = stderr.trim().split("\n").at(-1) ?? "";
      reject(
        new SwarmkeepError(`the hook ended with ${String(error.code ?? error.signal)}${why === "" ? "" : `: ${why}`}`, {
          kind: "environment",
          code: "hook-failed",
          advice: "Try the command by hand. As long as `device run` goes on, it is run again with each look.",
          cause: error,
        }),
      );
    });
  });
}

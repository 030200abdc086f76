/**
 * The passphrase under which a process seals its secrets, from a file or from the environment. Never from the command
 * line: every user of the machine can read that.
 */
import { stat } from "node:fs/promises";

import { readLimited } from "./atomic-file.js";
import { SwarmkeepError, fileError } from "./errors.js";

export const PASSPHRASE_VARIABLE = "SWARMKEEP_PASSPHRASE";
export const PASSPHRASE_FILE_VARIABLE = "SWARMKEEP_PASSPHRASE_FILE";

export interface PassphraseSources {
  /** A file given by the caller, such as a command's option. */
  readonly file?: string | undefined;
  /** Where the two variables are looked up; `process.env` if not given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * The file given by the caller, else that named by SWARMKEEP_PASSPHRASE_FILE, else SWARMKEEP_PASSPHRASE itself.
 * One newline at the end of a file is not part of the passphrase.
 * @throws SwarmkeepError `passphrase-missing`, `passphrase-empty`, `passphrase-exposed`, and those of files.
 */
export async function readPassphrase(sources: PassphraseSources = {}): Promise<string> {
  const environment = sources.environment ?? process.env;
  // A variable that is set to nothing is how a shell or a unit file unsets it.
  const file = sources.file ?? (environment[PASSPHRASE_FILE_VARIABLE] || undefined);
  const passphrase = file === undefined ? environment[PASSPHRASE_VARIABLE] : await fromFile(file);
  if (passphrase === undefined) {
    throw new SwarmkeepError("no passphrase was given", {
      kind: "usage",
      code: "passphrase-missing",
      advice: `Set ${PASSPHRASE_FILE_VARIABLE} to the path of a file that only you can read, or ${PASSPHRASE_VARIABLE} to the passphrase.`,
    });
  }
  if (passphrase === "") {
    throw new SwarmkeepError("the passphrase is empty", {
      kind: "usage",
      code: "passphrase-empty",
      advice: "Give one with at least one character; long random ones are best.",
      details: { file },
    });
  }
  return passphrase;
}

async function fromFile(path: string): Promise<string> {
  const { mode } = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new SwarmkeepError(`${path} can be read or changed by other users (mode ${(mode & 0o777).toString(8)})`, {
      kind: "environment",
      code: "passphrase-exposed",
      advice: `Run: chmod 600 ${path}`,
      details: { path, mode: mode & 0o777 },
    });
  }
  return Buffer.from(await readLimited(path, 4096))
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

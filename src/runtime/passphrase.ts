/**
 * The passphrase under which a process seals its secrets, and the PIN of a token, from a file or from the environment. Never from the
 * command line: every user of the machine can read that.
 */
import { stat } from "node:fs/promises";

import { readLimited } from "./atomic-file.js";
import { SwarmkeepError, fileError } from "./errors.js";

export const PASSPHRASE_VARIABLE = "SWARMKEEP_PASSPHRASE";
export const PASSPHRASE_FILE_VARIABLE = "SWARMKEEP_PASSPHRASE_FILE";
export const PIN_VARIABLE = "SWARMKEEP_PIN";
export const PIN_FILE_VARIABLE = "SWARMKEEP_PIN_FILE";

export interface PassphraseSources {
  /** A file given by the caller, such as a command's option. */
  readonly file?: string | undefined;
  /** Where the variables are looked up; `process.env` if not given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

interface Secret {
  readonly name: string;
  /** In front of the errors' codes. */
  readonly code: string;
  readonly variable: string;
  readonly fileVariable: string;
}

const PASSPHRASE: Secret = {
  name: "passphrase",
  code: "passphrase",
  variable: PASSPHRASE_VARIABLE,
  fileVariable: PASSPHRASE_FILE_VARIABLE,
};
const PIN: Secret = { name: "PIN", code: "pin", variable: PIN_VARIABLE, fileVariable: PIN_FILE_VARIABLE };

/**
 * The file given by the caller, else that named by SWARMKEEP_PASSPHRASE_FILE, else SWARMKEEP_PASSPHRASE itself.
 * One newline at the end of a file is not part of the passphrase.
 * @throws SwarmkeepError `passphrase-missing`, `passphrase-empty`, `passphrase-exposed`, and those of files.
 */
export function readPassphrase(sources: PassphraseSources = {}): Promise<string> {
  return readSecret(PASSPHRASE, sources);
}

/**
 * The PIN of a token, from SWARMKEEP_PIN_FILE or SWARMKEEP_PIN, as a passphrase is.
 * @throws SwarmkeepError `pin-missing`, `pin-empty`, `pin-exposed`, and those of files.
 */
export function readPin(sources: PassphraseSources = {}): Promise<string> {
  return readSecret(PIN, sources);
}

async function readSecret(
  { name, code, variable, fileVariable }: Secret,
  { file: given, environment = process.env }: PassphraseSources,
): Promise<string> {
  // A variable that is set to nothing is how a shell or a unit file unsets it.
  const file = given ?? (environment[fileVariable] || undefined);
  const secret = file === undefined ? environment[variable] : await fromFile(file, code);
  if (secret === undefined) {
    throw new SwarmkeepError(`no ${name} was given`, {
      kind: "usage",
      code: `${code}-missing`,
      advice: `Set ${fileVariable} to the path of a file that only you can read, or ${variable} to the ${name}.`,
    });
  }
  if (secret === "") {
    throw new SwarmkeepError(`the ${name} is empty`, {
      kind: "usage",
      code: `${code}-empty`,
      advice: "Give one with at least one character; long random ones are best.",
      details: { file },
    });
  }
  return secret;
}

async function fromFile(path: string, code: string): Promise<string> {
  const { mode } = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new SwarmkeepError(`${path} can be read or changed by other users (mode ${(mode & 0o777).toString(8)})`, {
      kind: "environment",
      code: `${code}-exposed`,
      advice: `Run: chmod 600 ${path}`,
      details: { path, mode: mode & 0o777 },
    });
  }
  return Buffer.from(await readLimited(path, 4096))
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

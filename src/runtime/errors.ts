/** Errors of the machine underneath, and the exit code of a process that ends with one. */
import { type ErrorKind, SwarmkeepError } from "../statements/errors.js";

export { type ErrorKind, type ErrorOptions, SwarmkeepError } from "../statements/errors.js";

/** 1 is what an uncaught error of Node gives as well; 0 is success. */
const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  internal: 1,
  usage: 2,
  environment: 3,
  refused: 4,
  network: 5,
};

/** The exit code of a process that ends with `error`: 1 internal, 2 usage, 3 environment, 4 refused, 5 network. */
export function exitCode(error: unknown): number {
  return error instanceof SwarmkeepError ? EXIT_CODES[error.kind] : EXIT_CODES.internal;
}

/** The `code` of an error of Node (`ENOENT`, `ECONNREFUSED`, ...), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const FILE_ERRORS: ReadonlyMap<string, { code: string; problem: string; advice: string }> = new Map([
  ["ENOENT", { code: "file-missing", problem: "does not exist", advice: "Check the path, or restore the file." }],
  [
    "EACCES",
    {
      code: "file-forbidden",
      problem: "may not be accessed by this user",
      advice: "Run as the user that owns the file, or give that user access.",
    },
  ],
  [
    "EPERM",
    {
      code: "file-forbidden",
      problem: "may not be changed by this user",
      advice: "Run as the user that owns the file, or lift its immutable flag.",
    },
  ],
  [
    "EROFS",
    {
      code: "file-forbidden",
      problem: "is on a read-only file system",
      advice: "Remount the file system for writing, or choose another folder.",
    },
  ],
  [
    "ENOSPC",
    {
      code: "disk-full",
      problem: "cannot be written: the disk is full",
      advice: "Free some space; nothing that was stored before is lost.",
    },
  ],
  [
    "EDQUOT",
    {
      code: "disk-full",
      problem: "cannot be written: the user's disk quota is used up",
      advice: "Free some space or raise the quota; nothing that was stored before is lost.",
    },
  ],
  ["EISDIR", { code: "not-a-file", problem: "is a folder, not a file", advice: "Name a file in it." }],
  [
    "ENOTDIR",
    {
      code: "not-a-folder",
      problem: "goes through a file as if that were a folder",
      advice: "Check the path.",
    },
  ],
  [
    "EMFILE",
    {
      code: "too-many-files",
      problem: "cannot be opened: this process has too many files open",
      advice: "Raise the limit of open files (ulimit -n).",
    },
  ],
]);

/** A failed file operation as a typed error; what is typed already stays as it is. */
export function fileError(path: string, cause: unknown): SwarmkeepError {
  if (cause instanceof SwarmkeepError) return cause;
  const known = FILE_ERRORS.get(systemCode(cause) ?? "");
  const problem = known?.problem ?? `cannot be used (${cause instanceof Error ? cause.message : String(cause)})`;
  return new SwarmkeepError(`${path} ${problem}`, {
    kind: "environment",
    code: known?.code ?? "file-error",
    advice: known?.advice ?? "Check the disk and the system log.",
    details: { path, system: systemCode(cause) },
    cause,
  });
}

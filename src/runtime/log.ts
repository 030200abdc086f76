/** Logs: one JSON object a line (pino), to standard error, so that standard output stays a command's own. */
import { type DestinationStream, type Logger, destination, pino } from "pino";

import { SwarmkeepError } from "./errors.js";

export type { Logger } from "pino";

export const LOG_LEVEL_VARIABLE = "SWARMKEEP_LOG";
const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** Fields that must never be written, whoever logs the object that has them. */
const SECRET_FIELD =
  /^(.*_)?(secret|secret_?key|private_?key|passphrase|password|psk|pre_?shared_?key|share|mnemonic|seed|nonces?|ikm|kek)s?$/i;
const MAXIMUM_DEPTH = 6;

export interface LogOptions {
  /** What is logging: a role. */
  readonly name: string;
  /** If not given: that in SWARMKEEP_LOG, or `info`. */
  readonly level?: string;
  readonly destination?: DestinationStream;
}

export function createLogger({ name, level, destination: target }: LogOptions): Logger {
  const wanted = level ?? process.env[LOG_LEVEL_VARIABLE] ?? "info";
  if (!LEVELS.includes(wanted)) {
    throw new SwarmkeepError(`${JSON.stringify(wanted)} is no log level`, {
      kind: "usage",
      code: "log-level",
      advice: `Set ${LOG_LEVEL_VARIABLE} to one of ${LEVELS.join(", ")}.`,
      details: { level: wanted },
    });
  }
  return pino(
    {
      name,
      level: wanted,
      base: { name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => printable(fields, 0) as Record<string, unknown>,
      },
    },
    target ?? destination(2),
  );
}

/** Nothing is logged. For tests, and for libraries whose caller wants silence. */
export const silentLogger: Logger = pino({ level: "silent" });

/** `value` without secrets, and with everything in it as JSON has it: integers of any size, bytes, errors. */
function printable(value: unknown, depth: number, isCauseOfTold = false): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array)
    return value.length <= 64 ? Buffer.from(value).toString("hex") : `${value.length} bytes`;
  if (value instanceof Error) return printableError(value, depth, isCauseOfTold);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth === MAXIMUM_DEPTH) return "...";
  if (Array.isArray(value)) return value.map((item) => printable(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecret(key) ? "[secret]" : printable(item, depth + 1)]),
  );
}

function isSecret(key: string): boolean {
  return SECRET_FIELD.test(key.replace(/([a-z])([A-Z])/g, "$1_$2"));
}

/** @param isCauseOfTold whether it is the cause of an error that tells the reader what to do. */
function printableError(error: Error, depth: number, isCauseOfTold: boolean): unknown {
  if (depth === MAXIMUM_DEPTH) return error.message;
  const { name, message, stack, cause, ...fields } = error;
  // The place in the code helps with faults of the program; where the reader is told what to do, none is needed.
  const isTold = isCauseOfTold || (error instanceof SwarmkeepError && error.kind !== "internal");
  const rest = depth + 1 === MAXIMUM_DEPTH ? {} : (printable(fields, depth + 1) as object);
  return {
    type: name,
    message,
    ...rest,
    ...(isTold ? {} : { stack }),
    ...(cause === undefined ? {} : { cause: printable(cause, depth + 1, isTold) }),
  };
}

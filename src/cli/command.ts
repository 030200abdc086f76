/** What all commands share: global options, input from files, output for people and for programs, and errors. */
import { homedir } from "node:os";
import { join } from "node:path";

import type { Command, CommanderError } from "commander";

import { Refusal } from "../certificate/refusal.js";
import { readLimited } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readPassphrase } from "../runtime/passphrase.js";
import { parseEther } from "../statements/ether.js";

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly passphraseFile?: string;
}

/** A value as `--json` prints it: bytes as lower-case hexadecimal, big integers as decimal text. */
export type Printable =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly Printable[]
  | { readonly [key: string]: Printable };

/** The surroundings of one command. */
export interface CommandContext {
  readonly globals: GlobalOptions;
  /** The data folder of a role: `--data`, else SWARMKEEP_DATA, else `~/.swarmkeep/<role>`. */
  dataFolder(role: string): string;
  /** @throws SwarmkeepError `passphrase-missing` and others of src/runtime/passphrase.ts */
  passphrase(): Promise<string>;
  /** Another command on the same data folder, as whoever called this one would write it. */
  next(words: string): string;
  /** The result: `value` as JSON with `--json`, `text` (by default every field on a line) otherwise. */
  print(value: Printable, text?: string): void;
}

/**
 * An action for commander: it gets the context, the command's own options, then its arguments.
 * `command.argument("<file>").action(action<Options>(async (context, options, file) => { ... }))`
 */
export function action<Options>(
  work: (context: CommandContext, options: Options, ...operands: string[]) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const operands = given.slice(0, -2) as string[];
    await work(contextOf(command.optsWithGlobals<GlobalOptions>()), command.opts() as Options, ...operands);
  };
}

export function contextOf(globals: GlobalOptions): CommandContext {
  return {
    globals,
    dataFolder: (role) => globals.data ?? process.env["SWARMKEEP_DATA"] ?? join(homedir(), ".swarmkeep", role),
    passphrase: () => readPassphrase({ file: globals.passphraseFile }),
    next(words) {
      const { data, passphraseFile } = globals;
      const given = [data && ["--data", data], passphraseFile && ["--passphrase-file", passphraseFile]];
      return ["swarmkeep", words, ...given.flatMap((one) => one || [])].join(" ");
    },
    print(value, text = describe(value)) {
      process.stdout.write(globals.json === true ? `${toJson(value)}\n` : `${text}\n`);
    },
  };
}

/** One line of JSON. */
export function toJson(value: Printable): string {
  // As it is in its object: a Buffer makes an object of itself before `converted` sees it.
  return JSON.stringify(value, function (this: Record<string, unknown>, name, converted: unknown) {
    const field = this[name];
    if (field instanceof Uint8Array) return Buffer.from(field).toString("hex");
    return typeof field === "bigint" ? field.toString() : converted;
  });
}

/** `name  value` on a line per field, fields of fields indented. */
export function describe(value: Printable, indent = ""): string {
  if (value === null || value === undefined) return `${indent}none`;
  if (typeof value !== "object") return `${indent}${value}`;
  if (value instanceof Uint8Array) return `${indent}${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map((item: Printable) => describe(item, indent)).join("\n");
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields
    .map(([name, field]) => {
      const isNested = typeof field === "object" && field !== null && !(field instanceof Uint8Array);
      return isNested
        ? `${indent}${name}\n${describe(field, `${indent}  `)}`
        : `${indent}${name.padEnd(width)}  ${describe(field)}`;
    })
    .join("\n");
}

/** Every error as one that a person can act on. */
export function asSwarmkeepError(error: unknown): SwarmkeepError {
  if (error instanceof SwarmkeepError) return error;
  if (error instanceof Refusal) {
    return new SwarmkeepError(error.message, {
      kind: "refused",
      code: error.code,
      advice: "What was shown is not to be believed; docs/protocol.md says what each code means.",
      details: error.field === undefined ? {} : { field: error.field },
      cause: error,
    });
  }
  return new SwarmkeepError(error instanceof Error ? error.message : String(error), {
    kind: "internal",
    code: "internal",
    advice: "Run it again with SWARMKEEP_DEBUG=1 and report what it prints.",
    cause: error,
  });
}

/** `error: what happened.` and on a second line what to do; with `json` an object on one line. Never a stack. */
export function renderError(error: SwarmkeepError, json: boolean): string {
  const { code, kind, message, advice, details } = error;
  if (json) return `${toJson({ error: { code, kind, message, advice, details: details as Printable } })}\n`;
  return `error: ${message} (${code})\n  ${advice}\n`;
}

/** A file's bytes; `-` is the standard input. @throws SwarmkeepError those of files */
export async function readInput(path: string, maximumBytes = 1 << 20): Promise<Uint8Array> {
  if (path !== "-") return readLimited(path, maximumBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maximumBytes) {
      throw new SwarmkeepError(`the standard input has more than the ${maximumBytes} bytes that make sense`, {
        kind: "usage",
        code: "input-too-large",
        advice: "Check what is piped in.",
        details: { maximumBytes },
      });
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

const HEX = /^(0x)?([0-9a-fA-F]{2})*$/;

/** Bytes from hexadecimal text, with or without `0x`. @throws SwarmkeepError `bad-hex` */
export function parseHex(text: string, what: string, length?: number): Uint8Array {
  const digits = text.trim().replace(/^0x/, "");
  if (!HEX.test(digits) || (length !== undefined && digits.length !== 2 * length)) {
    const wanted = length === undefined ? "hexadecimal digits" : `${2 * length} hexadecimal digits`;
    throw new SwarmkeepError(`${what} takes ${wanted}, not ${JSON.stringify(text)}`, {
      kind: "usage",
      code: "bad-hex",
      advice: "Copy the value again, whole.",
      details: { text },
    });
  }
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** A whole number of an option. @throws SwarmkeepError `bad-number` */
export function parseCount(text: string, what: string, maximum = Number.MAX_SAFE_INTEGER, minimum = 0): number {
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || value > maximum || value < minimum) {
    throw new SwarmkeepError(
      `${what} takes a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(text)}`,
      {
        kind: "usage",
        code: "bad-number",
        advice: "Give it in decimal digits.",
        details: { text },
      },
    );
  }
  return value;
}

/** What the parser of command lines refuses. */
export function usageError(error: CommanderError): SwarmkeepError {
  return new SwarmkeepError(error.message.replace(/^error: /, "").replaceAll("\n", " "), {
    kind: "usage",
    // Codes of ours are in lower case with hyphens, the parser's in camel case.
    code: error.code.replace(/^commander\./, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    advice: "See what the command takes with --help.",
    cause: error,
  });
}

/** In seconds. */
interface DurationLimits {
  readonly minimum: number;
  readonly maximum: number;
}

/** Of the certificates that a fleet's policy can allow (contracts/interfaces/IFleetRegistry.sol). */
export const LIFETIMES: DurationLimits = { minimum: 60, maximum: 366 * 86_400 };

/** Seconds from `90`, `90s`, `15m`, `24h` or `7d`. @throws SwarmkeepError `bad-duration`, also where they are not in `limits` */
export function parseDuration(text: string, what: string, limits?: DurationLimits): number {
  const match = /^([0-9]{1,9})([smhd]?)$/.exec(text);
  const unit = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 }[match?.[2] ?? ""];
  if (match === null || unit === undefined || Number(match[1]) === 0) {
    throw new SwarmkeepError(`${what} takes a time such as 90s, 15m, 24h or 7d, not ${JSON.stringify(text)}`, {
      kind: "usage",
      code: "bad-duration",
      advice: "Give a number and a unit.",
      details: { text },
    });
  }
  const seconds = Number(match[1]) * unit;
  if (limits !== undefined && (seconds < limits.minimum || seconds > limits.maximum)) {
    throw new SwarmkeepError(`${what} is ${text}, and has to be ${limits.minimum} to ${limits.maximum} s`, {
      kind: "usage",
      code: "bad-duration",
      advice: "Give a time between these.",
      details: { seconds, ...limits },
    });
  }
  return seconds;
}

/** Wei, above zero, from an amount with its unit. @throws SwarmkeepError `bad-amount` */
export function parseAmount(text: string, what: string): bigint {
  const amount = parseEther(text);
  if (amount === undefined || amount === 0n) {
    throw new SwarmkeepError(`${what} takes an amount such as 0.5ETH, 20gwei or 7wei, not ${JSON.stringify(text)}`, {
      kind: "usage",
      code: "bad-amount",
      advice: "Give a number above 0 and a unit, with no more decimals than the unit has.",
      details: { text },
    });
  }
  return amount;
}

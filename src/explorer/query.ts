/** Parameters of a request: each has a form and a limit, and what does not fit is named. */
import { HttpError } from "../net/error-body.js";

export const DEFAULT_LIMIT = 50;
export const MAXIMUM_LIMIT = 200;
const MAXIMUM_PARAMETER = 300;

export function badParameter(name: string, wanted: string, found: string | undefined): HttpError {
  const shown = found === undefined ? "nothing" : JSON.stringify(found.slice(0, 80));
  return new HttpError(`${name} takes ${wanted}, not ${shown}`, {
    status: 400,
    kind: "usage",
    code: "bad-parameter",
    advice: `Give ${wanted}.`,
    details: { name },
  });
}

export function notFound(what: string): HttpError {
  return new HttpError(`there is no ${what}`, {
    status: 404,
    kind: "usage",
    code: "not-found",
    advice: "Check it; what was just sent is here once its block is indexed.",
  });
}

export class Query {
  readonly #values: Readonly<Record<string, string>>;
  /** Of a POST; else undefined. */
  readonly body: unknown;

  constructor(values: Readonly<Record<string, string>>, body?: unknown) {
    this.#values = values;
    this.body = body;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined || value === "") return undefined;
    if (value.length > MAXIMUM_PARAMETER) throw badParameter(name, `at most ${MAXIMUM_PARAMETER} characters`, value);
    return value;
  }

  matching(name: string, pattern: RegExp, wanted: string): string {
    const value = this.text(name);
    if (value === undefined || !pattern.test(value)) throw badParameter(name, wanted, value);
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const value = this.text(name) ?? otherwise;
    if (!(values as readonly string[]).includes(value)) throw badParameter(name, `one of ${values.join(", ")}`, value);
    return value as T;
  }

  number(name: string): number {
    const value = Number(this.matching(name, /^\d{1,15}$/, "a whole number"));
    return value;
  }

  optionalNumber(name: string): number | undefined {
    return this.text(name) === undefined ? undefined : this.number(name);
  }

  /** In lower case. */
  address(name: string): string {
    return this.matching(name, /^0x[0-9a-f]{40}$/i, "an address, 0x and 40 hexadecimal digits").toLowerCase();
  }

  hash(name: string): string {
    return this.matching(name, /^0x[0-9a-f]{64}$/i, "a hash, 0x and 64 hexadecimal digits").toLowerCase();
  }

  get limit(): number {
    const limit = this.optionalNumber("limit") ?? DEFAULT_LIMIT;
    if (limit < 1 || limit > MAXIMUM_LIMIT) throw badParameter("limit", `1 to ${MAXIMUM_LIMIT}`, String(limit));
    return limit;
  }

  /** Where the page before ended. */
  get cursor(): number | undefined {
    return this.optionalNumber("cursor");
  }
}

/** The number in what somebody searches for: "12", or "fleet 12" where `noun` is "fleet". */
export function numberIn(text: string, noun: string, digits = 9): number | undefined {
  const found = /^(?:([a-z]+)\s*)?(\d+)$/i.exec(text);
  if (found === null || (found[1] ?? noun).toLowerCase() !== noun || String(found[2]).length > digits) return undefined;
  return Number(found[2]);
}

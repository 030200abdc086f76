/** Readers: from a decoded CBOR value to a typed one, each error naming the field by its path. */
import type { CborKey, CborValue } from "./cbor.js";
import { malformed } from "./refusal.js";

/** @throws Refusal `malformed` with `field`. */
export type Reader<T> = (value: CborValue, field: string) => T;

const describe = (value: CborValue): string => {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return "a map";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "string" ? `text of ${value.length} characters` : `${typeof value} ${String(value)}`;
};

/** An integer from 0 to `maximum`. */
export function uint(maximum: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, field) => {
    if (typeof value === "number" && value >= 0 && value <= maximum) return value;
    throw malformed(field, `takes an integer from 0 to ${maximum}, not ${describe(value)}`);
  };
}

/** An integer of either sign. */
export const integer: Reader<number> = (value, field) => {
  if (typeof value === "number") return value;
  throw malformed(field, `takes an integer, not ${describe(value)}`);
};

/** An integer of up to 64 bits, where the full range is needed. */
export const uint64: Reader<bigint> = (value, field) => {
  if ((typeof value === "number" || typeof value === "bigint") && value >= 0) return BigInt(value);
  throw malformed(field, `takes an unsigned integer, not ${describe(value)}`);
};

/** One of the given numbers. */
export function oneOf<const T extends number>(...allowed: readonly T[]): Reader<T> {
  return (value, field) => {
    const found = allowed.find((number) => number === value);
    if (found !== undefined) return found;
    throw malformed(field, `takes ${allowed.join(" or ")}, not ${describe(value)}`);
  };
}

export const boolean: Reader<boolean> = (value, field) => {
  if (typeof value === "boolean") return value;
  throw malformed(field, `takes a boolean, not ${describe(value)}`);
};

/** Bytes, from `minimum` to `maximum` of them. */
export function bytes(minimum: number, maximum: number = minimum): Reader<Uint8Array> {
  return (value, field) => {
    if (value instanceof Uint8Array && value.length >= minimum && value.length <= maximum) return value;
    const length = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
    throw malformed(field, `takes ${length} bytes, not ${describe(value)}`);
  };
}

/** Text that passes `accept`; `what` says which text does. */
export function text(what: string, accept: (text: string) => boolean): Reader<string> {
  return (value, field) => {
    if (typeof value === "string" && accept(value)) return value;
    throw malformed(field, `takes ${what}, not ${typeof value === "string" ? JSON.stringify(value) : describe(value)}`);
  };
}

/** The value, or `null` in its place. */
export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value, field) => (value === null ? null : read(value, field));
}

/** An array of `minimum` to `maximum` items of one kind. */
export function list<T>(item: Reader<T>, minimum: number, maximum: number): Reader<T[]> {
  return (value, field) => {
    if (!Array.isArray(value) || value.length < minimum || value.length > maximum) {
      throw malformed(field, `takes an array of ${minimum} to ${maximum} items, not ${describe(value)}`);
    }
    return value.map((entry: CborValue, position) => item(entry, `${field}[${position}]`));
  };
}

/** An array with named places: `tuple({ number: uint(), root: bytes(32) })` reads `[number, root]`. */
export function tuple<T extends object>(places: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  const readers = Object.entries(places) as [string, Reader<unknown>][];
  return (value, field) => {
    if (!Array.isArray(value) || value.length !== readers.length) {
      throw malformed(field, `takes an array of ${readers.length} items, not ${describe(value as CborValue)}`);
    }
    const fields: Record<string, unknown> = {};
    for (const [position, [name, read]] of readers.entries()) {
      fields[name] = read(value[position] as CborValue, `${field}.${name}`);
    }
    return fields as T;
  };
}

/** A key of a map and the reader of its value. */
export interface Entry<T> {
  readonly key: CborKey;
  readonly read: Reader<T>;
  readonly optional: boolean;
}

export function entry<T>(key: CborKey, read: Reader<T>): Entry<T> {
  return { key, read, optional: false };
}

export function optional<T>(key: CborKey, read: Reader<T>): Entry<T | undefined> {
  return { key, read, optional: true };
}

/** A map with exactly these keys, the optional ones possibly absent: `map({ expires: entry(4, uint()) })`. */
export function map<T extends object>(entries: { readonly [K in keyof T]: Entry<T[K]> }): Reader<T> {
  const named = Object.entries(entries) as [string, Entry<unknown>][];
  const known = new Set(named.map(([, { key }]) => key));
  return (value, field) => {
    if (!(value instanceof Map)) throw malformed(field, `takes a map, not ${describe(value)}`);
    for (const key of value.keys()) {
      if (!known.has(key)) throw malformed(field, `has the unknown key ${JSON.stringify(String(key))}`);
    }
    const fields: Record<string, unknown> = {};
    for (const [name, { key, read, optional: mayMiss }] of named) {
      const found = value.get(key);
      if (found === undefined && !mayMiss) throw malformed(`${field}.${name}`, `is missing (key ${key})`);
      fields[name] = found === undefined ? undefined : read(found, `${field}.${name}`);
    }
    return fields as T;
  };
}

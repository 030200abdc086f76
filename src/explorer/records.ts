/** Rows of the index in the shape in which several views answer them. */
import type { Args, Json } from "./json.js";
import type { Database, Value } from "./database.js";
import type { EventLine, Page, Source, TransactionLine } from "./lines.js";
import type { Query } from "./query.js";
import { eventInWords, callInWords } from "./words.js";

export interface EventRow {
  readonly id: number;
  readonly block: number;
  readonly time: number;
  readonly place: number;
  readonly hash: string;
  readonly contract: string;
  readonly name: string;
  readonly args: string;
}

export interface TransactionRow {
  readonly id: number;
  readonly hash: string;
  readonly block: number;
  readonly time: number;
  readonly sender: string;
  readonly recipient: string | null;
  readonly contract: string | null;
  readonly method: string | null;
  readonly args: string;
  readonly value: string;
  readonly ok: number;
  readonly gasUsed: number;
  readonly gasPrice: string;
  readonly purpose: string;
}

/** The index wrote it: it is an object. */
export function argsOf(row: { readonly args: string }): Args {
  return JSON.parse(row.args) as Args;
}

/** Where a row comes from, without the rest of it. */
export function sourceOf({ hash, block, time }: Source): Source {
  return { hash, block, time };
}

export function eventLine(row: EventRow): EventLine {
  const { id, block, time, place, hash, contract, name } = row;
  return { id, block, time, place, hash, contract, name, words: eventInWords(name, argsOf(row)) };
}

export function transactionLine(row: TransactionRow): TransactionLine {
  const { id, hash, block, time, sender, recipient, contract, method, value, ok, gasUsed, gasPrice, purpose } = row;
  return {
    id,
    hash,
    block,
    time,
    sender,
    recipient,
    contract,
    method,
    value,
    ok: ok === 1,
    gasUsed,
    gasPrice,
    purpose,
    words: callInWords(contract, method, argsOf(row), value),
  };
}

/** The newest event of a name, and its arguments. */
export function newest(database: Database, name: string): { readonly row: EventRow; readonly args: Args } | undefined {
  const row = database.get<EventRow>("SELECT * FROM events WHERE name = ? ORDER BY id DESC LIMIT 1", name);
  return row === undefined ? undefined : { row, args: argsOf(row) };
}

export interface PageRequest<R, T> {
  /** Ends with the question marks of the cursor and of the limit. */
  readonly sql: string;
  readonly values?: readonly Value[];
  /** The cursor of the first page; default: above all. */
  readonly start?: number;
  readonly limit?: number;
  /** A row's place in the order of `sql`. */
  readonly place: (row: R) => number;
  readonly item: (row: R) => T;
}

/** One page of a list, with the cursor of the next one where there is more. */
export function readPage<R, T>(database: Database, query: Query, request: PageRequest<R, T>): Page<T> {
  const { sql, values = [], start = Number.MAX_SAFE_INTEGER, limit = query.limit, place, item } = request;
  const rows = database.all<R>(sql, ...values, query.cursor ?? start, limit + 1);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(item);
  return rows.length > limit && last !== undefined ? { items, next: place(last) } : { items };
}

/** A page of the events of a name, newest first. */
export function eventsNamed<T>(
  database: Database,
  name: string,
  query: Query,
  item: (row: EventRow) => T,
  limit = query.limit,
): Page<T> {
  const sql = "SELECT * FROM events WHERE name = ? AND id < ? ORDER BY id DESC LIMIT ?";
  return readPage<EventRow, T>(database, query, { sql, values: [name], place: ({ id }) => id, item, limit });
}

/** The newest events of a name that mention a thing, newest first. */
export function newestAbout(database: Database, name: string, kind: string, key: string, limit = 1): EventRow[] {
  return database.all<EventRow>(
    "SELECT e.* FROM mentions m JOIN events e ON e.id = m.id WHERE m.kind = ? AND m.key = ? AND m.source = 'event' AND e.name = ? ORDER BY m.id DESC LIMIT ?",
    kind,
    key,
    name,
    limit,
  );
}

/** Events that mention a thing, in the order of the chain. */
export function eventsAbout(database: Database, kind: string, key: string, limit: number): EventRow[] {
  return database.all<EventRow>(
    "SELECT e.* FROM mentions m JOIN events e ON e.id = m.id WHERE m.kind = ? AND m.key = ? AND m.source = 'event' ORDER BY m.id LIMIT ?",
    kind,
    key,
    limit,
  );
}

export function field(args: Args, ...path: string[]): Json | undefined {
  let value: Json | undefined = args;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as Args)[name];
  }
  return value;
}

export function textOf(args: Args, ...path: string[]): string {
  const value = field(args, ...path);
  return typeof value === "string" ? value : "";
}

export function numberOf(args: Args, ...path: string[]): number {
  return Number(field(args, ...path) ?? 0);
}

export function listOf(args: Args, ...path: string[]): readonly string[] {
  const value = field(args, ...path);
  return Array.isArray(value) ? value.map(String) : [];
}

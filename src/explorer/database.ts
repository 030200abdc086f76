/**
 * The index as an embedded database: SQLite, which Node brings along, in one file with a write-ahead log. It holds nothing
 * that the chain does not hold: a file of another format, mesh or chain is emptied and made again.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { SwarmkeepError } from "../runtime/errors.js";

export type Value = string | number | Uint8Array | null;
export type Row = Readonly<Record<string, Value>>;

/** How many prepared statements are kept; there are fewer in the whole program. */
const MAXIMUM_STATEMENTS = 500;
/** A page of 4 kB each: 64 MB of the file are kept in memory. */
const CACHE_KIB = 65_536;

export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @param path of the file, or `:memory:`. @throws SwarmkeepError `index-unusable` */
  static async open(path: string): Promise<Database> {
    const { DatabaseSync } = await quietly(() => import("node:sqlite"));
    try {
      const database = new DatabaseSync(path);
      // The index can be made again from the chain: what counts is that it is never half written.
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY`,
      );
      return new Database(database);
    } catch (cause) {
      throw new SwarmkeepError(`${path} cannot be used as the index`, {
        kind: "environment",
        code: "index-unusable",
        advice: "Delete it, or give another data folder: it is made again from the chain.",
        details: { path },
        cause,
      });
    }
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  run(sql: string, ...values: Value[]): void {
    this.#prepared(sql).run(...values);
  }

  all<T = Row>(sql: string, ...values: Value[]): T[] {
    return this.#prepared(sql).all(...values) as T[];
  }

  get<T = Row>(sql: string, ...values: Value[]): T | undefined {
    return this.#prepared(sql).get(...values) as T | undefined;
  }

  /** All or nothing. */
  transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** How SQLite answers a query: one line for each step. */
  plan(sql: string, ...values: Value[]): string[] {
    return this.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values).map(({ detail }) => detail);
  }

  /** Leaves an empty database. */
  clear(): void {
    const tables = this.all<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    this.#statements.clear();
    for (const { name } of tables) this.#database.exec(`DROP TABLE "${name.replaceAll('"', '""')}"`);
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    if (this.#statements.size >= MAXIMUM_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Node 22 warns that its SQLite is new, once, when it is loaded: nothing that somebody who looks at a mesh has to read. */
async function quietly<T>(load: () => Promise<T>): Promise<T> {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).includes("SQLite")) (emitWarning as (...given: unknown[]) => void)(warning, ...rest);
  }) as typeof emitWarning;
  try {
    return await load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

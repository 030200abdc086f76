/**
 * The tables of every mesh: blocks, the transactions that concern it, its events, and who or what each of them mentions.
 * Views add tables of their own. Each row belongs to a block, so that a reorganisation takes away exactly what it has to.
 */
import type { Database } from "./database.js";

/** Raised when tables change: an index of another format is made again from the chain. */
export const INDEX_FORMAT = 3;

/**
 * Rows are numbered in the order of the chain: block * 2^20 + twice the place in the block, and events one more, so that a list of
 * both has no two with one number.
 */
const PLACES = 2 ** 20;

export function rowNumber(block: number, place: number, source: "event" | "transaction"): number {
  return block * PLACES + 2 * place + (source === "event" ? 1 : 0);
}

export const CORE_TABLES = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS blocks (
  number INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent TEXT NOT NULL, time INTEGER NOT NULL,
  gasUsed INTEGER NOT NULL, gasLimit INTEGER NOT NULL, transactions INTEGER NOT NULL, ours INTEGER NOT NULL, events INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS blocksByHash ON blocks (hash);
CREATE INDEX IF NOT EXISTS blocksWithOurs ON blocks (number) WHERE ours > 0;

CREATE TABLE IF NOT EXISTS transactions (
  id INTEGER PRIMARY KEY, hash TEXT NOT NULL, block INTEGER NOT NULL, time INTEGER NOT NULL, sender TEXT NOT NULL,
  recipient TEXT, contract TEXT, method TEXT, args TEXT NOT NULL, value TEXT NOT NULL, ok INTEGER NOT NULL,
  gasUsed INTEGER NOT NULL, gasPrice TEXT NOT NULL, purpose TEXT NOT NULL, day INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS transactionsByHash ON transactions (hash);
CREATE INDEX IF NOT EXISTS transactionsByBlock ON transactions (block);
CREATE INDEX IF NOT EXISTS transactionsByDay ON transactions (day, purpose, gasUsed);

CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, block INTEGER NOT NULL, time INTEGER NOT NULL, place INTEGER NOT NULL, hash TEXT NOT NULL,
  contract TEXT NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS eventsByName ON events (name, id);
CREATE INDEX IF NOT EXISTS eventsByContract ON events (contract, id);
CREATE INDEX IF NOT EXISTS eventsTold ON events (id) WHERE name NOT IN ('HeadPosted', 'CheckpointPosted');
CREATE INDEX IF NOT EXISTS eventsByBlock ON events (block);
CREATE INDEX IF NOT EXISTS eventsByHash ON events (hash);

CREATE TABLE IF NOT EXISTS mentions (
  kind TEXT NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, source TEXT NOT NULL, block INTEGER NOT NULL,
  PRIMARY KEY (kind, key, id, source)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mentionsByBlock ON mentions (block);
`;

const CORE = ["blocks", "transactions", "events", "mentions"] as const;

/** Takes away all rows of blocks above `block`. */
export function forgetAbove(database: Database, block: number): void {
  for (const table of CORE) {
    database.run(`DELETE FROM ${table} WHERE ${table === "blocks" ? "number" : "block"} > ?`, block);
  }
}

export function readMeta(database: Database, name: string): string | undefined {
  return database.get<{ value: string }>("SELECT value FROM meta WHERE name = ?", name)?.value;
}

export function writeMeta(database: Database, name: string, value: string): void {
  database.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, value);
}

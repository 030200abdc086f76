/** Weights of the candidates with their history, so that any draw can be replayed as its freeze locked it. */
import type { Database } from "../../database.js";
import { numberOf, textOf } from "../../records.js";
import type { IndexedEvent } from "../../view.js";

export const TABLES = `
CREATE TABLE IF NOT EXISTS weights (
  rank INTEGER NOT NULL, id INTEGER NOT NULL, block INTEGER NOT NULL, until INTEGER, account TEXT NOT NULL, weight INTEGER NOT NULL,
  PRIMARY KEY (rank, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS weightsByAccount ON weights (account, id);
`;

export function applyToWeights(database: Database, { name, contract, args, block, id }: IndexedEvent): void {
  if (contract !== "rotation" || name !== "WeightChanged") return;
  const rank = numberOf(args, "rank");
  // By event, not by block: a freeze may follow in the same block.
  database.run("UPDATE weights SET until = ? WHERE rank = ? AND until IS NULL", id, rank);
  const account = textOf(args, "account").toLowerCase();
  database.run("INSERT INTO weights VALUES (?, ?, ?, NULL, ?, ?)", rank, id, block, account, numberOf(args, "weight"));
}

export function forgetWeightsAbove(database: Database, block: number): void {
  const gone = database.get<{ id: number | null }>("SELECT min(id) AS id FROM weights WHERE block > ?", block)?.id;
  database.run("DELETE FROM weights WHERE block > ?", block);
  if (gone !== null && gone !== undefined) database.run("UPDATE weights SET until = NULL WHERE until >= ?", gone);
}

export interface WeightRow {
  readonly rank: number;
  readonly account: string;
  readonly weight: number;
}

/** As they stood at an event, by rank. */
export function weightsAt(database: Database, id: number): readonly WeightRow[] {
  return database.all<WeightRow>(
    "SELECT rank, account, weight FROM weights WHERE id < ? AND (until IS NULL OR until > ?) ORDER BY rank",
    id,
    id,
  );
}

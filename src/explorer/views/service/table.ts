/** Quality and reputation of each candidate with their history, and the sums of the reward pool after each of its events. */
import { CLASSES, classAt } from "../../../statements/classes.js";
import { WEIGHT } from "../../../statements/sortition.js";
import type { Database } from "../../database.js";
import { argsOf, newestAbout, numberOf, textOf } from "../../records.js";
import type { IndexedEvent } from "../../view.js";
import type { Standing } from "./view.js";

export const TABLES = `
CREATE TABLE IF NOT EXISTS standings (
  account TEXT NOT NULL, id INTEGER NOT NULL, block INTEGER NOT NULL, quality INTEGER NOT NULL, reputation INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standingsByBlock ON standings (block);
CREATE TABLE IF NOT EXISTS earnings (
  account TEXT NOT NULL, id INTEGER NOT NULL, block INTEGER NOT NULL, earned TEXT NOT NULL, owed TEXT NOT NULL,
  PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS earningsByBlock ON earnings (block);
CREATE TABLE IF NOT EXISTS pool (
  id INTEGER PRIMARY KEY, block INTEGER NOT NULL, paidIn TEXT NOT NULL, owed TEXT NOT NULL, claimed TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS poolByBlock ON pool (block);
`;

const NEWCOMER = { quality: 0, reputation: WEIGHT.neutral } as const;

/** As a candidate stands. */
export function standingOf(database: Database, account: string): Standing {
  const found = database.get<Standing>(
    "SELECT account, quality, reputation FROM standings WHERE account = ? ORDER BY id DESC LIMIT 1",
    account,
  );
  return found ?? { account, ...NEWCOMER };
}

interface Sums {
  readonly paidIn: bigint;
  readonly owed: bigint;
  readonly claimed: bigint;
}

/** All that was paid in, is owed to all, and was claimed; wei. */
export function poolNow(database: Database): Sums {
  const row = database.get<{ paidIn: string; owed: string; claimed: string }>(
    "SELECT paidIn, owed, claimed FROM pool ORDER BY id DESC LIMIT 1",
  );
  return { paidIn: BigInt(row?.paidIn ?? 0), owed: BigInt(row?.owed ?? 0), claimed: BigInt(row?.claimed ?? 0) };
}

/** What an account earned in all, and is owed of it; wei. */
export function earningsOf(database: Database, account: string): { readonly earned: bigint; readonly owed: bigint } {
  const row = database.get<{ earned: string; owed: string }>(
    "SELECT earned, owed FROM earnings WHERE account = ? ORDER BY id DESC LIMIT 1",
    account,
  );
  return { earned: BigInt(row?.earned ?? 0), owed: BigInt(row?.owed ?? 0) };
}

/** Accounts of candidates by their number in the registry, `count` of them from `first` on. */
export function candidatesFrom(database: Database, first: number, count: number): readonly string[] {
  return database
    .all<{ account: string }>(
      "SELECT account FROM validators WHERE until IS NULL ORDER BY position LIMIT ? OFFSET ?",
      count,
      first,
    )
    .map(({ account }) => account);
}

export function applyToService(database: Database, event: IndexedEvent): void {
  switch (event.contract) {
    case "measurement":
      if (event.name === "RoundSettled" && event.args["isMeasured"] === true) takeQualities(database, event);
      return;
    case "reputation":
      if (event.name !== "Credited") return;
      changeStanding(database, event, textOf(event.args, "account").toLowerCase(), {
        reputation: numberOf(event.args, "score"),
      });
      return;
    case "rewards":
      takeAmount(database, event);
      return;
    default:
  }
}

/** The sample is named where the round began. */
function takeQualities(database: Database, event: IndexedEvent): void {
  const [opened] = newestAbout(database, "RoundOpened", "epoch", textOf(event.args, "epoch"));
  if (opened === undefined) return;
  const sample = argsOf(opened);
  const count = Math.min(numberOf(sample, "sampled"), CLASSES.inWord);
  const qualities = BigInt(textOf(event.args, "qualities") || 0);
  for (const [i, account] of candidatesFrom(database, numberOf(sample, "first"), count).entries()) {
    changeStanding(database, event, account, { quality: classAt(qualities, i) });
  }
}

function changeStanding(
  database: Database,
  { id, block }: IndexedEvent,
  account: string,
  change: Partial<Omit<Standing, "account">>,
): void {
  const before = standingOf(database, account);
  const { quality, reputation } = { ...before, ...change };
  if (quality === before.quality && reputation === before.reputation) return;
  database.run("INSERT INTO standings VALUES (?, ?, ?, ?, ?)", account, id, block, quality, reputation);
}

function takeAmount(database: Database, { id, block, name, args }: IndexedEvent): void {
  const amount = BigInt(textOf(args, "amount") || 0);
  const { paidIn, owed, claimed } = poolNow(database);
  const put = (sums: Sums): void => {
    const texts = [sums.paidIn, sums.owed, sums.claimed].map(String);
    database.run("INSERT INTO pool VALUES (?, ?, ?, ?, ?)", id, block, ...texts);
  };
  if (name === "PaidIn") {
    put({ paidIn: paidIn + amount, owed, claimed });
    return;
  }
  if (name !== "Earned" && name !== "Claimed") return;
  const isEarned = name === "Earned";
  const account = textOf(args, "account").toLowerCase();
  const before = earningsOf(database, account);
  const earned = isEarned ? before.earned + amount : before.earned;
  const left = isEarned ? before.owed + amount : before.owed - amount;
  database.run("INSERT INTO earnings VALUES (?, ?, ?, ?, ?)", account, id, block, String(earned), String(left));
  put(isEarned ? { paidIn, owed: owed + amount, claimed } : { paidIn, owed: owed - amount, claimed: claimed + amount });
}

export function forgetServiceAbove(database: Database, block: number): void {
  for (const table of ["standings", "earnings", "pool"]) database.run(`DELETE FROM ${table} WHERE block > ?`, block);
}

/** Adds up the gas of the mesh's transactions by day (UTC) and purpose. */
import { type TransactionRow, transactionLine } from "../../records.js";
import type { ViewServer } from "../../view.js";
import { type GasDay, type GasReport, manifest } from "./view.js";

const DAY = 86_400;
const MAXIMUM_DAYS = 366;
const DEFAULT_DAYS = 30;
const LARGEST = 10;

interface Sum {
  readonly day: number;
  readonly purpose: string;
  readonly transactions: number;
  readonly gas: number;
  /** Gwei: wei would not fit into a number. */
  readonly gwei: number;
}

function dayOf(day: number, sums: readonly Sum[]): GasDay {
  const shares = sums
    .map(({ purpose, transactions, gas, gwei }) => ({
      purpose,
      transactions,
      gas,
      wei: (BigInt(Math.round(gwei)) * 10n ** 9n).toString(),
    }))
    .toSorted((a, b) => b.gas - a.gas);
  return { start: day * DAY, gas: sums.reduce((sum, { gas }) => sum + gas, 0), shares };
}

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/gas",
      answer({ database, now }, query): GasReport {
        const days = Math.min(query.optionalNumber("days") ?? DEFAULT_DAYS, MAXIMUM_DAYS);
        const today = Math.floor(now() / DAY);
        const sums = database.all<Sum>(
          `SELECT day, purpose, count(*) AS transactions, sum(gasUsed) AS gas, sum(gasUsed * (gasPrice / 1e9)) AS gwei
           FROM transactions WHERE day > ? GROUP BY day, purpose ORDER BY day DESC`,
          today - days,
        );
        const found = [...new Set(sums.map(({ day }) => day))];
        const largest = database.all<TransactionRow>(
          "SELECT * FROM transactions WHERE day = ? ORDER BY gasUsed DESC, id DESC LIMIT ?",
          today,
          LARGEST,
        );
        return {
          days: found.map((day) =>
            dayOf(
              day,
              sums.filter((sum) => sum.day === day),
            ),
          ),
          today: dayOf(
            today,
            sums.filter((sum) => sum.day === today),
          ),
          largest: largest.map(transactionLine),
        };
      },
    },
  ],
};

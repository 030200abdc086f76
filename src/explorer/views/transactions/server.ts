/** Lists the mesh's transactions, newest first, and shows one with its events; any other of the chain in raw form. */
import { LedgerError } from "../../../ledger/errors.js";
import { revertError } from "../../../ledger/reverts.js";
import type { Page } from "../../lines.js";
import { notFound } from "../../query.js";
import { type EventRow, type TransactionRow, argsOf, eventLine, readPage, transactionLine } from "../../records.js";
import type { TransactionLine } from "../../lines.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { type TransactionDetail, manifest } from "./view.js";

const MOST = 500;

function rowOf({ database }: ViewContext, hash: string): TransactionRow | undefined {
  return database.get<TransactionRow>("SELECT * FROM transactions WHERE hash = ?", hash);
}

/** Why a transaction failed: the node runs its call again on the block before. */
async function reasonOf({ endpoint }: ViewContext, hash: string): Promise<string> {
  const transaction = (await endpoint.send("eth_getTransactionByHash", [hash])) as Record<string, string> | null;
  if (transaction === null) throw notFound(`transaction ${hash} at the node`);
  const { from, to, input, value, gas, blockNumber } = transaction;
  const before = `0x${(BigInt(blockNumber ?? "0x1") - 1n).toString(16)}`;
  try {
    await endpoint.send("eth_call", [{ from, to, data: input, value, gas }, before]);
    return "run again on the block before, it succeeds: what failed it came earlier in its own block";
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== "rpc") throw error;
    return revertError(error.details["data"] as string | undefined, "carry out the call").message;
  }
}

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/transactions",
      answer: ({ database }, query): Page<TransactionLine> =>
        readPage<TransactionRow, TransactionLine>(database, query, {
          sql: "SELECT * FROM transactions WHERE id < ? ORDER BY id DESC LIMIT ?",
          place: ({ id }) => id,
          item: transactionLine,
        }),
    },
    {
      path: "/transactions/:hash",
      answer(context, query): TransactionDetail {
        const hash = query.hash("hash");
        const row = rowOf(context, hash);
        if (row === undefined) throw notFound(`transaction ${hash} that concerns this mesh`);
        const events = context.database.all<EventRow>(
          "SELECT * FROM events WHERE hash = ? ORDER BY id LIMIT ?",
          hash,
          MOST,
        );
        return {
          ...transactionLine(row),
          args: argsOf(row),
          events: events.map((event) => ({ ...eventLine(event), args: argsOf(event) })),
        };
      },
    },
    {
      path: "/transactions/:hash/raw",
      async answer({ endpoint }, query) {
        const hash = query.hash("hash");
        const [transaction, receipt] = await Promise.all([
          endpoint.send("eth_getTransactionByHash", [hash]),
          endpoint.send("eth_getTransactionReceipt", [hash]),
        ]);
        if (transaction === null) throw notFound(`transaction ${hash} at the node`);
        return { transaction, receipt };
      },
    },
    {
      path: "/transactions/:hash/reason",
      answer: async (context, query) => ({ reason: await reasonOf(context, query.hash("hash")) }),
    },
  ],
  search(context, text) {
    // A hash, or its beginning, as pages show it.
    const [, digits] = /^0x([0-9a-f]{6,64})$/i.exec(text) ?? /^([0-9a-f]{64})$/i.exec(text) ?? [];
    if (digits === undefined) return [];
    const key = `0x${digits.toLowerCase()}`;
    const rows = context.database.all<{ hash: string }>(
      "SELECT hash FROM transactions WHERE hash >= ? AND hash < ? ORDER BY hash LIMIT 5",
      key,
      `${key}g`,
    );
    return rows.map(({ hash }) => ({ kind: "Transaction", title: hash, path: `/transactions/${hash}` }));
  },
};

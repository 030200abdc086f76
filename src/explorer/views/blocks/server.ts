/** Lists blocks, newest first, and shows one with what it has of the mesh. */
import { hexNumber } from "../../../ledger/source.js";
import type { Page } from "../../lines.js";
import { notFound } from "../../query.js";
import { type EventRow, type TransactionRow, eventLine, readPage, transactionLine } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { type BlockDetail, type BlockLine, manifest } from "./view.js";

/** What one page of a block shows of the mesh. */
const MOST = 500;

function find({ database }: ViewContext, id: string): BlockLine | undefined {
  return /^0x[0-9a-f]{64}$/i.test(id)
    ? database.get<BlockLine>("SELECT * FROM blocks WHERE hash = ?", id.toLowerCase())
    : database.get<BlockLine>("SELECT * FROM blocks WHERE number = ?", Number(id));
}

const ID = /^(\d{1,15}|0x[0-9a-fA-F]{64})$/;

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/blocks",
      answer({ database }, query): Page<BlockLine> {
        const which = query.oneOf("show", ["all", "mesh"], "all") === "mesh" ? "AND ours > 0" : "";
        return readPage<BlockLine, BlockLine>(database, query, {
          sql: `SELECT * FROM blocks WHERE number < ? ${which} ORDER BY number DESC LIMIT ?`,
          place: ({ number }) => number,
          item: (row) => row,
        });
      },
    },
    {
      path: "/blocks/:id",
      answer(context, query): BlockDetail {
        const id = query.matching("id", ID, "a block's number or hash");
        const block = find(context, id);
        if (block === undefined) throw notFound(`block ${id} in the index`);
        const { database } = context;
        const transactions = database.all<TransactionRow>(
          "SELECT * FROM transactions WHERE block = ? ORDER BY id LIMIT ?",
          block.number,
          MOST,
        );
        const events = database.all<EventRow>(
          "SELECT * FROM events WHERE block = ? ORDER BY id LIMIT ?",
          block.number,
          MOST,
        );
        return { ...block, ourTransactions: transactions.map(transactionLine), ourEvents: events.map(eventLine) };
      },
    },
    {
      path: "/blocks/:id/raw",
      answer({ endpoint }, query) {
        const id = query.matching("id", ID, "a block's number or hash");
        return id.startsWith("0x")
          ? endpoint.send("eth_getBlockByHash", [id, false])
          : endpoint.send("eth_getBlockByNumber", [hexNumber(Number(id)), false]);
      },
    },
  ],
  search(context, text) {
    const block = ID.test(text) ? find(context, text) : undefined;
    return block === undefined
      ? []
      : [{ kind: "Block", title: `Block ${block.number}`, path: `/blocks/${block.number}` }];
  },
};

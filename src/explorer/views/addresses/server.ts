/** What an address is, and its history from the mentions of the index. */
import { words } from "../../purposes.js";
import type { Page } from "../../lines.js";
import type { Query } from "../../query.js";
import { type EventRow, type TransactionRow, eventLine, readPage, transactionLine } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { type AddressDetail, type AddressState, type HistoryLine, manifest } from "./view.js";

interface MentionRow {
  readonly id: number;
  readonly source: "event" | "transaction";
}

function rolesOf({ database, decoder, views }: ViewContext, address: string): AddressDetail["roles"] {
  const roles: AddressDetail["roles"][number][] = [];
  const contract = decoder.contractAt(address);
  if (contract !== undefined) roles.push({ role: "contract", name: words(contract), path: `/contracts/${contract}` });
  if (views.has("validators")) {
    const row = database.get("SELECT 1 FROM validators WHERE account = ? LIMIT 1", address);
    if (row !== undefined) roles.push({ role: "validator", name: "validator", path: `/validators/${address}` });
  }
  if (views.has("fleets")) {
    const row = database.get("SELECT 1 FROM grants WHERE registrar = ? LIMIT 1", address);
    if (row !== undefined) roles.push({ role: "registrar", name: "tenant", path: `/tenants/${address}` });
  }
  return roles;
}

/** Events and transactions that name an address, newest first. */
function historyOf({ database }: ViewContext, query: Query): Page<HistoryLine> {
  return readPage<MentionRow, HistoryLine>(database, query, {
    sql: "SELECT id, source FROM mentions WHERE kind = 'address' AND key = ? AND id < ? ORDER BY id DESC LIMIT ?",
    values: [query.address("address")],
    place: ({ id }) => id,
    item({ id, source }) {
      if (source === "event") {
        return {
          order: id,
          source,
          event: eventLine(database.get<EventRow>("SELECT * FROM events WHERE id = ?", id) as EventRow),
        };
      }
      const row = database.get<TransactionRow>("SELECT * FROM transactions WHERE id = ?", id) as TransactionRow;
      return { order: id, source, transaction: transactionLine(row) };
    },
  });
}

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/addresses/:address",
      answer(context, query): AddressDetail {
        const address = query.address("address");
        return { address, roles: rolesOf(context, address) };
      },
    },
    {
      path: "/addresses/:address/history",
      answer: (context, query): Page<HistoryLine> => historyOf(context, query),
    },
    {
      path: "/addresses/:address/state",
      async answer({ endpoint }, query): Promise<AddressState> {
        const address = query.address("address");
        const [balance, nonce, code] = (await Promise.all([
          endpoint.send("eth_getBalance", [address, "latest"]),
          endpoint.send("eth_getTransactionCount", [address, "latest"]),
          endpoint.send("eth_getCode", [address, "latest"]),
        ])) as [string, string, string];
        return { balance: BigInt(balance).toString(), nonce: Number(nonce), codeLength: (code.length - 2) / 2 };
      },
    },
  ],
  search(context, text) {
    if (!/^0x[0-9a-f]{40}$/i.test(text)) return [];
    const address = text.toLowerCase();
    const found = rolesOf(context, address).map(({ name, path }) => ({
      kind: name.charAt(0).toUpperCase() + name.slice(1),
      title: address,
      path,
    }));
    return [...found, { kind: "Address", title: address, path: `/addresses/${address}` }];
  },
};

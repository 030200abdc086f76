/** What an address did and was named in, in one list. */
import type { HistoryLine } from "../views/addresses/view.js";
import { words } from "./format.js";
import { Deed, Event } from "./lines.js";
import { Link, Time } from "./parts.js";
import type { Column } from "./table.js";

export function historyKey(line: HistoryLine): string {
  return `${line.order}/${line.source}`;
}

function sourceOf(line: HistoryLine): { readonly time: number; readonly hash: string } {
  return line.source === "event" ? line.event : line.transaction;
}

export const HISTORY_COLUMNS: readonly Column<HistoryLine>[] = [
  { title: "When", width: 1.7, cell: (line) => <Time at={sourceOf(line).time} /> },
  {
    title: "What",
    width: 5,
    cell: (line) => (line.source === "event" ? <Event event={line.event} /> : <Deed transaction={line.transaction} />),
  },
  {
    title: "Kind",
    width: 1.2,
    cell: (line) => <span class="quiet">{line.source === "event" ? words(line.event.name) : "transaction"}</span>,
  },
  { title: "Transaction", width: 1.2, cell: (line) => <Link kind="transaction" value={sourceOf(line).hash} /> },
];

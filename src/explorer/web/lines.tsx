/** Events and transactions in lists, as all pages show them. */
import type { JSX } from "preact";

import type { EventLine, TransactionLine } from "../lines.js";
import { count, words } from "./format.js";
import { Badge, Link, Time, Words } from "./parts.js";
import type { Column } from "./table.js";

export function Event({ event }: { event: EventLine }): JSX.Element {
  return (
    <>
      <Words parts={event.words} />.
    </>
  );
}

/** Breaks where the words end. */
function EventName({ contract, name }: Pick<EventLine, "contract" | "name">): JSX.Element {
  return (
    <span class="quiet">
      {words(contract)}.<wbr />
      {name.split(/(?=[A-Z])/).map((word, i) => (i === 0 ? word : [<wbr key={i} />, word]))}
    </span>
  );
}

export function Deed({ transaction }: { transaction: TransactionLine }): JSX.Element {
  return (
    <>
      <Link kind="address" value={transaction.sender} /> <Words parts={transaction.words} />
      {transaction.ok ? null : (
        <>
          {" "}
          <Badge tone="bad">failed</Badge>
        </>
      )}
    </>
  );
}

export const EVENT_COLUMNS: readonly Column<EventLine>[] = [
  { title: "When", width: 1.7, cell: ({ time }) => <Time at={time} /> },
  { title: "What happened", width: 5, cell: (event) => <Event event={event} /> },
  { title: "Event", width: 1.6, cell: ({ contract, name }) => <EventName contract={contract} name={name} /> },
  { title: "Transaction", width: 1.2, cell: ({ hash }) => <Link kind="transaction" value={hash} /> },
];

export const TRANSACTION_COLUMNS: readonly Column<TransactionLine>[] = [
  { title: "When", width: 1.7, cell: ({ time }) => <Time at={time} /> },
  { title: "What was done", width: 5, cell: (transaction) => <Deed transaction={transaction} /> },
  { title: "Gas", width: 0.8, isNumber: true, cell: ({ gasUsed }) => count(gasUsed) },
  { title: "Block", width: 0.7, isNumber: true, cell: ({ block }) => <Link kind="block" value={String(block)} /> },
  { title: "Transaction", width: 1.3, cell: ({ hash }) => <Link kind="transaction" value={hash} /> },
];

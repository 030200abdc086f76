/** Lists events, newest first: all, or those of one name or contract. */
import { CONTRACT_NAMES, INTERFACES } from "../../../ledger/contracts.js";
import type { Page } from "../../lines.js";
import { badParameter } from "../../query.js";
import { type EventRow, argsOf, eventLine, readPage } from "../../records.js";
import type { ViewServer } from "../../view.js";
import { type EventItem, type EventNames, manifest } from "./view.js";

const NAMES = CONTRACT_NAMES.flatMap((contract) => {
  const names: string[] = [];
  INTERFACES[contract].forEachEvent(({ name }) => names.push(name));
  return names.toSorted().map((name) => ({ contract, name }));
});

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/events",
      answer({ database }, query): Page<EventItem> {
        const name = query.text("name");
        const contract = query.text("contract");
        if (name !== undefined && !NAMES.some((known) => known.name === name))
          throw badParameter("name", "the name of an event", name);
        const [where, values] =
          name !== undefined
            ? ["name = ? AND", [name]]
            : contract !== undefined
              ? ["contract = ? AND", [contract]]
              : ["", []];
        return readPage<EventRow, EventItem>(database, query, {
          sql: `SELECT * FROM events WHERE ${where} id < ? ORDER BY id DESC LIMIT ?`,
          values,
          place: ({ id }) => id,
          item: (row) => ({ ...eventLine(row), args: argsOf(row) }),
        });
      },
    },
    { path: "/event-names", answer: (): EventNames => ({ names: NAMES }) },
  ],
};

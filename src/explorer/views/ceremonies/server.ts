/** Lists ceremonies, newest first, and tells one of them. */
import type { Database } from "../../database.js";
import type { Page } from "../../lines.js";
import { notFound, numberIn } from "../../query.js";
import { type EventRow, argsOf, eventLine, eventsAbout, eventsNamed, textOf } from "../../records.js";
import type { ViewServer } from "../../view.js";
import { nextStep, tellStory } from "./story.js";
import { type CeremonyDetail, type CeremonyLine, manifest } from "./view.js";

/** Events of one ceremony that are told; 32 seats make some 150 in an attempt. */
const MOST_EVENTS = 10_000;
/** Ceremonies of a page: each of them is told from its events. */
const MOST_LINES = 25;

export function ceremonyOf(database: Database, ceremony: string): CeremonyDetail | undefined {
  const rows = eventsAbout(database, "ceremony", ceremony, MOST_EVENTS).filter(
    ({ contract }) => contract === "ceremony",
  );
  const story = tellStory(database, rows);
  if (story === undefined) return undefined;
  const { kind, seats, threshold, started, ended, attempts } = story;
  const last = attempts.at(-1);
  const phase = last?.phase ?? "accept";
  return {
    ceremony,
    kind,
    seats,
    threshold,
    attempts: attempts.length,
    phase,
    deadline: last?.deadline ?? 0,
    failures: attempts.reduce((sum, { failures }) => sum + failures.length, 0),
    started,
    ...(ended === undefined ? {} : { ended }),
    list: attempts.toReversed(),
    events: rows.map(eventLine),
    gas: attempts.reduce((sum, { gas }) => sum + gas, 0),
    next: phase === "failed" && ended !== undefined ? "It came to nothing: the keys of before stay." : nextStep(phase),
  };
}

/** As lists show it. */
export function ceremonyLine(detail: CeremonyDetail): CeremonyLine {
  const { ceremony, kind, seats, threshold, attempts, phase, deadline, failures, started, ended } = detail;
  const line = { ceremony, kind, seats, threshold, attempts, phase, deadline, failures, started };
  return ended === undefined ? line : { ...line, ended };
}

function lineOf(database: Database, row: EventRow): CeremonyLine {
  return ceremonyLine(ceremonyOf(database, textOf(argsOf(row), "ceremony")) as CeremonyDetail);
}

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/ceremonies",
      answer: ({ database }, query): Page<CeremonyLine> =>
        eventsNamed(
          database,
          "CeremonyStarted",
          query,
          (row) => lineOf(database, row),
          Math.min(query.limit, MOST_LINES),
        ),
    },
    {
      path: "/ceremonies/:ceremony",
      answer({ database }, query): CeremonyDetail {
        const ceremony = String(query.number("ceremony"));
        const found = ceremonyOf(database, ceremony);
        if (found === undefined) throw notFound(`ceremony ${ceremony}`);
        return found;
      },
    },
  ],
  search({ database }, text) {
    const number = numberIn(text, "ceremony");
    const row = number === undefined ? undefined : eventsAbout(database, "ceremony", String(number), 1)[0];
    return row === undefined ? [] : [{ kind: "Ceremony", title: `Ceremony ${number}`, path: `/ceremonies/${number}` }];
  },
};

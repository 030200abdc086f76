/**
 * A ceremony told from its events: for each attempt who was invited, accepted, dealt, complained, acknowledged; who failed or was
 * silent; and what was taken from its stake in the same transaction. A transaction may end one attempt and begin the next: what comes
 * before the first event of the next one is of the one that ended.
 */
import type { Args } from "../../json.js";
import type { Database } from "../../database.js";
import type { Source } from "../../lines.js";
import { type EventRow, argsOf, listOf, newest, numberOf, textOf, sourceOf } from "../../records.js";
import { ceremonyKind, offenceName } from "../../words.js";
import type { Attempt, Failure, Participant, Phase } from "./view.js";

const ZERO = /^0x0{40}$/;

interface Person {
  account: string;
  seat: number;
  accepted?: Source;
  dealt?: Source;
  /** Complained, or acknowledged an outcome, be it one that is void by now. */
  judged?: boolean;
  acknowledged?: Source | undefined;
  counted: boolean;
}

interface Draft {
  readonly attempt: number;
  /** Number of its first event. */
  readonly first: number;
  phase: Phase;
  deadline: number;
  people: Map<string, Person>;
  dealers: Map<string, Person>;
  failures: Failure[];
  hashes: Set<string>;
}

export interface Story {
  readonly kind: ReturnType<typeof ceremonyKind>;
  readonly seats: number;
  readonly threshold: number;
  readonly started: Source;
  readonly ended: Source | undefined;
  readonly attempts: readonly Attempt[];
}

function person(people: Map<string, Person>, account: string): Person {
  const key = account.toLowerCase();
  const known = people.get(key) ?? { account: key, seat: 0, counted: false };
  people.set(key, known);
  return known;
}

function inSeat(people: Map<string, Person>, seat: number): Person | undefined {
  return [...people.values()].find((one) => one.seat === seat);
}

/** The committee in office before a block: who deals in a resharing. */
function officeBefore(database: Database, id: number): readonly string[] {
  const row = database.get<EventRow>(
    "SELECT * FROM events WHERE name = 'OfficeTaken' AND id < ? ORDER BY id DESC LIMIT 1",
    id,
  );
  return row === undefined ? [] : listOf(argsOf(row), "committee");
}

/** @param rows events of one ceremony in the order of the chain, from `CeremonyStarted` on. */
export function tellStory(database: Database, rows: readonly EventRow[]): Story | undefined {
  const [first] = rows;
  if (first === undefined || first.name !== "CeremonyStarted") return undefined;
  const begin = argsOf(first);
  const kind = ceremonyKind(textOf(begin, "kind"));
  const committee = kind === "resharing" ? officeBefore(database, first.id) : [];
  const drafts: Draft[] = [];
  let ended: Source | undefined;
  for (const row of rows.slice(1)) {
    const args = argsOf(row);
    const number = numberOf(args, "attempt");
    if (number === 0) continue;
    let draft = drafts.at(-1);
    if (draft?.attempt !== number) {
      draft = newDraft(number, drafts.length === 0 ? first.id : row.id, committee);
      drafts.push(draft);
    }
    draft.hashes.add(row.hash);
    const isOver = applyStep(draft, row, args);
    // A re-key has one attempt.
    if (isOver || (kind === "re-key" && row.name === "AttemptFailed")) ended = sourceOf(row);
  }
  drafts[0]?.hashes.add(first.hash);
  drafts.forEach((draft, i) => addCosts(database, draft, drafts[i + 1]?.first ?? Infinity));
  return {
    kind,
    seats: numberOf(begin, "seats"),
    threshold: numberOf(begin, "threshold"),
    started: sourceOf(first),
    ended,
    attempts: drafts.map((draft) => finished(database, draft)),
  };
}

function newDraft(attempt: number, first: number, committee: readonly string[]): Draft {
  const dealers = new Map<string, Person>();
  committee.forEach((account, i) => {
    if (!ZERO.test(account)) person(dealers, account).seat = i + 1;
  });
  return { attempt, first, phase: "accept", deadline: 0, people: new Map(), dealers, failures: [], hashes: new Set() };
}

/** Whether the ceremony ended with it. */
function applyStep(draft: Draft, row: EventRow, args: Args): boolean {
  const { people, failures } = draft;
  const source = sourceOf(row);
  const dealers = draft.dealers.size > 0 ? draft.dealers : people;
  const fail = (one: Person | undefined, words: string): void => {
    failures.push({ account: one?.account ?? "", seat: one?.seat ?? 0, words, cost: "0", source });
  };
  const failSilentDealers = (): void => {
    for (const one of dealers.values()) if (one.dealt === undefined && one.seat > 0) fail(one, "did not deal in time");
  };
  const complainant = (): Person | undefined => {
    const one = inSeat(people, numberOf(args, "receiver"));
    if (one !== undefined) one.judged = true;
    return one;
  };
  const disqualify = (words: string): void => {
    fail(inSeat(dealers, numberOf(args, "dealer")), words);
    // What was acknowledged so far was an outcome of that dealing too.
    for (const one of people.values()) one.acknowledged = undefined;
  };
  if (textOf(args, "deadline") !== "") draft.deadline = numberOf(args, "deadline");
  switch (row.name) {
    case "Invited": {
      const invited = new Set(
        listOf(args, "accounts")
          .filter((account) => !ZERO.test(account))
          .map((one) => one.toLowerCase()),
      );
      for (const [account, one] of people) {
        if (invited.has(account) || one.accepted !== undefined) continue;
        fail(one, "did not accept in time, and the next in the list took its place");
        people.delete(account);
      }
      for (const account of invited) person(people, account);
      break;
    }
    case "Accepted":
      person(people, textOf(args, "account")).accepted = source;
      break;
    case "Seated": {
      const seated = listOf(args, "accounts").map((account) => account.toLowerCase());
      for (const [account, one] of people) {
        if (seated.includes(account)) continue;
        fail(one, "did not accept in time; its seat stays empty");
        people.delete(account);
      }
      seated.forEach((account, i) => (person(people, account).seat = i + 1));
      draft.phase = "deal";
      break;
    }
    case "Dealt": {
      const dealer = inSeat(dealers, numberOf(args, "dealer"));
      if (dealer !== undefined) dealer.dealt = source;
      break;
    }
    case "Dealings":
      failSilentDealers();
      draft.phase = "complain";
      break;
    case "ComplaintUpheld":
      complainant();
      disqualify(`dealt a bad share to seat ${numberOf(args, "receiver")}`);
      break;
    case "ComplaintRefuted":
      fail(complainant(), `complained about a good share of seat ${numberOf(args, "dealer")}`);
      break;
    case "CommitmentMalformed":
      disqualify(`dealt a commitment (number ${numberOf(args, "index")}) that does not decode`);
      break;
    case "Closed": {
      const counted = BigInt(textOf(args, "counted") || 0);
      for (const one of dealers.values()) one.counted = ((counted >> BigInt(one.seat)) & 1n) === 1n;
      for (const one of people.values())
        if (one.judged !== true) fail(one, "did not say in time whether its shares are good");
      draft.phase = "acknowledge";
      break;
    }
    case "Acknowledged": {
      const one = inSeat(people, numberOf(args, "receiver"));
      if (one !== undefined) Object.assign(one, { acknowledged: source, judged: true });
      break;
    }
    case "AttemptFailed":
      if (draft.phase === "accept") {
        for (const one of people.values()) if (one.accepted === undefined) fail(one, "did not accept in time");
      }
      if (draft.phase === "deal") failSilentDealers();
      if (draft.phase === "acknowledge") {
        for (const one of people.values())
          if (one.acknowledged === undefined) fail(one, "did not acknowledge its shares in time");
      }
      draft.phase = "failed";
      break;
    case "Activated":
      draft.phase = "active";
      draft.deadline = 0;
      return true;
    default:
  }
  return false;
}

/**
 * Stake that was burnt in the ceremony's own transactions.
 * @param next number of the first event of the attempt after it
 */
function addCosts(database: Database, draft: Draft, next: number): void {
  for (const hash of draft.hashes) {
    const slashes = database.all<EventRow>("SELECT * FROM events WHERE hash = ? AND name = 'Slashed'", hash);
    for (const row of slashes.filter(({ id }) => id > draft.first && id < next)) {
      const args = argsOf(row);
      const account = textOf(args, "account").toLowerCase();
      const cost = textOf(args, "amount");
      const at = draft.failures.findIndex(
        (one) => one.account === account && one.source.hash === hash && one.cost === "0",
      );
      const known = draft.failures[at];
      if (known !== undefined) draft.failures[at] = { ...known, cost };
      else
        draft.failures.push({
          account,
          seat: (draft.dealers.get(account) ?? draft.people.get(account))?.seat ?? 0,
          words: `was fined for ${offenceName(args["offence"])}`,
          cost,
          source: sourceOf(row),
        });
    }
  }
}

function finished(database: Database, draft: Draft): Attempt {
  const { attempt, phase, deadline, people, dealers, failures, hashes } = draft;
  let gas = 0;
  for (const hash of hashes) {
    gas += database.get<{ gasUsed: number }>("SELECT gasUsed FROM transactions WHERE hash = ?", hash)?.gasUsed ?? 0;
  }
  const sorted = (map: Map<string, Person>): Participant[] =>
    [...map.values()].toSorted((a, b) => a.seat - b.seat || (a.account < b.account ? -1 : 1));
  return { attempt, phase, deadline, participants: sorted(people), dealers: sorted(dealers), failures, gas };
}

const NEXT: Readonly<Record<Phase, string>> = {
  accept: "The invited post their one-time keys. Who is absent at the deadline is replaced by the next in the list.",
  deal: "Dealers post their dealings. Who has not dealt at the deadline is fined.",
  complain: "Receivers check their shares, and complain, or acknowledge what the good dealings lead to.",
  acknowledge:
    "Receivers that have not acknowledged their new shares do so; with enough of them and a signature the committee takes office.",
  active: "Done: its committee took office.",
  failed: "This attempt came to nothing; the next one begins.",
};

export function nextStep(phase: Phase): string {
  return NEXT[phase];
}

/** Number of the newest ceremony, undefined before the first. */
export function newestCeremony(database: Database): string | undefined {
  const row = newest(database, "CeremonyStarted");
  return row === undefined ? undefined : textOf(row.args, "ceremony");
}

/** Lists validators and shows one: what it did in each ceremony, why it had no seat, what it lost. */
import type { Database } from "../../database.js";
import type { Page } from "../../lines.js";
import { notFound } from "../../query.js";
import { type EventRow, argsOf, listOf, newest, newestAbout, readPage, sourceOf, textOf } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { ether, offenceName } from "../../words.js";
import { ceremonyOf } from "../ceremonies/server.js";
import type { CeremonyDetail } from "../ceremonies/view.js";
import { standingOf } from "../service/table.js";
import {
  TABLES,
  type ValidatorRow,
  applyToValidators,
  forgetValidatorsAbove,
  isEligible,
  minimumStake,
  obstacleAt,
  validatorAt,
  validatorNow,
} from "./table.js";
import {
  type CeremonyPart,
  type Slash,
  type ValidatorCounts,
  type ValidatorDetail,
  type ValidatorLine,
  manifest,
} from "./view.js";

const STATES = ["all", "active", "admitted", "exiting", "exited"] as const;
/** Ceremonies that a validator's page tells about. */
const CEREMONIES = 20;
/** Fines that it tells about. */
const SLASHES = 200;

/** Seats of the committee in office by account. */
export function seatsNow(database: Database): ReadonlyMap<string, number> {
  const office = newest(database, "OfficeTaken");
  const committee = office === undefined ? [] : listOf(office.args, "committee");
  return new Map(committee.map((account, i) => [account.toLowerCase(), i + 1]));
}

function lineOf(database: Database, row: ValidatorRow, seats: ReadonlyMap<string, number>): ValidatorLine {
  const { account, state, operator, stake, endpoint, scope } = row;
  const { quality, reputation } = standingOf(database, account);
  return {
    account,
    state,
    operator,
    stake,
    endpoint,
    scope,
    seat: seats.get(account) ?? 0,
    quality,
    reputation,
    source: sourceOf(row),
  };
}

function slashesOf(database: Database, account: string): Slash[] {
  return newestAbout(database, "Slashed", "address", account, SLASHES).map((row) => {
    const args = argsOf(row);
    return {
      offence: offenceName(args["offence"]),
      amount: textOf(args, "amount"),
      left: textOf(args, "stake"),
      source: sourceOf(row),
    };
  });
}

/** What a validator did in a ceremony, or why it was not there. */
export function partIn(database: Database, account: string, detail: CeremonyDetail): CeremonyPart {
  const { ceremony, list, seats } = detail;
  const newestAttempt = list[0];
  const of = { ceremony, attempt: newestAttempt?.attempt ?? 0 };
  const failures = list.flatMap((attempt) => attempt.failures).filter((one) => one.account === account);
  const [failure] = failures;
  const one = newestAttempt?.participants.find((participant) => participant.account === account);
  const dealer = newestAttempt?.dealers.find((participant) => participant.account === account);
  const fined = failures.reduce((sum, { cost }) => sum + BigInt(cost), 0n);
  const often = failures.length > 1 ? `, ${failures.length} failures in ${list.length} attempts` : "";
  const paid = fined === 0n ? "" : `, which cost ${ether(fined.toString())}`;
  const bad = failure === undefined ? "" : `${failure.words}${often}${paid}`;
  if (one !== undefined || dealer !== undefined) {
    const dealt = (one?.dealt ?? dealer?.dealt) !== undefined;
    const did = [
      ...(one === undefined ? [] : [one.accepted !== undefined ? "accepted" : "was invited"]),
      ...(dealt ? [one === undefined ? "dealt as a member of the committee before" : "dealt"] : []),
      ...(one?.acknowledged === undefined ? [] : ["acknowledged its shares"]),
    ];
    const words = [...(did.length === 0 ? [] : [did.join(", ")]), ...(bad === "" ? [] : [bad])].join("; ");
    const seat = one?.seat ?? dealer?.seat ?? 0;
    return { ...of, seat, words: words === "" ? "nothing yet" : words, failed: failure !== undefined };
  }
  if (failure !== undefined) return { ...of, seat: failure.seat, words: bad, failed: true };
  return { ...of, seat: 0, words: `not invited: ${whyNot(database, account, detail, seats)}`, failed: false };
}

/** Those of the list that are eligible are invited in its order, as many as there are seats. */
function whyNot(database: Database, account: string, { started, list }: CeremonyDetail, seats: number): string {
  const reason = obstacleAt(database, account, started.block);
  if (reason !== undefined) return reason;
  const position = validatorAt(database, account, started.block)?.position ?? 0;
  const before = database.get<{ count: number }>(
    "SELECT count(*) AS count FROM validators WHERE until IS NULL AND position < ?",
    position,
  );
  const place = (before?.count ?? 0) + 1;
  const invited = list.at(-1)?.participants.length ?? seats;
  return `it is number ${place} of the list, the first ${Math.min(seats, invited)} eligible ones have seats, and it is a reserve`;
}

function detailOf(context: ViewContext, account: string): ValidatorDetail {
  const { database } = context;
  const row = validatorNow(database, account);
  if (row === undefined) throw notFound(`validator ${account}`);
  const minimum = minimumStake(database);
  const numbers = database.all<EventRow>(
    "SELECT * FROM events WHERE name = 'CeremonyStarted' ORDER BY id DESC LIMIT ?",
    CEREMONIES,
  );
  const ceremonies = numbers.flatMap((event) => ceremonyOf(database, textOf(argsOf(event), "ceremony")) ?? []);
  return {
    ...lineOf(database, row, seatsNow(database)),
    tlsPin: row.tlsPin,
    withdrawable: row.withdrawable,
    eligible: isEligible(database, row, minimum),
    minimumStake: minimum.toString(),
    slashes: slashesOf(database, account),
    parts: ceremonies.map((detail) => partIn(database, account, detail)),
  };
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  apply: applyToValidators,
  forgetAbove: forgetValidatorsAbove,
  routes: [
    {
      path: "/validators",
      answer({ database }, query): Page<ValidatorLine> {
        const state = query.oneOf("state", STATES, "all");
        const seats = seatsNow(database);
        return readPage<ValidatorRow, ValidatorLine>(database, query, {
          sql: `SELECT * FROM validators WHERE until IS NULL ${state === "all" ? "" : "AND state = ?"} AND position > ? ORDER BY position LIMIT ?`,
          values: state === "all" ? [] : [state],
          start: -1,
          place: ({ position }) => position,
          item: (row) => lineOf(database, row, seats),
        });
      },
    },
    {
      path: "/validator-counts",
      answer({ database }): ValidatorCounts {
        const rows = database.all<{ state: string; count: number }>(
          "SELECT state, count(*) AS count FROM validators WHERE until IS NULL GROUP BY state",
        );
        const of = (state: string): number => rows.find((row) => row.state === state)?.count ?? 0;
        const counts = { active: of("active"), admitted: of("admitted"), exiting: of("exiting"), exited: of("exited") };
        return { all: counts.active + counts.admitted + counts.exiting + counts.exited, ...counts };
      },
    },
    { path: "/validators/:account", answer: (context, query) => detailOf(context, query.address("account")) },
  ],
  search({ database }, text) {
    if (text.length < 3) return [];
    // The beginning of an account, the hash of a TLS key, or an endpoint as it is.
    const key = text.toLowerCase();
    const rows = /^0x[0-9a-f]{2,39}$/.test(key)
      ? database.all<ValidatorRow>(
          "SELECT * FROM validators WHERE until IS NULL AND account >= ? AND account < ? ORDER BY account LIMIT 5",
          key,
          `${key}g`,
        )
      : /^0x[0-9a-f]{64}$/.test(key)
        ? database.all<ValidatorRow>("SELECT * FROM validators WHERE tlsPin = ? AND until IS NULL LIMIT 5", key)
        : database.all<ValidatorRow>("SELECT * FROM validators WHERE endpoint = ? AND until IS NULL LIMIT 5", text);
    return rows.map(({ account, endpoint }) => ({
      kind: "Validator",
      title: endpoint === "" ? account : `${endpoint} (${account.slice(0, 10)}…)`,
      path: `/validators/${account}`,
    }));
  },
};

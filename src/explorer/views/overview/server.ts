/** Puts together what the overview shows, from the index alone. */
import { quorumOf } from "../../../statements/quorum.js";
import type { Database } from "../../database.js";
import { type EventRow, argsOf, eventLine, field, listOf, newest, numberOf, sourceOf, textOf } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { certificateEnd } from "../certificates/ending.js";
import { certificationOf } from "../certificates/server.js";
import { ceremonyLine, ceremonyOf } from "../ceremonies/server.js";
import type { CeremonyDetail } from "../ceremonies/view.js";
import { newestCeremony } from "../ceremonies/story.js";
import { newestHead } from "../revocation/server.js";
import { countsNow } from "../revocation/table.js";
import { schedulesOfFleets } from "../shards/schedule.js";
import { isEligible, minimumStake, validatorNow, type ValidatorRow } from "../validators/table.js";
import { findings } from "./health.js";
import { type Deadline, type Overview, type Seat, manifest } from "./view.js";

const RECENT = 12;
const DEADLINES = 8;
const DAY = 86_400;
const ZERO = /^0x0{40}$/;
/** Eligible candidates are counted up to this many: more than any committee has seats. */
const COUNTED = 64;

/**
 * What validators did not do in the newest attempt in which they were asked, by account.
 * @param ceremonies newest first
 */
function silentIn(ceremonies: readonly CeremonyDetail[]): ReadonlyMap<string, string> {
  const silent = new Map<string, string>();
  const seen = new Set<string>();
  for (const { ceremony, list } of ceremonies) {
    for (const { attempt, failures, dealers, participants } of list) {
      for (const { account, words } of failures) {
        if (!seen.has(account)) silent.set(account, `${words} (ceremony ${ceremony}, attempt ${attempt})`);
      }
      for (const { account } of failures) seen.add(account);
      for (const { account, accepted, dealt, acknowledged } of [...dealers, ...participants]) {
        if ((accepted ?? dealt ?? acknowledged) !== undefined) seen.add(account);
      }
    }
  }
  return silent;
}

function seatOf(
  database: Database,
  account: string,
  seat: number,
  { minimum, silent }: { readonly minimum: bigint; readonly silent: ReadonlyMap<string, string> },
): Seat {
  const row = validatorNow(database, account.toLowerCase());
  const base = { seat, account: account.toLowerCase() };
  if (ZERO.test(account) || row === undefined)
    return { ...base, endpoint: "", scope: "", sound: false, words: "empty" };
  const { endpoint, scope, state } = row;
  const sound = isEligible(database, row, minimum);
  const words = sound ? "in office" : state === "active" ? "not eligible any more" : state;
  const missed = silent.get(base.account);
  return { ...base, endpoint, scope, sound, words, ...(missed === undefined ? {} : { silent: missed }) };
}

function officeOf(database: Database, epochSeconds: number, silent: ReadonlyMap<string, string>): Overview["office"] {
  const found = newest(database, "OfficeTaken");
  if (found === undefined) return undefined;
  const { args, row } = found;
  const committee = listOf(args, "committee");
  const { n, t, f } = quorumOf(committee.length);
  const minimum = minimumStake(database);
  const seats = committee.map((account, i) => seatOf(database, account, i + 1, { minimum, silent }));
  return {
    generation: numberOf(args, "generation"),
    epoch: numberOf(args, "epoch"),
    n,
    t,
    f,
    seats,
    ...(epochSeconds > 0 ? { until: row.time + epochSeconds } : {}),
    margin: seats.filter(({ sound }) => sound).length - t,
    source: sourceOf(row),
  };
}

function eligibleOf(database: Database): number {
  const minimum = minimumStake(database);
  const rows = database.all<ValidatorRow>(
    "SELECT * FROM validators WHERE until IS NULL AND state = 'active' ORDER BY position LIMIT ?",
    COUNTED,
  );
  return rows.filter((row) => isEligible(database, row, minimum)).length;
}

function overviewOf(context: ViewContext): Overview {
  const { database, status } = context;
  const now = context.now();
  const genesis = newest(database, "GenesisAccepted");
  const parameters = (field(genesis?.args ?? {}, "parameters") ?? {}) as Record<string, string>;
  const current = newestCeremony(database);
  const ceremony = current === undefined ? undefined : ceremonyOf(database, current);
  const before = current === undefined ? undefined : ceremonyOf(database, String(BigInt(current) - 1n));
  const silent = silentIn([ceremony, before].flatMap((one) => one ?? []));
  const office = officeOf(database, Number(parameters["epochSeconds"] ?? 0), silent);
  const head = newestHead(database)?.head;
  const headSeconds = Number(parameters["headSeconds"] ?? 0);
  const certification = office === undefined ? undefined : certificationOf(database, office.generation);
  const successor = newest(database, "SuccessorNamed");
  const beacon = newest(database, "BeaconPosted");
  const count = (sql: string, ...values: number[]): number =>
    database.get<{ count: number | null }>(sql, ...values)?.count ?? 0;
  const shards = context.views.has("shards") ? schedulesOfFleets(database, now) : [];
  const deadlines: Deadline[] = [];
  if (ceremony !== undefined && ceremony.ended === undefined) {
    deadlines.push({
      title: `ceremony ${ceremony.ceremony}: ${ceremony.phase} ends`,
      at: ceremony.deadline,
      path: `/ceremonies/${ceremony.ceremony}`,
    });
  }
  if (office?.until !== undefined && office.until > now) {
    deadlines.push({
      title: `epoch ${office.epoch} ends, and the next committee is drawn`,
      at: office.until,
      path: "/epochs",
    });
  }
  if (head !== undefined) {
    deadlines.push({ title: "next scheduled revocation head", at: head.issued + headSeconds, path: "/revocation" });
    deadlines.push({ title: `revocation head ${head.number} ends`, at: head.expires, path: "/revocation" });
  }
  for (const { fleetId, turn } of shards) {
    if (turn === undefined) continue;
    const title = `shards of fleet ${fleetId}: version ${turn.version} ${turn.kind === "begins" ? "begins" : "is due"}`;
    deadlines.push({ title, at: turn.at, path: `/shards/${fleetId}/0` });
  }
  // Steps of single seats are told by their ceremony, and would leave no room for what came of them.
  const recent = database.all<EventRow>(
    `SELECT * FROM events INDEXED BY eventsTold WHERE name NOT IN ('HeadPosted', 'CheckpointPosted')
     AND name NOT IN ('Accepted', 'Dealt', 'Acknowledged') ORDER BY id DESC LIMIT ?`,
    RECENT,
  );
  return {
    meshId: textOf(genesis?.args ?? {}, "meshId"),
    ...(genesis === undefined ? {} : { genesis: sourceOf(genesis.row) }),
    findings: findings({
      now,
      status: status(),
      began: genesis?.row.time,
      office,
      candidates: { eligible: eligibleOf(database), seats: Number(parameters["committeeSize"] ?? 0) },
      ceremony,
      head,
      headSeconds,
      certified: certification !== undefined,
      certifiedUntil: certification === undefined ? undefined : certificateEnd(argsOf(certification)),
      shards,
      successor: successor === undefined ? undefined : textOf(successor.args, "anchor"),
    }),
    ...(office === undefined ? {} : { office }),
    ...(beacon === undefined
      ? {}
      : {
          beacon: {
            epoch: numberOf(beacon.args, "epoch"),
            value: textOf(beacon.args, "beacon"),
            source: sourceOf(beacon.row),
          },
        }),
    ...(ceremony === undefined ? {} : { ceremony: ceremonyLine(ceremony) }),
    ...(head === undefined ? {} : { head }),
    deadlines: deadlines.toSorted((a, b) => a.at - b.at).slice(0, DEADLINES),
    totals: {
      validators: count("SELECT count(*) AS count FROM validators WHERE until IS NULL"),
      fleets: count("SELECT count(*) AS count FROM fleets"),
      devices: count("SELECT sum(count) AS count FROM batches"),
      revoked: countsNow(database).revoked,
      gasToday: count("SELECT sum(gasUsed) AS count FROM transactions WHERE day = ?", Math.floor(now / DAY)),
    },
    parameters,
    recent: recent.map(eventLine),
    asOf: now,
  };
}

export const view: ViewServer = {
  manifest,
  routes: [{ path: "/overview", answer: overviewOf }],
};

/** Tells how candidates serve: the rounds in which they were measured, their standing, and the reward pool. */
import { paysRewards } from "../../../ledger/reward-projection.js";
import { CLASSES, classAt } from "../../../statements/classes.js";
import type { Database } from "../../database.js";
import type { Page } from "../../lines.js";
import {
  type EventRow,
  argsOf,
  eventsAbout,
  eventsNamed,
  listOf,
  newest,
  newestAbout,
  numberOf,
  sourceOf,
  textOf,
} from "../../records.js";
import type { ViewServer } from "../../view.js";
import {
  TABLES,
  applyToService,
  candidatesFrom,
  earningsOf,
  forgetServiceAbove,
  poolNow,
  standingOf,
} from "./table.js";
import {
  type Pool,
  type RoundDetail,
  type RoundLine,
  type RoundOf,
  type RoundState,
  type SeatMeasured,
  type ServedEpoch,
  type ServiceOf,
  manifest,
} from "./view.js";

/** Epochs in office that a validator's page tells about. */
const EPOCHS = 20;
/** Events of one epoch that are looked through: a committee's commitments, reports and credits, and what else names the epoch. */
const STEPS = 1_024;

function eventOf(database: Database, name: string, epoch: number): EventRow | undefined {
  return newestAbout(database, name, "epoch", String(epoch))[0];
}

function roundLine(database: Database, opened: EventRow, now: number): RoundLine {
  const args = argsOf(opened);
  const epoch = numberOf(args, "epoch");
  const steps = eventsAbout(database, "epoch", String(epoch), STEPS);
  const settled = steps.find(({ name }) => name === "RoundSettled");
  const [commitDeadline, revealDeadline] = [numberOf(args, "commitDeadline"), numberOf(args, "revealDeadline")];
  const committed = steps.filter(({ name }) => name === "ReportCommitted").length;
  const reported = steps.filter(({ name }) => name === "ReportRevealed").length;
  const seats = committeeOf(database, epoch).length;
  let state: RoundState = "to be settled";
  if (settled !== undefined) state = argsOf(settled)["isMeasured"] === true ? "measured" : "too few reports";
  else if (now <= commitDeadline && committed < seats) state = "commitments";
  else if (now <= revealDeadline && reported < committed) state = "reports";
  const source = sourceOf(settled ?? opened);
  return {
    epoch,
    state,
    commitDeadline,
    revealDeadline,
    sampled: numberOf(args, "sampled"),
    committed,
    reported,
    source,
  };
}

function committeeOf(database: Database, epoch: number): readonly string[] {
  const office = eventOf(database, "OfficeTaken", epoch);
  return office === undefined ? [] : listOf(argsOf(office), "committee");
}

function roundOf(database: Database, epoch: number, now: number): RoundDetail | undefined {
  const opened = eventOf(database, "RoundOpened", epoch);
  if (opened === undefined) return undefined;
  const line = roundLine(database, opened, now);
  const settled = eventOf(database, "RoundSettled", epoch);
  if (line.state !== "measured" || settled === undefined) return { ...line, seats: [], candidates: [] };
  const result = argsOf(settled);
  const [qualities, parts] = [BigInt(textOf(result, "qualities")), BigInt(textOf(result, "participation"))];
  const reports = BigInt(textOf(result, "reports"));
  const seats = committeeOf(database, epoch).map((account, i): SeatMeasured => {
    const reported = ((reports >> BigInt(i + 1)) & 1n) === 1n;
    return { seat: i + 1, account: account.toLowerCase(), reported, participated: classAt(parts, i) };
  });
  const sample = candidatesFrom(database, numberOf(argsOf(opened), "first"), Math.min(line.sampled, CLASSES.inWord));
  return { ...line, seats, candidates: sample.map((account, i) => ({ account, quality: classAt(qualities, i) })) };
}

function serviceOf(database: Database, account: string): ServiceOf {
  const { earned, owed } = earningsOf(database, account);
  const earnings = new Map(
    newestAbout(database, "Earned", "address", account, EPOCHS).map((row) => {
      const args = argsOf(row);
      return [numberOf(args, "epoch"), textOf(args, "amount")];
    }),
  );
  const items = newestAbout(database, "Credited", "address", account, EPOCHS).map((row): ServedEpoch => {
    const args = argsOf(row);
    const epoch = numberOf(args, "epoch");
    return {
      epoch,
      participated: numberOf(args, "participated"),
      score: numberOf(args, "score"),
      earned: earnings.get(epoch) ?? "0",
      source: sourceOf(row),
    };
  });
  return { ...standingOf(database, account), earned: String(earned), owed: String(owed), items };
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  present: (addresses) => "measurement" in addresses,
  apply: applyToService,
  forgetAbove: forgetServiceAbove,
  routes: [
    {
      path: "/service",
      answer({ database }): Pool {
        const genesis = newest(database, "GenesisAccepted");
        const { paidIn, owed, claimed } = poolNow(database);
        const parameter = (name: string): bigint =>
          BigInt(genesis === undefined ? 0 : numberOf(genesis.args, "parameters", name));
        const parameters = {
          rewardBps: parameter("rewardBps"),
          epochSeconds: parameter("epochSeconds"),
          probesPerEpoch: parameter("probesPerEpoch"),
        };
        return {
          rewardBps: paysRewards(parameters) ? Number(parameters.rewardBps) : 0,
          paidIn: String(paidIn),
          unallotted: String(paidIn - owed - claimed),
          owed: String(owed),
          claimed: String(claimed),
        };
      },
    },
    {
      path: "/rounds",
      answer: ({ database, now }, query): Page<RoundLine> =>
        eventsNamed(database, "RoundOpened", query, (row) => roundLine(database, row, now())),
    },
    {
      path: "/rounds/:epoch",
      answer({ database, now }, query): RoundOf {
        const round = roundOf(database, query.number("epoch"), now());
        return round === undefined ? {} : { round };
      },
    },
    {
      path: "/service-of/:account",
      answer: ({ database }, query): ServiceOf => serviceOf(database, query.address("account")),
    },
  ],
};

/** Replays draws from the ledger's weights and beacons, by the code that members run, and explains them. */
import { getBytes } from "ethers";

import { permutation } from "../../../protocol/sortition.js";
import type { Database } from "../../database.js";
import type { Page } from "../../lines.js";
import { notFound, numberIn } from "../../query.js";
import { type EventRow, argsOf, eventsNamed, listOf, newestAbout, numberOf, textOf, sourceOf } from "../../records.js";
import type { ViewServer } from "../../view.js";
import { obstacleAt } from "../validators/table.js";
import { TABLES, type WeightRow, applyToWeights, forgetWeightsAbove, weightsAt } from "./table.js";
import {
  type DrawnMember,
  type DrawsOf,
  type EpochDetail,
  type EpochLine,
  type Explanation,
  type Turn,
  manifest,
} from "./view.js";

/** Members of the permutation that are shown beyond those with seats. */
const RESERVES = 8;
/** Turns that a validator's page explains. */
const TURNS = 10;
/** Places of a permutation that are looked through for one validator. */
const PLACES = 256;

/** An event that names this epoch. */
function eventOf(database: Database, name: string, epoch: number): EventRow | undefined {
  return newestAbout(database, name, "epoch", String(epoch))[0];
}

function epochLine(database: Database, row: EventRow): EpochLine {
  const args = argsOf(row);
  const epoch = numberOf(args, "epoch");
  const wentBack = database.get("SELECT 1 FROM events WHERE hash = ? AND name = 'OfficeReverted' LIMIT 1", row.hash);
  const frozen = eventOf(database, "Frozen", epoch);
  const how = wentBack !== undefined ? "went back" : frozen === undefined ? "key generation" : "drawn";
  const seats = listOf(args, "committee").length;
  return {
    epoch,
    generation: numberOf(args, "generation"),
    seats,
    how,
    ceremony: textOf(args, "ceremony"),
    source: sourceOf(row),
  };
}

interface Replay {
  readonly frozen: EventRow;
  readonly posted: EventRow | undefined;
  readonly weights: readonly WeightRow[];
  /** Accounts in the order of the permutation, lazily. */
  drawn(): Generator<{ readonly account: string; readonly weight: number; readonly left: number }>;
}

function replayOf(database: Database, epoch: number): Replay | undefined {
  const frozen = eventOf(database, "Frozen", epoch);
  if (frozen === undefined) return undefined;
  const posted = eventOf(database, "BeaconPosted", epoch);
  const candidates = numberOf(argsOf(frozen), "candidates");
  const weights = weightsAt(database, frozen.id).filter(({ rank }) => rank < candidates);
  return {
    frozen,
    posted,
    weights,
    *drawn() {
      if (posted === undefined) return;
      const byRank = Array.from({ length: candidates }, () => 0);
      const accounts = new Map(weights.map(({ rank, account }) => [rank, account]));
      for (const { rank, weight } of weights) byRank[rank] = weight;
      for (const { leaf, weight, sum } of permutation(byRank, getBytes(textOf(argsOf(posted), "beacon")))) {
        yield { account: accounts.get(leaf) ?? "", weight, left: sum };
      }
    },
  };
}

function turnOf(database: Database, epoch: number, committee: readonly string[]): Turn | undefined {
  const replay = replayOf(database, epoch);
  if (replay === undefined) return undefined;
  const args = argsOf(replay.frozen);
  const seats = numberOf(args, "seats");
  const inOffice = new Set(committee.map((account) => account.toLowerCase()));
  const drawn: DrawnMember[] = [];
  for (const { account, weight, left } of replay.drawn()) {
    drawn.push({ place: drawn.length + 1, account, weight, chance: weight / left, inOffice: inOffice.has(account) });
    if (drawn.length >= seats + RESERVES) break;
  }
  const { posted } = replay;
  const beacon = posted === undefined ? undefined : argsOf(posted);
  return {
    epoch,
    seats,
    candidates: numberOf(args, "candidates"),
    totalWeight: replay.weights.reduce((sum, { weight }) => sum + weight, 0),
    frozen: sourceOf(replay.frozen),
    frozenBlock: numberOf(args, "blockNumber"),
    prevrandao: textOf(args, "prevrandao"),
    drawn,
    ...(beacon === undefined || posted === undefined
      ? {}
      : {
          beacon: { value: textOf(beacon, "beacon"), previous: textOf(beacon, "previous"), source: sourceOf(posted) },
        }),
  };
}

/** For the newest turns: which place a validator was drawn in, and why not in an earlier one. */
function explain(database: Database, account: string): Explanation[] {
  const turns = database.all<EventRow>("SELECT * FROM events WHERE name = 'Frozen' ORDER BY id DESC LIMIT ?", TURNS);
  return turns.map((row) => {
    const epoch = numberOf(argsOf(row), "epoch");
    const seats = numberOf(argsOf(row), "seats");
    const replay = replayOf(database, epoch) as Replay;
    const total = replay.weights.reduce((sum, { weight }) => sum + weight, 0);
    const weight = replay.weights.find((one) => one.account === account)?.weight ?? 0;
    const share = total === 0 ? 0 : weight / total;
    const chance = `it had ${weight.toLocaleString("en-GB")} of a weight of ${total.toLocaleString("en-GB")} (${(100 * share).toFixed(1)}%)`;
    if (weight === 0) {
      const reason = obstacleAt(database, account, row.block) ?? "nobody had refreshed its weight";
      return { epoch, place: 0, words: `not drawn: ${reason} when the weights were locked` };
    }
    if (replay.posted === undefined)
      return { epoch, place: 0, words: `not decided yet: the beacon is still to come; ${chance}` };
    let place = 0;
    for (const drawn of replay.drawn()) {
      place++;
      if (drawn.account === account) break;
      if (place === PLACES) return { epoch, place: 0, words: `not drawn: it came after place ${PLACES}; ${chance}` };
    }
    const words =
      place <= seats
        ? `drawn in place ${place} of ${seats}; ${chance}`
        : `not drawn: the beacon put it in place ${place}, and ${seats} have seats; ${chance}`;
    return { epoch, place, words };
  });
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  present: (addresses) => "rotation" in addresses,
  apply: applyToWeights,
  forgetAbove: forgetWeightsAbove,
  routes: [
    {
      path: "/epochs",
      answer: ({ database }, query): Page<EpochLine> =>
        eventsNamed(database, "OfficeTaken", query, (row) => epochLine(database, row)),
    },
    {
      path: "/epochs/:epoch",
      answer({ database }, query): EpochDetail {
        const epoch = query.number("epoch");
        const row = eventOf(database, "OfficeTaken", epoch);
        const committee = row === undefined ? [] : listOf(argsOf(row), "committee");
        const turn = turnOf(database, epoch, committee);
        if (row === undefined && turn === undefined) throw notFound(`epoch ${epoch}`);
        const next =
          row === undefined
            ? undefined
            : database.get<EventRow>(
                "SELECT * FROM events WHERE name = 'OfficeTaken' AND id > ? ORDER BY id LIMIT 1",
                row.id,
              );
        const ended = next === undefined ? {} : { ended: sourceOf(next) };
        return {
          epoch,
          ...(row === undefined ? {} : { office: { ...epochLine(database, row), committee, ...ended } }),
          ...(turn === undefined ? {} : { turn }),
        };
      },
    },
    {
      path: "/draws-of/:account",
      answer({ database }, query): DrawsOf {
        const account = query.address("account");
        const weights = weightsAt(database, Number.MAX_SAFE_INTEGER);
        return {
          weight: weights.find((one) => one.account === account)?.weight ?? 0,
          total: weights.reduce((sum, { weight }) => sum + weight, 0),
          items: explain(database, account),
        };
      },
    },
  ],
  search({ database }, text) {
    const number = numberIn(text, "epoch");
    const row = number === undefined ? undefined : eventOf(database, "OfficeTaken", number);
    return row === undefined ? [] : [{ kind: "Epoch", title: `Epoch ${number}`, path: `/epochs/${number}` }];
  },
};

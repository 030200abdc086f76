/** Lists shard maps, and shows one with its versions, holders and limits; and where a shard of a given id is kept. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import type { Holder } from "../../../certificate/shard-map.js";
import { holdersOf } from "../../../shards/placement.js";
import type { Database } from "../../database.js";
import type { Found } from "../../found.js";
import type { EventLine, Page } from "../../lines.js";
import { type Query, notFound, numberIn } from "../../query.js";
import { type EventRow, eventLine, readPage, sourceOf } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { batchOfDevice } from "../fleets/table.js";
import { limitOf, limitsOn, scheduleOf, scheduleOfDevice, versionLine } from "./schedule.js";
import {
  type LimitRow,
  type OfferRow,
  TABLES,
  type VersionRow,
  applyToShards,
  forgetShardsAbove,
  holdersOfRow,
  sourceOfChange,
  versionNow,
} from "./table.js";
import {
  type HolderLine,
  type LimitLine,
  type OfferLine,
  type Place,
  type Schedule,
  type ShardTotals,
  type ShardsOf,
  type VersionDetail,
  type VersionLine,
  type Whose,
  manifest,
} from "./view.js";

const HASH = /^(?:0x)?([0-9a-f]{64})$/i;
/** Maps with one root that a search names. */
const SAME_ROOT = 5;

function whose(query: Query): Whose {
  return { fleetId: query.number("fleet"), subject: query.matching("subject", /^(0|[1-9]\d{0,19})$/, "0 or a number") };
}

/** Who the ledger says has a holder's key: a validator, or a device that its registrar offered. */
function holderLine(database: Database, fleetId: number, { tlsPin, endpoint }: Holder): HolderLine {
  const pin = `0x${bytesToHex(tlsPin)}`;
  const line = { tlsPin: pin, endpoint };
  const offer = database.get<{ device: number }>(
    "SELECT device FROM shardOffers WHERE fleetId = ? AND tlsPin = ? AND until IS NULL AND isOpen = 1 LIMIT 1",
    fleetId,
    pin,
  );
  if (offer !== undefined) return { ...line, who: { kind: "device", value: String(offer.device) } };
  const validator = database.get<{ account: string }>(
    "SELECT account FROM validators WHERE tlsPin = ? AND until IS NULL LIMIT 1",
    pin,
  );
  return validator === undefined ? line : { ...line, who: { kind: "validator", value: validator.account } };
}

function detailOf({ database, now }: ViewContext, row: VersionRow): VersionDetail {
  const keepers = holdersOfRow(row)?.map((holder) => holderLine(database, row.fleetId, holder));
  return { ...versionLine(database, row, now()), keepers, keepersSource: sourceOfChange(database, row.holdersId) };
}

function placeOf({ database, now }: ViewContext, id: Uint8Array, row: VersionRow): Place {
  const { fleetId, subject, version, replicas } = row;
  const { status } = versionLine(database, row, now());
  const keepers = holdersOf(id, holdersOfRow(row) ?? [], replicas);
  return {
    id: row.id,
    fleetId,
    subject,
    version,
    status,
    keepers: keepers.map((holder) => holderLine(database, fleetId, holder)),
  };
}

function shardsOfDevice({ database, now }: ViewContext, index: number): ShardsOf {
  const batch = batchOfDevice(database, index);
  if (batch === undefined) throw notFound(`device ${index}: no batch has this index`);
  const { fleetId } = batch;
  const schedule = scheduleOfDevice(database, fleetId, index, now());
  const limits = limitsOn(database, { fleetId, index, validFrom: schedule?.current?.validFrom, now: now() });
  return { fleetId, limits, ...(schedule === undefined ? {} : { schedule }) };
}

function shardsOfFleet({ database, now }: ViewContext, fleetId: number): ShardsOf {
  const schedule = scheduleOf(database, fleetId, "0", now());
  const limits = limitsOn(database, { fleetId, validFrom: schedule?.current?.validFrom, now: now() });
  return { fleetId, limits, ...(schedule === undefined ? {} : { schedule }) };
}

function searchHash({ database }: ViewContext, hash: string): readonly Found[] {
  const versions = database.all<VersionRow>(
    "SELECT * FROM shardVersions WHERE root = ? AND kind = 'rotated' LIMIT ?",
    `0x${hash}`,
    SAME_ROOT,
  );
  const maps = versions.map(({ fleetId, subject, version }) => ({
    kind: "Shard map",
    title: `Version ${version} of ${subject === "0" ? `fleet ${fleetId}` : `device ${BigInt(subject) - 1n}`}`,
    path: `/shards/${fleetId}/${subject}/${version}`,
  }));
  if (maps.length > 0) return maps;
  // The ledger lists no shards, but says of any id who keeps it. What is known by this hash is meant as that.
  const isKnown =
    database.get("SELECT 1 FROM transactions WHERE hash = ?", `0x${hash}`) ??
    database.get("SELECT 1 FROM blocks WHERE hash = ?", `0x${hash}`) ??
    database.get("SELECT 1 FROM validators WHERE tlsPin = ? AND until IS NULL", `0x${hash}`);
  const hasMaps = database.get("SELECT 1 FROM shardVersions WHERE kind = 'rotated' AND version = 1 LIMIT 1");
  if (isKnown !== undefined || hasMaps === undefined) return [];
  return [{ kind: "Shard", title: `0x${hash}`, path: `/shards/ids/0x${hash}` }];
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  present: (addresses) => "shards" in addresses,
  apply: applyToShards,
  forgetAbove: forgetShardsAbove,
  routes: [
    {
      path: "/shards",
      answer({ database, now }, query): Page<Schedule & { readonly id: number }> {
        return readPage<VersionRow, Schedule & { readonly id: number }>(database, query, {
          sql: "SELECT * FROM shardVersions INDEXED BY shardMaps WHERE kind = 'rotated' AND version = 1 AND id < ? ORDER BY id DESC LIMIT ?",
          place: ({ id }) => id,
          item: ({ id, fleetId, subject }) => ({
            ...(scheduleOf(database, fleetId, subject, now()) as Schedule),
            id,
          }),
        });
      },
    },
    {
      path: "/shard-totals",
      answer({ database }): ShardTotals {
        const count = (sql: string): number => database.get<{ count: number }>(sql)?.count ?? 0;
        return {
          maps: count("SELECT count(*) AS count FROM shardVersions WHERE kind = 'rotated' AND version = 1"),
          versions: count("SELECT count(*) AS count FROM shardVersions WHERE kind = 'rotated'"),
        };
      },
    },
    { path: "/shards-of/device/:index", answer: (context, query) => shardsOfDevice(context, query.number("index")) },
    { path: "/shards-of/fleet/:fleet", answer: (context, query) => shardsOfFleet(context, query.number("fleet")) },
    {
      path: "/shards/ids/:id",
      answer(context, query): Page<Place> {
        const [, id = ""] = HASH.exec(query.matching("id", HASH, "32 bytes in hexadecimal")) ?? [];
        return readPage<VersionRow, Place>(context.database, query, {
          sql: "SELECT * FROM shardVersions WHERE kind = 'rotated' AND id < ? ORDER BY id DESC LIMIT ?",
          place: (row) => row.id,
          item({ id: order, fleetId, subject, version }) {
            const row = versionNow(context.database, fleetId, subject, version) as VersionRow;
            return placeOf(context, hexToBytes(id), { ...row, id: order });
          },
        });
      },
    },
    {
      path: "/shards/:fleet/:subject",
      answer({ database, now }, query): Schedule {
        const { fleetId, subject } = whose(query);
        const schedule = scheduleOf(database, fleetId, subject, now());
        if (schedule === undefined) throw notFound(`shard map of fleet ${fleetId} for subject ${subject}`);
        return schedule;
      },
    },
    {
      path: "/shards/:fleet/:subject/:version",
      answer(context, query): VersionDetail {
        const { fleetId, subject } = whose(query);
        const version = query.number("version");
        const row = versionNow(context.database, fleetId, subject, version);
        if (row === undefined) throw notFound(`version ${version} of this shard map`);
        return detailOf(context, row);
      },
    },
    {
      path: "/shard-versions/:fleet/:subject",
      answer({ database, now }, query): Page<VersionLine> {
        const { fleetId, subject } = whose(query);
        return readPage<VersionRow, VersionLine>(database, query, {
          sql: "SELECT * FROM shardVersions WHERE fleetId = ? AND subject = ? AND until IS NULL AND version < ? ORDER BY version DESC LIMIT ?",
          values: [fleetId, subject],
          place: ({ version }) => version,
          item: (row) => versionLine(database, row, now()),
        });
      },
    },
    {
      path: "/shard-changes/:fleet/:subject",
      answer({ database }, query): Page<EventLine> {
        const { fleetId, subject } = whose(query);
        return readPage<{ id: number }, EventLine>(database, query, {
          sql: "SELECT id FROM shardVersions WHERE fleetId = ? AND subject = ? AND id < ? ORDER BY id DESC LIMIT ?",
          values: [fleetId, subject],
          place: ({ id }) => id,
          item: ({ id }) => eventLine(database.get<EventRow>("SELECT * FROM events WHERE id = ?", id) as EventRow),
        });
      },
    },
    {
      path: "/shard-limits/:fleet",
      answer: ({ database }, query): Page<LimitLine> =>
        readPage<LimitRow, LimitLine>(database, query, {
          sql: "SELECT * FROM shardLimits WHERE fleetId = ? AND until IS NULL AND id < ? ORDER BY id DESC LIMIT ?",
          values: [query.number("fleet")],
          place: ({ id }) => id,
          item: (row) => ({ id: row.id, ...limitOf(row) }),
        }),
    },
    {
      path: "/shard-offers/:fleet",
      answer: ({ database }, query): Page<OfferLine> =>
        readPage<OfferRow, OfferLine>(database, query, {
          sql: "SELECT * FROM shardOffers WHERE fleetId = ? AND until IS NULL AND isOpen = 1 AND id < ? ORDER BY id DESC LIMIT ?",
          values: [query.number("fleet")],
          place: ({ id }) => id,
          item: ({ id, device, endpoint, tlsPin, ...row }) => ({ id, device, endpoint, tlsPin, source: sourceOf(row) }),
        }),
    },
  ],
  search(context, text) {
    const hash = HASH.exec(text)?.[1];
    if (hash !== undefined) return searchHash(context, hash.toLowerCase());
    const fleetId = numberIn(text, "shards");
    const { database, now } = context;
    return fleetId === undefined || scheduleOf(database, fleetId, "0", now()) === undefined
      ? []
      : [{ kind: "Shards", title: `Shards of fleet ${fleetId}`, path: `/shards/${fleetId}/0` }];
  },
};

/** Which version of a subject's shards is in force, by the rules of `IShardMap`, and when the next one comes. */
import { type MapStatus, SERVED, limitConcerns, mapStatus } from "../../../ledger/shard-book.js";
import { SCHEME } from "../../../shards/splitting.js";
import type { Database } from "../../database.js";
import { sourceOf } from "../../records.js";
import { type LimitRow, type VersionRow, holdersOfRow, sourceOfChange, versionNow } from "./table.js";
import type { Limit, Schedule, ShardsOf, Turn, VersionLine } from "./view.js";

/** Versions that are looked back at for one that is still served; the grace of older ones is over long since. */
const LOOKED_BACK = 16;
/** Fleets that an overview looks at. */
const FLEETS = 64;
/** Limits of scopes that a device's page shows. */
const SCOPES = 20;

export function versionLine(database: Database, row: VersionRow, now: number): VersionLine {
  const { fleetId, subject, version, scheme, threshold, shards, replicas, root } = row;
  const { validFrom, graceSeconds, rotationSeconds, invalidated } = row;
  const next = versionNow(database, fleetId, subject, version + 1);
  const end = Math.min(row.validUntil, next?.validFrom ?? Infinity);
  const status: MapStatus = mapStatus({ validFrom, end, graceSeconds, invalidated: invalidated === 1 }, now);
  return {
    fleetId,
    subject,
    version,
    status,
    scheme: scheme === SCHEME.shamir ? "Shamir" : "segments",
    threshold,
    shards,
    replicas,
    validFrom,
    // One that was replaced before it began never served.
    validUntil: Math.max(end, validFrom),
    graceSeconds,
    rotationSeconds,
    root,
    holders: holdersOfRow(row)?.length,
    source: sourceOfChange(database, row.putId),
  };
}

/** Undefined where the subject has no map. */
export function scheduleOf(database: Database, fleetId: number, subject: string, now: number): Schedule | undefined {
  const rows = database.all<VersionRow>(
    "SELECT * FROM shardVersions WHERE fleetId = ? AND subject = ? AND until IS NULL ORDER BY version DESC LIMIT ?",
    fleetId,
    subject,
    LOOKED_BACK,
  );
  const lines = rows.map((row) => versionLine(database, row, now));
  const [latest] = lines;
  if (latest === undefined) return undefined;
  const current = lines.find(({ status }) => SERVED.has(status));
  const turn = turnOf(latest, lines);
  return {
    fleetId,
    subject,
    latest,
    ...(current === undefined ? {} : { current }),
    ...(turn === undefined ? {} : { turn }),
  };
}

function turnOf(latest: VersionLine, lines: readonly VersionLine[]): Turn | undefined {
  // Of several that begin later the soonest.
  const coming = lines.findLast(({ status }) => status === "pending");
  if (coming !== undefined)
    return { kind: "begins", version: coming.version, at: coming.validFrom, source: coming.source };
  if (latest.status === "invalidated") return undefined;
  const at = Math.min(latest.validFrom + latest.rotationSeconds, latest.validUntil);
  return { kind: "due", version: latest.version + 1, at };
}

/** Of the newest fleets that have a map. */
export function schedulesOfFleets(database: Database, now: number): readonly Schedule[] {
  const rows = database.all<{ fleetId: number }>(
    "SELECT fleetId FROM shardVersions INDEXED BY shardMapsOfFleets WHERE kind = 'rotated' AND version = 1 AND subject = '0' ORDER BY id DESC LIMIT ?",
    FLEETS,
  );
  return rows.flatMap(({ fleetId }) => scheduleOf(database, fleetId, "0", now) ?? []);
}

/** The map that counts for a device: its own while a version of it is served, else its fleet's. */
export function scheduleOfDevice(
  database: Database,
  fleetId: number,
  index: number,
  now: number,
): Schedule | undefined {
  const own = scheduleOf(database, fleetId, String(index + 1), now);
  return own?.current === undefined ? (scheduleOf(database, fleetId, "0", now) ?? own) : own;
}

export function limitOf({ kind, name, ends, ...row }: LimitRow): Limit {
  return { kind, name, until: ends, source: sourceOf(row) };
}

/** What keeps a device from its shards: its own limit, then those of scopes in its fleet; without a device the latter alone. */
export function limitsOn(
  database: Database,
  { fleetId, index, validFrom, now }: { fleetId: number; index?: number; validFrom: number | undefined; now: number },
): ShardsOf["limits"] {
  const own = database.all<LimitRow>(
    "SELECT * FROM shardLimits WHERE fleetId = ? AND kind = 'device' AND name = ? AND until IS NULL",
    fleetId,
    index === undefined ? "" : String(index),
  );
  const scopes = database.all<LimitRow>(
    "SELECT * FROM shardLimits WHERE fleetId = ? AND kind = 'scope' AND until IS NULL ORDER BY id DESC LIMIT ?",
    fleetId,
    SCOPES,
  );
  return [...own, ...scopes].map((row) => ({
    ...limitOf(row),
    bites: validFrom !== undefined && limitConcerns(row.ends, validFrom, now),
  }));
}

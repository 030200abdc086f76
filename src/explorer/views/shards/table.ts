/** Versions of shard maps, limits and offered holders as they stand after each of their events: the newest state of each has no end. */
import { type Holder, decodeHolders } from "../../../certificate/shard-map.js";
import { INTERFACES } from "../../../ledger/contracts.js";
import type { Database } from "../../database.js";
import type { Args } from "../../json.js";
import type { Source } from "../../lines.js";
import { field, numberOf, sourceOf, textOf } from "../../records.js";
import type { IndexedEvent } from "../../view.js";

/** Subjects are texts: the swarm may name any of 64 bits, and a number of this program has 53. */
export const TABLES = `
CREATE TABLE IF NOT EXISTS shardVersions (
  id INTEGER PRIMARY KEY, fleetId INTEGER NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL, block INTEGER NOT NULL,
  time INTEGER NOT NULL, hash TEXT NOT NULL, until INTEGER, kind TEXT NOT NULL, scheme INTEGER NOT NULL, threshold INTEGER NOT NULL,
  shards INTEGER NOT NULL, replicas INTEGER NOT NULL, validFrom INTEGER NOT NULL, validUntil INTEGER NOT NULL,
  graceSeconds INTEGER NOT NULL, rotationSeconds INTEGER NOT NULL, root TEXT NOT NULL, invalidated INTEGER NOT NULL, holders BLOB NOT NULL,
  putId INTEGER NOT NULL, holdersId INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS shardVersionsNow ON shardVersions (fleetId, subject, version) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS shardMaps ON shardVersions (id) WHERE kind = 'rotated' AND version = 1;
CREATE INDEX IF NOT EXISTS shardMapsOfFleets ON shardVersions (id) WHERE kind = 'rotated' AND version = 1 AND subject = '0';
CREATE INDEX IF NOT EXISTS shardRotations ON shardVersions (id) WHERE kind = 'rotated';
CREATE INDEX IF NOT EXISTS shardVersionsByRoot ON shardVersions (root) WHERE kind = 'rotated';
CREATE INDEX IF NOT EXISTS shardChangesOfSubject ON shardVersions (fleetId, subject, id);
CREATE INDEX IF NOT EXISTS shardVersionsByBlock ON shardVersions (block);
CREATE INDEX IF NOT EXISTS shardVersionsByUntil ON shardVersions (until) WHERE until IS NOT NULL;

CREATE TABLE IF NOT EXISTS shardLimits (
  id INTEGER PRIMARY KEY, fleetId INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, ends INTEGER NOT NULL,
  block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL, until INTEGER
);
CREATE INDEX IF NOT EXISTS shardLimitsNow ON shardLimits (fleetId, id) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS shardLimitsByName ON shardLimits (fleetId, kind, name) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS shardLimitsOfScopes ON shardLimits (fleetId, id) WHERE kind = 'scope' AND until IS NULL;

CREATE TABLE IF NOT EXISTS shardOffers (
  id INTEGER PRIMARY KEY, fleetId INTEGER NOT NULL, device INTEGER NOT NULL, tlsPin TEXT NOT NULL, endpoint TEXT NOT NULL,
  isOpen INTEGER NOT NULL, block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL, until INTEGER
);
CREATE INDEX IF NOT EXISTS shardOffersNow ON shardOffers (fleetId, id) WHERE until IS NULL AND isOpen = 1;
CREATE INDEX IF NOT EXISTS shardOffersByDevice ON shardOffers (fleetId, device) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS shardOffersByPin ON shardOffers (fleetId, tlsPin) WHERE until IS NULL AND isOpen = 1;
`;

export interface VersionRow extends Source {
  readonly id: number;
  readonly fleetId: number;
  readonly subject: string;
  readonly version: number;
  /** What the event did. */
  readonly kind: "rotated" | "shortened" | "invalidated" | "holders";
  readonly scheme: number;
  readonly threshold: number;
  readonly shards: number;
  readonly replicas: number;
  readonly validFrom: number;
  readonly validUntil: number;
  readonly graceSeconds: number;
  readonly rotationSeconds: number;
  readonly root: string;
  readonly invalidated: number;
  /** CBOR, as the ledger has it: whatever the registrar wrote. */
  readonly holders: Uint8Array;
  /** The events that put it on the ledger, and that named its holders last. */
  readonly putId: number;
  readonly holdersId: number;
}

export interface LimitRow extends Source {
  readonly id: number;
  readonly fleetId: number;
  readonly kind: "scope" | "device";
  readonly name: string;
  readonly ends: number;
}

export interface OfferRow extends Source {
  readonly id: number;
  readonly device: number;
  readonly tlsPin: string;
  readonly endpoint: string;
}

/** A version as it stands. */
export function versionNow(
  database: Database,
  fleetId: number,
  subject: string,
  version: number,
): VersionRow | undefined {
  return database.get<VersionRow>(
    "SELECT * FROM shardVersions WHERE fleetId = ? AND subject = ? AND version = ? AND until IS NULL",
    fleetId,
    subject,
    version,
  );
}

/** Where one of a version's events is. */
export function sourceOfChange(database: Database, id: number): Source {
  const sql = "SELECT hash, block, time FROM shardVersions WHERE id = ?";
  return sourceOf(database.get<Source>(sql, id) as Source);
}

/** The list of holders; undefined where it is none that anybody accepts. */
export function holdersOfRow({ holders }: Pick<VersionRow, "holders">): readonly Holder[] | undefined {
  try {
    return decodeHolders(holders);
  } catch {
    return undefined;
  }
}

/** Of the log itself: decoded arguments show the beginning of long bytes only. */
function rawHolders({ name, raw }: IndexedEvent): Uint8Array {
  const { holders } = INTERFACES.shards.decodeEventLog(name, raw.data, raw.topics) as unknown as { holders: string };
  return new Uint8Array(Buffer.from(holders.slice(2), "hex"));
}

type State = Pick<
  VersionRow,
  | "scheme"
  | "threshold"
  | "shards"
  | "replicas"
  | "validFrom"
  | "validUntil"
  | "graceSeconds"
  | "rotationSeconds"
  | "root"
  | "invalidated"
  | "holders"
  | "putId"
  | "holdersId"
>;

export function applyToShards(database: Database, event: IndexedEvent): void {
  if (event.contract !== "shards") return;
  const { args } = event;
  switch (event.name) {
    case "MapRotated":
      return putVersion(database, event, numberOf(args, "terms", "version"), "rotated", {
        ...termsOf(field(args, "terms") as Args),
        invalidated: 0,
        holders: rawHolders(event),
        putId: event.id,
        holdersId: event.id,
      });
    case "MapShortened":
      return changeVersion(database, event, "shortened", {
        validUntil: numberOf(args, "validUntil"),
        graceSeconds: numberOf(args, "graceSeconds"),
      });
    case "MapInvalidated":
      return changeVersion(database, event, "invalidated", { invalidated: 1 });
    case "HoldersReplaced":
      return changeVersion(database, event, "holders", { holders: rawHolders(event), holdersId: event.id });
    case "ScopeLimited":
      return putLimit(database, event, "scope", textOf(args, "scope"));
    case "DeviceLimited":
      return putLimit(database, event, "device", textOf(args, "index"));
    case "HolderAdded":
    case "HolderRemoved":
      return putOffer(database, event);
    default:
  }
}

function termsOf(terms: Args): Omit<State, "invalidated" | "holders" | "putId" | "holdersId"> {
  const of = (name: string): number => numberOf(terms, name);
  return {
    scheme: of("scheme"),
    threshold: of("threshold"),
    shards: of("shards"),
    replicas: of("replicas"),
    validFrom: of("validFrom"),
    validUntil: of("validUntil"),
    graceSeconds: of("graceSeconds"),
    rotationSeconds: of("rotationSeconds"),
    root: textOf(terms, "root").toLowerCase(),
  };
}

function changeVersion(
  database: Database,
  event: IndexedEvent,
  kind: VersionRow["kind"],
  change: Partial<State>,
): void {
  const { fleetId, subject, version } = named(event);
  const before = versionNow(database, fleetId, subject, version);
  if (before === undefined) return;
  database.run("UPDATE shardVersions SET until = ? WHERE id = ?", event.block, before.id);
  putVersion(database, event, version, kind, { ...before, ...change });
}

function named({ args }: IndexedEvent): { fleetId: number; subject: string; version: number } {
  return {
    fleetId: numberOf(args, "fleetId"),
    subject: textOf(args, "subject"),
    version: numberOf(args, "version"),
  };
}

function putVersion(
  database: Database,
  event: IndexedEvent,
  version: number,
  kind: VersionRow["kind"],
  state: State,
): void {
  const { id, block, time, hash } = event;
  const { fleetId, subject } = named(event);
  database.run(
    "INSERT INTO shardVersions VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    id,
    fleetId,
    subject,
    version,
    block,
    time,
    hash,
    kind,
    state.scheme,
    state.threshold,
    state.shards,
    state.replicas,
    state.validFrom,
    state.validUntil,
    state.graceSeconds,
    state.rotationSeconds,
    state.root,
    state.invalidated,
    state.holders,
    state.putId,
    state.holdersId,
  );
}

function putLimit(database: Database, event: IndexedEvent, kind: LimitRow["kind"], name: string): void {
  const { id, block, time, hash, args } = event;
  const fleetId = numberOf(args, "fleetId");
  database.run(
    "UPDATE shardLimits SET until = ? WHERE fleetId = ? AND kind = ? AND name = ? AND until IS NULL",
    block,
    fleetId,
    kind,
    name,
  );
  database.run(
    "INSERT INTO shardLimits VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
    id,
    fleetId,
    kind,
    name,
    numberOf(args, "until"),
    block,
    time,
    hash,
  );
}

function putOffer(database: Database, event: IndexedEvent): void {
  const { id, block, time, hash, args, name } = event;
  const [fleetId, device] = [numberOf(args, "fleetId"), numberOf(args, "index")];
  database.run(
    "UPDATE shardOffers SET until = ? WHERE fleetId = ? AND device = ? AND until IS NULL",
    block,
    fleetId,
    device,
  );
  database.run(
    "INSERT INTO shardOffers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
    id,
    fleetId,
    device,
    textOf(args, "tlsPin").toLowerCase(),
    textOf(args, "endpoint"),
    name === "HolderAdded" ? 1 : 0,
    block,
    time,
    hash,
  );
}

export function forgetShardsAbove(database: Database, block: number): void {
  for (const table of ["shardVersions", "shardLimits", "shardOffers"]) {
    database.run(`DELETE FROM ${table} WHERE block > ?`, block);
    database.run(`UPDATE ${table} SET until = NULL WHERE until > ?`, block);
  }
}

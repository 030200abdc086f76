/** Grants, fleets and batches as their events gave them: none of them ever changes. */
import type { Database } from "../../database.js";
import { field, listOf, numberOf, sourceOf, textOf } from "../../records.js";
import type { Args } from "../../json.js";
import type { Source } from "../../lines.js";
import type { IndexedEvent } from "../../view.js";
import type { BatchLine, FleetLine, GrantLine, Policy } from "./view.js";

export const TABLES = `
CREATE TABLE IF NOT EXISTS grants (
  grantId INTEGER PRIMARY KEY, registrar TEXT NOT NULL, scopes TEXT NOT NULL, indexes INTEGER NOT NULL, candidates INTEGER NOT NULL,
  expiry INTEGER NOT NULL,
  block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS grantsByRegistrar ON grants (registrar, grantId);
CREATE TABLE IF NOT EXISTS fleets (
  fleetId INTEGER PRIMARY KEY, grantId INTEGER NOT NULL, registrar TEXT NOT NULL, policy TEXT NOT NULL,
  block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS fleetsByGrant ON fleets (grantId, fleetId);
CREATE INDEX IF NOT EXISTS fleetsByRegistrar ON fleets (registrar, fleetId);
CREATE TABLE IF NOT EXISTS batches (
  base INTEGER PRIMARY KEY, count INTEGER NOT NULL, fleetId INTEGER NOT NULL, grantId INTEGER NOT NULL, batch INTEGER NOT NULL,
  root TEXT NOT NULL, block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS batchesByFleet ON batches (fleetId, batch, count);
CREATE INDEX IF NOT EXISTS batchesByGrant ON batches (grantId, count);
`;

const JOIN_METHODS = ["identity key", "pre-shared key", "PKCS#10 request", "attestation"];

export function applyToFleets(database: Database, { name, args, block, time, hash }: IndexedEvent): void {
  switch (name) {
    case "GrantGiven":
      database.run(
        "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        numberOf(args, "grantId"),
        textOf(args, "registrar").toLowerCase(),
        JSON.stringify(listOf(args, "scopes")),
        numberOf(args, "indexes"),
        numberOf(args, "candidates"),
        numberOf(args, "expiry"),
        block,
        time,
        hash,
      );
      return;
    case "FleetRegistered": {
      const grantId = numberOf(args, "grantId");
      const registrar = database.get<{ registrar: string }>(
        "SELECT registrar FROM grants WHERE grantId = ?",
        grantId,
      )?.registrar;
      database.run(
        "INSERT INTO fleets VALUES (?, ?, ?, ?, ?, ?, ?)",
        numberOf(args, "fleetId"),
        grantId,
        registrar ?? "",
        JSON.stringify(policyOf(field(args, "policy") as Args)),
        block,
        time,
        hash,
      );
      return;
    }
    case "BatchAppended": {
      const fleetId = numberOf(args, "fleetId");
      const grantId = database.get<{ grantId: number }>(
        "SELECT grantId FROM fleets WHERE fleetId = ?",
        fleetId,
      )?.grantId;
      database.run(
        "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        numberOf(args, "base"),
        numberOf(args, "count"),
        fleetId,
        grantId ?? 0,
        numberOf(args, "batch"),
        textOf(args, "manifestRoot"),
        block,
        time,
        hash,
      );
      return;
    }
    default:
  }
}

function policyOf(policy: Args): Policy {
  const bits = numberOf(policy, "joinMethods");
  return {
    scopes: listOf(policy, "scopes"),
    maximumLifetime: numberOf(policy, "maximumLifetime"),
    quota: numberOf(policy, "quota"),
    joinMethods: JOIN_METHODS.filter((_, i) => ((bits >> i) & 1) === 1),
    graceSeconds: numberOf(policy, "graceSeconds"),
  };
}

export function forgetFleetsAbove(database: Database, block: number): void {
  for (const table of ["grants", "fleets", "batches"]) database.run(`DELETE FROM ${table} WHERE block > ?`, block);
}

export interface GrantRow extends Source {
  readonly grantId: number;
  readonly registrar: string;
  readonly scopes: string;
  readonly indexes: number;
  readonly candidates: number;
  readonly expiry: number;
}

export interface FleetRow extends Source {
  readonly fleetId: number;
  readonly grantId: number;
  readonly registrar: string;
  readonly policy: string;
}

export interface BatchRow extends Source {
  readonly base: number;
  readonly count: number;
  readonly fleetId: number;
  readonly batch: number;
  readonly root: string;
}

export function grantLine(database: Database, row: GrantRow): GrantLine {
  const { grantId, registrar, scopes, indexes, candidates, expiry } = row;
  const { used = 0 } =
    database.get<{ used: number | null }>("SELECT sum(count) AS used FROM batches WHERE grantId = ?", grantId) ?? {};
  return {
    grantId,
    registrar,
    scopes: JSON.parse(scopes) as string[],
    indexes,
    left: indexes - (used ?? 0),
    candidates,
    expiry,
    source: sourceOf(row),
  };
}

export function fleetLine(database: Database, row: FleetRow): FleetLine {
  const { fleetId, grantId, registrar, policy } = row;
  const sums = database.get<{ devices: number | null; batches: number }>(
    "SELECT sum(count) AS devices, count(*) AS batches FROM batches WHERE fleetId = ?",
    fleetId,
  );
  return {
    fleetId,
    grantId,
    registrar,
    policy: JSON.parse(policy) as Policy,
    devices: sums?.devices ?? 0,
    batches: sums?.batches ?? 0,
    source: sourceOf(row),
  };
}

export function batchLine(row: BatchRow): BatchLine {
  const { fleetId, batch, root, base, count } = row;
  return { fleetId, batch, manifestRoot: root, base, count, source: sourceOf(row) };
}

/** The batch that a device is of. */
export function batchOfDevice(database: Database, index: number): BatchRow | undefined {
  const row = database.get<BatchRow>("SELECT * FROM batches WHERE base <= ? ORDER BY base DESC LIMIT 1", index);
  return row !== undefined && index < row.base + row.count ? row : undefined;
}

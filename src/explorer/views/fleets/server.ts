/** Lists fleets and grants, and shows a tenant, a fleet or a device. */
import type { Page } from "../../lines.js";
import { notFound, numberIn } from "../../query.js";
import { readPage } from "../../records.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { changesOfDevice } from "../revocation/table.js";
import {
  TABLES,
  type BatchRow,
  type FleetRow,
  type GrantRow,
  applyToFleets,
  batchLine,
  batchOfDevice,
  fleetLine,
  forgetFleetsAbove,
  grantLine,
} from "./table.js";
import {
  type DeviceDetail,
  type FleetDetail,
  type FleetLine,
  type FleetTotals,
  type GrantLine,
  type TenantDetail,
  manifest,
} from "./view.js";

const MOST = 200;
const WORD_BITS = 256;

function deviceOf({ database }: ViewContext, index: number): DeviceDetail | undefined {
  const batch = batchOfDevice(database, index);
  if (batch === undefined) return undefined;
  const fleet = database.get<FleetRow>("SELECT * FROM fleets WHERE fleetId = ?", batch.fleetId) as FleetRow;
  const changes = changesOfDevice(database, index);
  const lastHold = changes.findLast(({ kind }) => kind !== "revoked");
  return {
    index,
    fleet: fleetLine(database, fleet),
    batch: batchLine(batch),
    word: Math.floor(index / WORD_BITS),
    bit: index % WORD_BITS,
    revoked: changes.some(({ kind }) => kind === "revoked"),
    held: lastHold?.kind === "held",
    changes,
  };
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  apply: applyToFleets,
  forgetAbove: forgetFleetsAbove,
  routes: [
    {
      path: "/fleets",
      answer({ database }, query): Page<FleetLine> {
        return readPage<FleetRow, FleetLine>(database, query, {
          sql: "SELECT * FROM fleets WHERE fleetId < ? ORDER BY fleetId DESC LIMIT ?",
          place: ({ fleetId }) => fleetId,
          item: (row) => fleetLine(database, row),
        });
      },
    },
    {
      path: "/grants",
      answer({ database }, query): Page<GrantLine> {
        return readPage<GrantRow, GrantLine>(database, query, {
          sql: "SELECT * FROM grants WHERE grantId < ? ORDER BY grantId DESC LIMIT ?",
          place: ({ grantId }) => grantId,
          item: (row) => grantLine(database, row),
        });
      },
    },
    {
      path: "/fleet-totals",
      answer({ database }): FleetTotals {
        const count = (sql: string): number => database.get<{ count: number | null }>(sql)?.count ?? 0;
        return {
          grants: count("SELECT count(*) AS count FROM grants"),
          fleets: count("SELECT count(*) AS count FROM fleets"),
          devices: count("SELECT sum(count) AS count FROM batches"),
        };
      },
    },
    {
      path: "/fleets/:fleet",
      answer({ database }, query): FleetDetail {
        const fleetId = query.number("fleet");
        const row = database.get<FleetRow>("SELECT * FROM fleets WHERE fleetId = ?", fleetId);
        if (row === undefined) throw notFound(`fleet ${fleetId}`);
        const grant = database.get<GrantRow>("SELECT * FROM grants WHERE grantId = ?", row.grantId) as GrantRow;
        const batches = database.all<BatchRow>(
          "SELECT * FROM batches WHERE fleetId = ? ORDER BY batch DESC LIMIT ?",
          fleetId,
          MOST,
        );
        return { ...fleetLine(database, row), grant: grantLine(database, grant), list: batches.map(batchLine) };
      },
    },
    {
      path: "/tenants/:account",
      answer({ database }, query): TenantDetail {
        const account = query.address("account");
        const grants = database.all<GrantRow>(
          "SELECT * FROM grants WHERE registrar = ? ORDER BY grantId DESC LIMIT ?",
          account,
          MOST,
        );
        if (grants.length === 0) throw notFound(`tenant ${account}: it never had a grant`);
        const fleets = database.all<FleetRow>(
          "SELECT * FROM fleets WHERE registrar = ? ORDER BY fleetId DESC LIMIT ?",
          account,
          MOST,
        );
        return {
          account,
          grants: grants.map((row) => grantLine(database, row)),
          fleets: fleets.map((row) => fleetLine(database, row)),
        };
      },
    },
    {
      path: "/grants/:grant",
      answer({ database }, query): GrantLine & { readonly fleets: readonly FleetLine[] } {
        const grantId = query.number("grant");
        const row = database.get<GrantRow>("SELECT * FROM grants WHERE grantId = ?", grantId);
        if (row === undefined) throw notFound(`grant ${grantId}`);
        const fleets = database.all<FleetRow>(
          "SELECT * FROM fleets WHERE grantId = ? ORDER BY fleetId DESC LIMIT ?",
          grantId,
          MOST,
        );
        return { ...grantLine(database, row), fleets: fleets.map((fleet) => fleetLine(database, fleet)) };
      },
    },
    {
      path: "/devices/:index",
      answer(context, query): DeviceDetail {
        const index = query.number("index");
        const device = deviceOf(context, index);
        if (device === undefined) throw notFound(`device ${index}: no batch has this index`);
        return device;
      },
    },
  ],
  search({ database }, text) {
    const device = numberIn(text, "device", 13);
    const fleet = numberIn(text, "fleet");
    const hasDevice = device !== undefined && batchOfDevice(database, device) !== undefined;
    const hasFleet = fleet !== undefined && database.get("SELECT 1 FROM fleets WHERE fleetId = ?", fleet) !== undefined;
    return [
      ...(hasDevice ? [{ kind: "Device", title: `Device ${device}`, path: `/devices/${device}` }] : []),
      ...(hasFleet ? [{ kind: "Fleet", title: `Fleet ${fleet}`, path: `/fleets/${fleet}` }] : []),
    ];
  },
};

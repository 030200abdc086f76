/** Tenants, their grants and fleets, and single devices. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "fleets",
  title: "Fleets",
  order: 30,
  paths: ["/fleets", "/fleets/:fleet", "/tenants/:account", "/grants/:grant", "/devices/:index"],
};

export interface GrantLine {
  readonly grantId: number;
  readonly registrar: string;
  readonly scopes: readonly string[];
  /** Devices that may be registered, and how many of them are left. */
  readonly indexes: number;
  readonly left: number;
  /** Of these devices, as many may become candidates for the committee. */
  readonly candidates: number;
  /** Seconds since 1970. */
  readonly expiry: number;
  readonly source: Source;
}

export interface Policy {
  readonly scopes: readonly string[];
  readonly maximumLifetime: number;
  readonly quota: number;
  readonly joinMethods: readonly string[];
  readonly graceSeconds: number;
}

export interface FleetLine {
  readonly fleetId: number;
  readonly grantId: number;
  readonly registrar: string;
  readonly policy: Policy;
  readonly devices: number;
  readonly batches: number;
  readonly source: Source;
}

export interface BatchLine {
  readonly fleetId: number;
  readonly batch: number;
  readonly manifestRoot: string;
  readonly base: number;
  readonly count: number;
  readonly source: Source;
}

export interface TenantDetail {
  readonly account: string;
  readonly grants: readonly GrantLine[];
  readonly fleets: readonly FleetLine[];
}

export interface FleetDetail extends FleetLine {
  readonly grant: GrantLine;
  /** Newest first. */
  readonly list: readonly BatchLine[];
}

export interface DeviceDetail {
  readonly index: number;
  readonly fleet: FleetLine;
  readonly batch: BatchLine;
  /** Its place in the revocation list. */
  readonly word: number;
  readonly bit: number;
  readonly revoked: boolean;
  readonly held: boolean;
  /** In the order of the chain. */
  readonly changes: readonly {
    readonly kind: "revoked" | "held" | "released";
    readonly reason: string;
    readonly source: Source;
  }[];
}

export interface FleetTotals {
  readonly grants: number;
  readonly fleets: number;
  readonly devices: number;
}

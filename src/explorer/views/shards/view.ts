/** Shard maps: which version of whose shards is in force, when it rotates, who keeps them, and what cut them short. */
import type { MapStatus } from "../../../ledger/shard-book.js";
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "shards",
  title: "Shards",
  order: 35,
  paths: ["/shards", "/shards/ids/:id", "/shards/:fleet/:subject", "/shards/:fleet/:subject/:version"],
};

/** Whose shards: `subject` is "0" for the whole fleet, device index + 1 for one device, as the ledger has it. */
export interface Whose {
  readonly fleetId: number;
  readonly subject: string;
}

/** A version as it stands: shortened where it was, and ended by the next one where that begins sooner. */
export interface VersionLine extends Whose {
  readonly version: number;
  readonly status: MapStatus;
  readonly scheme: "segments" | "Shamir";
  readonly threshold: number;
  readonly shards: number;
  readonly replicas: number;
  /** Seconds since 1970, as all times here. */
  readonly validFrom: number;
  readonly validUntil: number;
  /** How long it is still served after `validUntil`. */
  readonly graceSeconds: number;
  readonly rotationSeconds: number;
  readonly root: string;
  /** How many keep its shards; undefined where the list on the ledger is no valid one. */
  readonly holders: number | undefined;
  /** What put it on the ledger. */
  readonly source: Source;
}

/** When the next version serves: from the ledger where it is there already, else as the generator's schedule has it. */
export interface Turn {
  readonly kind: "begins" | "due";
  readonly version: number;
  readonly at: number;
  /** What put the next version on the ledger. */
  readonly source?: Source;
}

/** Where a subject's shards stand. */
export interface Schedule extends Whose {
  /** The newest version on the ledger. */
  readonly latest: VersionLine;
  /** The newest version that is served now; undefined where none is. */
  readonly current?: VersionLine;
  /** Undefined where the newest version was invalidated: the next one is due at once. */
  readonly turn?: Turn;
}

/** Who keeps shards of a version. */
export interface HolderLine {
  readonly tlsPin: string;
  readonly endpoint: string;
  /** Whose key the ledger says that it is; undefined where nobody has it now. */
  readonly who?: { readonly kind: "validator" | "device"; readonly value: string };
}

export interface Limit {
  readonly kind: "scope" | "device";
  /** The scope, or the device's index. */
  readonly name: string;
  readonly until: number;
  readonly source: Source;
}

export interface LimitLine extends Limit {
  readonly id: number;
}

export interface OfferLine {
  readonly id: number;
  readonly device: number;
  readonly endpoint: string;
  readonly tlsPin: string;
  readonly source: Source;
}

export interface VersionDetail extends VersionLine {
  /** By name, in the order of the list; undefined where the list is no valid one. */
  readonly keepers: readonly HolderLine[] | undefined;
  /** What named them last. */
  readonly keepersSource: Source;
}

/** The map that counts for a device, or that its fleet has. */
export interface ShardsOf {
  readonly fleetId: number;
  /** The device's own map, or its fleet's; undefined where there is none. */
  readonly schedule?: Schedule;
  /** The limit of the device itself first, then those of scopes in its fleet. */
  readonly limits: readonly (Limit & {
    /** Whether it keeps the version that serves from whom it concerns now. */
    readonly bites: boolean;
  })[];
}

/** Where a shard is kept, under one version. */
export interface Place extends Whose {
  readonly id: number;
  readonly version: number;
  readonly status: MapStatus;
  readonly keepers: readonly HolderLine[];
}

export interface ShardTotals {
  /** Fleets and devices that have a map. */
  readonly maps: number;
  readonly versions: number;
}

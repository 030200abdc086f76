/**
 * Shard maps as the ledger has them, made from events alone: versions with their holders, shortened where they were, and the limits
 * of devices and scopes. The times are those of `IShardMap`.
 */
import type { LedgerEvent, LedgerEventNamed } from "./events.js";

export type MapFields = LedgerEventNamed<"MapRotated">["args"]["terms"];

/** A version of a map as it stands. */
export interface MapVersion {
  readonly fleetId: bigint;
  /** 0 is the whole fleet, device index + 1 one device. */
  readonly subject: bigint;
  readonly map: MapFields;
  /** CBOR, in hexadecimal digits. */
  readonly holders: string;
  readonly invalidated: boolean;
}

/** A gateway-class device that offers to keep shards. */
export interface OfferedHolder {
  readonly index: bigint;
  readonly tlsPin: string;
  readonly endpoint: string;
}

export type ShardEvent = Extract<LedgerEvent, { contract: "shards" }>;

/** Where a version stands at a time: `IShardMap.Status`. */
export type MapStatus = "pending" | "active" | "grace" | "ended" | "invalidated";

/** Versions that devices get shards of. */
export const SERVED: ReadonlySet<MapStatus> = new Set(["active", "grace"]);

/** @param terms `end` is the version's own, or the beginning of the next one where that is sooner. */
export function mapStatus(
  terms: {
    readonly validFrom: number;
    readonly end: number;
    readonly graceSeconds: number;
    readonly invalidated: boolean;
  },
  time: number,
): MapStatus {
  const { validFrom, end, graceSeconds, invalidated } = terms;
  if (invalidated) return "invalidated";
  if (time < validFrom) return "pending";
  if (time < end) return "active";
  return time < end + graceSeconds ? "grace" : "ended";
}

/** Whether a limit counts at `time` for a version that begins at `validFrom`. */
export function limitConcerns(until: number, validFrom: number, time: number): boolean {
  return time > until && validFrom < until;
}

export class ShardBook {
  /** Versions by ascending number, by fleet and subject. */
  readonly #versions = new Map<string, MapVersion[]>();
  readonly #scopes = new Map<bigint, Map<string, number>>();
  readonly #devices = new Map<bigint, Map<bigint, number>>();
  readonly #holders = new Map<bigint, Map<bigint, OfferedHolder>>();

  apply(event: ShardEvent): void {
    if (event.name === "EIP712DomainChanged") return;
    const { fleetId } = event.args;
    switch (event.name) {
      case "MapRotated": {
        const { subject, terms: map, holders } = event.args;
        const version: MapVersion = { fleetId, subject, map, holders, invalidated: false };
        inner(this.#versions, nameOf(fleetId, subject), () => []).push(version);
        return;
      }
      case "MapShortened": {
        const { subject, version, validUntil, graceSeconds } = event.args;
        this.#change(fleetId, subject, version, (was) => ({ ...was, map: { ...was.map, validUntil, graceSeconds } }));
        return;
      }
      case "MapInvalidated":
        this.#change(fleetId, event.args.subject, event.args.version, (was) => ({ ...was, invalidated: true }));
        return;
      case "HoldersReplaced": {
        const { subject, version, holders } = event.args;
        this.#change(fleetId, subject, version, (was) => ({ ...was, holders }));
        return;
      }
      case "ScopeLimited":
        inner(this.#scopes, fleetId, () => new Map()).set(event.args.scope, Number(event.args.until));
        return;
      case "DeviceLimited":
        inner(this.#devices, fleetId, () => new Map()).set(event.args.index, Number(event.args.until));
        return;
      case "HolderAdded": {
        const { index, tlsPin, endpoint } = event.args;
        inner(this.#holders, fleetId, () => new Map()).set(index, { index, tlsPin, endpoint });
        return;
      }
      case "HolderRemoved":
        this.#holders.get(fleetId)?.delete(event.args.index);
        return;
    }
  }

  versions(fleetId: bigint, subject: bigint): readonly MapVersion[] {
    return this.#versions.get(nameOf(fleetId, subject)) ?? [];
  }

  version(fleetId: bigint, subject: bigint, version: number): MapVersion | undefined {
    return this.versions(fleetId, subject)[version - 1];
  }

  /** All versions of all subjects. */
  all(): readonly MapVersion[] {
    return [...this.#versions.values()].flat();
  }

  statusAt({ fleetId, subject, map, invalidated }: MapVersion, time: number): MapStatus {
    const next = this.version(fleetId, subject, Number(map.version) + 1);
    const { validFrom, validUntil, graceSeconds } = map;
    const terms = {
      validFrom: Number(validFrom),
      end: Math.min(Number(validUntil), next === undefined ? Infinity : Number(next.map.validFrom)),
      graceSeconds: Number(graceSeconds),
      invalidated,
    };
    return mapStatus(terms, time);
  }

  /** Whether a limit keeps a device of a certified scope from a version. `covers` says which limited scopes concern it. */
  isLimited(version: MapVersion, index: bigint, covers: (scope: string) => boolean, time: number): boolean {
    const concerns = (until: number): boolean => limitConcerns(until, Number(version.map.validFrom), time);
    const device = this.#devices.get(version.fleetId)?.get(index);
    if (device !== undefined && concerns(device)) return true;
    const scopes = this.#scopes.get(version.fleetId) ?? new Map<string, number>();
    return [...scopes].some(([scope, until]) => concerns(until) && covers(scope));
  }

  offered(fleetId: bigint): readonly OfferedHolder[] {
    return [...(this.#holders.get(fleetId)?.values() ?? [])];
  }

  #change(fleetId: bigint, subject: bigint, version: bigint, to: (was: MapVersion) => MapVersion): void {
    const versions = this.#versions.get(nameOf(fleetId, subject)) ?? [];
    const place = Number(version) - 1;
    const was = versions[place];
    if (was !== undefined) versions[place] = to(was);
  }
}

function nameOf(fleetId: bigint, subject: bigint): string {
  return `${fleetId}/${subject}`;
}

function inner<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

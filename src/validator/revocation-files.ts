/**
 * Certificate revocation lists for TLS software, made with every head (docs/protocol.md, section 8.1): what the ledger says at the
 * head's block, so that all members build the same bytes. The complete list has the head's number and times; the delta list
 * the changes since a scheduled head some heads ago.
 */
import type { DrlHead } from "../certificate/drl.js";
import { crlToSign } from "../certificate/x509-crl.js";
import type { Projection } from "../ledger/projection.js";
import type { TickClock } from "../ledger/ticks.js";
import { type CrlTimes, type ListedDevice, crlEntries, isOnList, isX509Offered, listChanges } from "../protocol/crl.js";
import { FROST_KIND } from "../protocol/api.js";
import { neededAuthority } from "./authority.js";
import { registeredDevice } from "./issuing.js";
import type { FinalisedBlock } from "./standing.js";

export type ListKind = typeof FROST_KIND.crl | typeof FROST_KIND.deltaCrl;

/** A delta list goes back to the scheduled head that is at least this many scheduled heads older. */
const DELTA_HEADS = 6;

export interface RevocationFilesOptions {
  readonly projection: Projection;
  readonly ticks: TickClock;
  readonly generation: number;
  readonly meshId: Uint8Array;
  /** Seconds since 1970 of a finalised block. */
  readonly timeOf: (block: number) => Promise<number>;
}

export class RevocationFiles {
  readonly #options: RevocationFilesOptions;
  readonly #times = new Map<number, number>();
  /** The lists of the newest head asked about: members ask for each several times. */
  #made: { readonly number: number; readonly lists: Map<ListKind, Promise<Uint8Array | undefined>> } | undefined;

  constructor(options: RevocationFilesOptions) {
    this.#options = options;
  }

  /**
   * The TBSCertList of a head; undefined for a delta list that would go back to before the mesh began.
   * @throws SwarmkeepError `no-bundle` before the root has certified the group keys
   */
  toSign(kind: ListKind, head: DrlHead, finalised: FinalisedBlock): Promise<Uint8Array | undefined> {
    if (this.#made?.number !== head.number) this.#made = { number: head.number, lists: new Map() };
    const { lists } = this.#made;
    let list = lists.get(kind);
    if (list === undefined) {
      list = this.#make(kind, head, finalised);
      lists.set(kind, list);
      // What failed is tried again.
      list.catch(() => lists.delete(kind));
    }
    return list;
  }

  async #make(kind: ListKind, head: DrlHead, finalised: FinalisedBlock): Promise<Uint8Array | undefined> {
    const { projection, generation, meshId, ticks } = this.#options;
    const { authority } = neededAuthority(projection, generation);
    const { number, issued: thisUpdate, expires: nextUpdate } = head;
    const times = this.#crlTimes();
    const devices = await this.#devices(head.blockNumber);
    const fields = { number, thisUpdate, nextUpdate };
    if (kind === FROST_KIND.crl) {
      const listed = devices.filter((device) => isOnList(device, thisUpdate, times));
      const entries = crlEntries(meshId, listed, thisUpdate, times);
      return crlToSign({ ...fields, base: undefined, entries }, authority);
    }
    const base = this.#base(number);
    if (base < 1) return undefined;
    const before = await this.#devices(await ticks.referenceBlock(base, finalised));
    const { added, removed } = listChanges(before, devices, thisUpdate, times);
    const entries = [
      ...crlEntries(meshId, added, thisUpdate, times),
      ...crlEntries(meshId, removed, thisUpdate, times, "removeFromCRL"),
    ];
    return crlToSign({ ...fields, base, entries }, authority);
  }

  #base(number: number): number {
    const { tickSeconds, headSeconds } = this.#options.ticks.parameters;
    const each = headSeconds / tickSeconds;
    return (Math.floor(number / each) - DELTA_HEADS) * each;
  }

  #crlTimes(): CrlTimes {
    const parameters = this.#options.projection.genesis?.parameters;
    return {
      certificatePeriodSeconds: Number(parameters?.certificatePeriodSeconds ?? 1n),
      headLifetimeSeconds: Number(parameters?.headLifetimeSeconds ?? 0n),
    };
  }

  /** Devices with X.509 certificates that are revoked or held after all of `block`, ascending. */
  async #devices(block: number): Promise<ListedDevice[]> {
    const { projection } = this.#options;
    const times = this.#crlTimes();
    const devices: ListedDevice[] = [];
    for (const word of projection.bitmap.touchedWords()) {
      for (const { bit, since, held } of projection.bitmap.listedSince(word, block)) {
        const index = 256 * word + bit;
        const policy = registeredDevice(projection, index)?.policy;
        // A bit of no device: the rest of a batch's last word.
        if (policy === undefined || !isX509Offered(policy, times)) continue;
        const { maximumLifetime, quota } = policy;
        devices.push({ index, since: await this.#timeOf(since), held, maximumLifetime, quota });
      }
    }
    return devices;
  }

  async #timeOf(block: number): Promise<number> {
    let time = this.#times.get(block);
    if (time === undefined) this.#times.set(block, (time = await this.#options.timeOf(block)));
    return time;
  }
}

/**
 * What a certificate revocation list holds (docs/protocol.md, section 8.1), as a function of the ledger at a head's block.
 *
 * Nobody counts which certificates the swarm has signed, and nobody has to: the serials that a device can have follow from its
 * index, the period and the quota. A device is listed from its revocation until the last certificate that it can have had has
 * ended, with all serials that can be unexpired.
 */
import { certificateSerial } from "../certificate/certificate.js";
import type { CrlEntry } from "../certificate/x509-crl.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { MAXIMUM_SERIALS_PER_DEVICE } from "../statements/x509.js";

interface Lifetimes {
  readonly maximumLifetime: number;
  readonly quota: number;
}

export interface CrlTimes {
  readonly certificatePeriodSeconds: number;
  readonly headLifetimeSeconds: number;
}

/**
 * Seconds from the end of a certificate period to when the last certificate of it is on no list any more, its lifetime aside. A
 * validator takes the period from the block time, give or take the skew; that block may be as old as a head can be, and notBefore
 * may be ahead by the skew; and an entry stands on one more list after its certificate's end (RFC 5280, section 3.3).
 */
function slack({ headLifetimeSeconds }: CrlTimes): number {
  return 2 * CLOCK_SKEW_SECONDS + 2 * headLifetimeSeconds;
}

/** The most serials that one revoked device can take on a list. */
export function serialsPerDevice({ maximumLifetime, quota }: Lifetimes, times: CrlTimes): number {
  const span = maximumLifetime + slack(times) + CLOCK_SKEW_SECONDS;
  return (Math.ceil(span / times.certificatePeriodSeconds) + 1) * quota;
}

/**
 * Whether devices of a fleet can have X.509 certificates: one that is revoked must not fill the list. Of other fleets there is
 * none that could be listed.
 */
export function isX509Offered(policy: Lifetimes, times: CrlTimes): boolean {
  return serialsPerDevice(policy, times) <= MAXIMUM_SERIALS_PER_DEVICE;
}

/** A device that the ledger has revoked or held. */
export interface ListedDevice extends Lifetimes {
  readonly index: number;
  /** Seconds since 1970: of the block since which it has been so without a break. */
  readonly since: number;
  /** Held only: it may come back. */
  readonly held: boolean;
}

/**
 * The periods whose certificates of a revoked device can be unexpired at a list's time: first and last; none if first > last.
 * @param issued of the list, seconds since 1970.
 */
function periodsOf(
  { since, maximumLifetime }: Pick<ListedDevice, "since" | "maximumLifetime">,
  issued: number,
  times: CrlTimes,
): { readonly first: number; readonly last: number } {
  const seconds = times.certificatePeriodSeconds;
  // Those that ended by then: (p + 1) * seconds + slack + lifetime <= issued.
  const ended = Math.floor((issued - slack(times) - maximumLifetime) / seconds) - 1;
  return { first: Math.max(0, ended + 1), last: Math.floor((since + CLOCK_SKEW_SECONDS) / seconds) };
}

/** Whether a device is on a list of this time at all. */
export function isOnList(
  device: Pick<ListedDevice, "since" | "maximumLifetime">,
  issued: number,
  times: CrlTimes,
): boolean {
  const { first, last } = periodsOf(device, issued, times);
  return first <= last;
}

/**
 * Entries of some devices, in order of device, period and number.
 * @param reason of all; each device's own if not given.
 */
export function* crlEntries(
  meshId: Uint8Array,
  devices: Iterable<ListedDevice>,
  issued: number,
  times: CrlTimes,
  reason?: "removeFromCRL",
): Generator<CrlEntry> {
  for (const device of devices) {
    const { index, since, held, quota } = device;
    const { first, last } = periodsOf(device, issued, times);
    for (let period = first; period <= last; period++) {
      for (let k = 0; k < quota; k++) {
        const serial = certificateSerial({ meshId, index, period, k });
        yield { serial, revoked: since, reason: reason ?? (held ? "certificateHold" : undefined) };
      }
    }
  }
}

/** How a delta list differs from the complete one at its base. */
export interface ListChanges {
  /** New since, or held then and final now. */
  readonly added: readonly ListedDevice[];
  /** Held at the base and let go since. */
  readonly removed: readonly ListedDevice[];
}

/**
 * @param before devices at the base's block, ascending by index. @param after at the list's.
 * @param issued of the list.
 */
export function listChanges(
  before: readonly ListedDevice[],
  after: readonly ListedDevice[],
  issued: number,
  times: CrlTimes,
): ListChanges {
  const known = new Map(before.map((device) => [device.index, device]));
  const now = new Set(after.map(({ index }) => index));
  const isKnown = ({ index, held, since }: ListedDevice): boolean => {
    const then = known.get(index);
    return then?.held === held && then.since === since;
  };
  return {
    added: after.filter((device) => !isKnown(device) && isOnList(device, issued, times)),
    removed: before.filter((device) => !now.has(device.index) && isOnList(device, issued, times)),
  };
}

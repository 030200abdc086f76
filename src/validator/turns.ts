/**
 * Turns in which members send what any of them may send: the first one pays, and the next one goes on where it does not, so that nobody
 * is needed.
 */
import { ZeroAddress } from "ethers";

import type { Office, Projection } from "../ledger/projection.js";

export class Turns {
  readonly #seconds: number;
  /** The transaction that is due, and the ledger's time since which it is. */
  #dueSince: { readonly name: string; readonly time: number } | undefined;

  /** @param seconds by which members wait for one another. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Whether it is this member's time to send what is due. @param turn 0 for the member whose turn it is first. */
  hasCome(name: string, turn: number, now: number): boolean {
    if (this.#dueSince?.name !== name) this.#dueSince = { name, time: now };
    return now >= this.#dueSince.time + turn * this.#seconds;
  }

  /** Nothing is due. */
  rest(): void {
    this.#dueSince = undefined;
  }
}

/** Which turn this member has: those in office come first, on probation those before take part. Undefined for others. */
export function turnOf(projection: Projection, office: Office, own: string, isProbation = false): number | undefined {
  const before = isProbation ? projection.takeoverOf(office)?.before?.committee : undefined;
  const inOffice = rotated(office.committee, Number(office.epoch));
  const accounts = [...new Set([...inOffice, ...(before ?? [])])].filter((account) => account !== ZeroAddress);
  const turn = accounts.findIndex((account) => account.toLowerCase() === own.toLowerCase());
  return turn < 0 ? undefined : turn;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/**
 * What may be used once: one-time codes for good, and one and the same certificate request until it may be repeated. A use is on disk
 * before anything is signed for it, so that neither a crash nor two requests at once make two of it.
 *
 * For some seconds a use counts for the same request again: a member that had to be left out, or a number that was taken at another
 * one, has the same request signed under the next number, or not at all.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { equalBytes } from "../../crypto/bytes.js";
import { failpoint } from "../../runtime/failpoint.js";
import type { Journal } from "../../runtime/journal.js";
import { SwarmkeepError } from "../../statements/errors.js";

/** u48 time of use | u48 until | what is used, 32 bytes | SHA-256 of the request that it was used for */
const RECORD_LENGTH = 6 + 6 + 32 + 32;
/** Seconds for which the same request may use it again. */
export const RETRY_SECONDS = 30;
/** Uses between two looks at what can be forgotten. */
const SWEEP_EVERY = 1_024;

interface Use {
  readonly at: number;
  readonly until: number;
  readonly request: Uint8Array;
  /** Where it is in the journal; Infinity while it is not there yet. */
  readonly sequence: number;
  /** Resolves when it is on disk. */
  readonly stored: Promise<unknown>;
}

export class UseBook {
  readonly #journal: Journal;
  /** By the hex of what was used. */
  readonly #uses = new Map<string, Use>();
  #sinceSweep = 0;

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** @param now seconds since 1970. @throws SwarmkeepError `journal-damaged` */
  static async open(journal: Journal, now: number): Promise<UseBook> {
    const book = new UseBook(journal);
    for await (const { sequence, payload } of journal.replay()) {
      if (payload.length !== RECORD_LENGTH) throw damaged(payload.length);
      const record = Buffer.from(payload);
      book.#uses.set(record.subarray(12, 44).toString("hex"), {
        at: record.readUIntBE(0, 6),
        until: record.readUIntBE(6, 6),
        request: Uint8Array.from(record.subarray(44)),
        sequence,
        stored: Promise.resolve(),
      });
    }
    await book.#forgetBefore(now);
    return book;
  }

  /** Whether a thing was used, and not just now for this request. @param request SHA-256 of it. */
  isUsed(what: Uint8Array, request: Uint8Array, now: number): boolean {
    const use = this.#uses.get(bytesToHex(what));
    if (use === undefined || use.until <= now) return false;
    return !equalBytes(use.request, request) || now > use.at + RETRY_SECONDS;
  }

  /**
   * Uses a thing for a request, durably.
   * @param what 32 bytes. @param request SHA-256 of it. @param until when the thing may be used again, seconds since 1970.
   * @returns false if it is used already (`isUsed`).
   */
  async use(what: Uint8Array, request: Uint8Array, until: number, now: number): Promise<boolean> {
    if (this.isUsed(what, request, now)) return false;
    const name = bytesToHex(what);
    const earlier = this.#uses.get(name);
    if (earlier !== undefined && earlier.until > now) {
      await earlier.stored;
      return true;
    }
    const record = Buffer.alloc(RECORD_LENGTH);
    record.writeUIntBE(now, 0, 6);
    record.writeUIntBE(until, 6, 6);
    record.set(what, 12);
    record.set(request, 44);
    failpoint("uses.before-append");
    // In memory at once: a second request that arrives while the disk is busy finds it used.
    const stored = this.#journal.append(record);
    const use = { at: now, until, request, stored };
    this.#uses.set(name, { ...use, sequence: Infinity });
    try {
      this.#uses.set(name, { ...use, sequence: await stored });
    } catch (error) {
      this.#uses.delete(name);
      throw error;
    }
    failpoint("uses.after-append");
    this.#sinceSweep += 1;
    if (this.#sinceSweep >= SWEEP_EVERY) await this.#forgetBefore(now);
    return true;
  }

  async #forgetBefore(now: number): Promise<void> {
    this.#sinceSweep = 0;
    for (const [name, { until, sequence }] of this.#uses) {
      if (until <= now && sequence !== Infinity) this.#uses.delete(name);
    }
    const kept = [...this.#uses.values()].map(({ sequence }) => sequence);
    const oldest = kept.reduce((least, sequence) => Math.min(least, sequence), this.#journal.nextSequence);
    // One that is being written may have any number from here on.
    if (!kept.includes(Infinity)) await this.#journal.prune(oldest);
  }
}

function damaged(length: number): SwarmkeepError {
  return new SwarmkeepError(`a record of what was used has ${length} bytes instead of ${RECORD_LENGTH}`, {
    kind: "environment",
    code: "journal-damaged",
    advice: "Restore the folder `uses` from a backup of this validator.",
  });
}

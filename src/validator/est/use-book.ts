/**
 * What may be used once: one-time codes for good, and one and the same certificate request until it may be repeated. A use is on disk
 * before anything is signed for it, so that neither a crash nor two requests at once make two of it.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { equalBytes } from "../../crypto/bytes.js";
import { failpoint } from "../../runtime/failpoint.js";
import type { Journal } from "../../runtime/journal.js";
import { SwarmkeepError } from "../../statements/errors.js";

/** u48 until | what is used, 32 bytes | SHA-256 of what was signed for it */
const RECORD_LENGTH = 6 + 32 + 32;
/** Uses between two looks at what can be forgotten. */
const SWEEP_EVERY = 1_024;

interface Use {
  readonly until: number;
  readonly signed: Uint8Array;
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
      book.#uses.set(record.subarray(6, 38).toString("hex"), {
        until: record.readUIntBE(0, 6),
        signed: Uint8Array.from(record.subarray(38)),
        sequence,
        stored: Promise.resolve(),
      });
    }
    await book.#forgetBefore(now);
    return book;
  }

  /** Until when a thing is used, seconds since 1970; undefined if it is not now. */
  usedUntil(what: Uint8Array, now: number): number | undefined {
    const use = this.#uses.get(bytesToHex(what));
    return use !== undefined && use.until > now ? use.until : undefined;
  }

  /**
   * Uses a thing for what is about to be signed, durably. Using it again for the same bytes is fine.
   * @param what 32 bytes. @param signed SHA-256 of the bytes. @param until when it may be used again, seconds since 1970.
   * @returns false if it was used for other bytes.
   */
  async use(what: Uint8Array, signed: Uint8Array, until: number, now: number): Promise<boolean> {
    const name = bytesToHex(what);
    const earlier = this.#uses.get(name);
    if (earlier !== undefined && earlier.until > now) {
      if (!equalBytes(earlier.signed, signed)) return false;
      await earlier.stored;
      return true;
    }
    const record = Buffer.alloc(RECORD_LENGTH);
    record.writeUIntBE(until, 0, 6);
    record.set(what, 6);
    record.set(signed, 38);
    failpoint("uses.before-append");
    // In memory at once: a second request that arrives while the disk is busy finds it used.
    const stored = this.#journal.append(record);
    this.#uses.set(name, { until, signed, sequence: Infinity, stored });
    try {
      const sequence = await stored;
      this.#uses.set(name, { until, signed, sequence, stored });
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

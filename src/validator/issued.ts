/**
 * What this validator has signed for devices: at most one certificate for (device, period, k). The record is on disk before
 * the signature leaves, so that neither a crash nor a second request makes it sign another one.
 */
import { createHash } from "node:crypto";

import { equalBytes } from "../crypto/bytes.js";
import type { CertificateSlot } from "../protocol/issuance.js";
import type { Journal } from "../runtime/journal.js";
import { failpoint } from "../runtime/failpoint.js";
import { SwarmkeepError } from "../statements/errors.js";

/** u48 index | u48 period | u32 k | SHA-256 of the signed bytes */
const RECORD_LENGTH = 6 + 6 + 4 + 32;

interface IssuedRecord extends CertificateSlot {
  readonly digest: Uint8Array;
}

function encodeRecord({ index, period, k, digest }: IssuedRecord): Uint8Array {
  const record = Buffer.alloc(RECORD_LENGTH);
  record.writeUIntBE(index, 0, 6);
  record.writeUIntBE(period, 6, 6);
  record.writeUInt32BE(k, 12);
  record.set(digest, 16);
  return record;
}

function decodeRecord(bytes: Uint8Array): IssuedRecord {
  if (bytes.length !== RECORD_LENGTH) {
    throw new SwarmkeepError(`a record of issued certificates has ${bytes.length} bytes instead of ${RECORD_LENGTH}`, {
      kind: "environment",
      code: "journal-damaged",
      advice: "Restore the folder `issued` from a backup of this validator, or let it sit out until the next period.",
    });
  }
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    index: record.readUIntBE(0, 6),
    period: record.readUIntBE(6, 6),
    k: record.readUInt32BE(12),
    digest: Uint8Array.from(bytes.subarray(16)),
  };
}

function digestOf(message: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(message).digest());
}

interface Claim {
  readonly digest: Uint8Array;
  /** Resolves when the record is on disk. */
  readonly stored: Promise<unknown>;
}

/** Claims of one device in one period, by k. */
type Slots = Map<number, Claim>;

export class IssuedBook {
  readonly #journal: Journal;
  readonly #periods = new Map<number, Map<number, Slots>>();
  /** The first record of each period: those before the oldest one's are not needed. */
  readonly #begins = new Map<number, number>();
  #count = 0;

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  static async open(journal: Journal): Promise<IssuedBook> {
    const book = new IssuedBook(journal);
    for await (const { sequence, payload } of journal.replay()) {
      const { digest, ...slot } = decodeRecord(payload);
      book.#begin(slot.period, sequence);
      book.#slots(slot).set(slot.k, { digest, stored: Promise.resolve() });
      book.#count += 1;
    }
    return book;
  }

  /** Certificates that this validator helped to sign, as far as it remembers. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes the slot for `message`, durably. Taking it again for the same bytes is fine.
   * @throws SwarmkeepError `serial-taken` with the next free k.
   */
  async claim(slot: CertificateSlot, message: Uint8Array): Promise<void> {
    const digest = digestOf(message);
    const slots = this.#slots(slot);
    const taken = slots.get(slot.k);
    if (taken !== undefined) {
      if (!equalBytes(taken.digest, digest)) throw serialTaken(slot, Math.max(...slots.keys()) + 1);
      await taken.stored;
      return;
    }
    failpoint("issued.before-append");
    // In memory at once: a second request that arrives while the disk is busy must not get another answer.
    const stored = this.#journal.append(encodeRecord({ ...slot, digest }));
    slots.set(slot.k, { digest, stored });
    try {
      this.#begin(slot.period, await stored);
    } catch (error) {
      slots.delete(slot.k);
      throw error;
    }
    this.#count += 1;
    failpoint("issued.after-append");
  }

  /** Whether this validator has signed `message` for the device: in a period that it remembers, under any number. */
  hasSigned(index: number, message: Uint8Array): boolean {
    const digest = digestOf(message);
    for (const devices of this.#periods.values()) {
      for (const claim of devices.get(index)?.values() ?? []) if (equalBytes(claim.digest, digest)) return true;
    }
    return false;
  }

  /** Forgets periods before `period`, on disk as well: nothing is signed for them any more. */
  async forgetBefore(period: number): Promise<void> {
    let forgotten = false;
    for (const old of this.#periods.keys()) forgotten = (old < period && this.#periods.delete(old)) || forgotten;
    if (!forgotten) return;
    for (const old of this.#begins.keys()) if (old < period) this.#begins.delete(old);
    await this.#journal.prune(Math.min(this.#journal.nextSequence, ...this.#begins.values()));
  }

  /** SHA-256 of what was signed in a period, in order of device and number. */
  digests(period: number): Uint8Array[] {
    return [...(this.#periods.get(period) ?? [])]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([, slots]) => [...slots].toSorted(([a], [b]) => a - b).map(([, { digest }]) => digest));
  }

  #begin(period: number, sequence: number): void {
    this.#begins.set(period, Math.min(sequence, this.#begins.get(period) ?? Infinity));
  }

  #slots({ index, period }: CertificateSlot): Slots {
    let devices = this.#periods.get(period);
    if (devices === undefined) this.#periods.set(period, (devices = new Map()));
    let slots = devices.get(index);
    if (slots === undefined) devices.set(index, (slots = new Map()));
    return slots;
  }
}

function serialTaken({ index, period, k }: CertificateSlot, next: number): SwarmkeepError {
  return new SwarmkeepError(`another certificate was signed for device ${index}, period ${period}, number ${k}`, {
    kind: "refused",
    code: "serial-taken",
    advice: "Ask with the next number.",
    details: { next },
  });
}

/**
 * What this validator has signed: at most one certificate of each form for (device, period, k), and for (member, period, k). The record is on disk before
 * the signature leaves, so that neither a crash nor a second request makes it sign another one. And what the committee before
 * its own has signed, which stands for the same.
 */
import { createHash } from "node:crypto";

import { equalBytes } from "../crypto/bytes.js";
import type { IssuedRecord } from "../protocol/counters.js";
import type { CertificateSlot } from "../protocol/issuance.js";
import type { Journal } from "../runtime/journal.js";
import { failpoint } from "../runtime/failpoint.js";
import { SwarmkeepError } from "../statements/errors.js";

/** Two forms of one certificate: each slot holds one of either. */
export const FORM = { compact: 0, x509: 1 } as const;
export type Form = (typeof FORM)[keyof typeof FORM];

/** Members have slots as devices do, above all indexes of devices: in order of admission, which never changes. */
export const MEMBER_SLOTS = 2 ** 47;

/** In records the first bit of k says the form: quotas are below 2^16. */
const X509_BIT = 2 ** 31;

/** u48 index | u48 period | u32 k | SHA-256 of the signed bytes; and one byte more where it was inherited */
const RECORD_LENGTH = 6 + 6 + 4 + 32;

interface StoredRecord extends IssuedRecord {
  readonly inherited: boolean;
}

function encodeRecord({ index, period, k, digest, inherited }: StoredRecord): Uint8Array {
  const record = Buffer.alloc(RECORD_LENGTH + (inherited ? 1 : 0));
  record.writeUIntBE(index, 0, 6);
  record.writeUIntBE(period, 6, 6);
  record.writeUInt32BE(k, 12);
  record.set(digest, 16);
  return record;
}

function decodeRecord(bytes: Uint8Array): StoredRecord {
  const inherited = bytes.length === RECORD_LENGTH + 1;
  if (bytes.length !== RECORD_LENGTH && !inherited) {
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
    digest: Uint8Array.from(bytes.subarray(16, RECORD_LENGTH)),
    inherited,
  };
}

function digestOf(message: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(message).digest());
}

interface Claim {
  readonly digest: Uint8Array;
  /** Signed by members of the committee before, and perhaps not by this one. */
  readonly inherited: boolean;
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
  /** All of them as they came, so that they can be told a page at a time. */
  #order: IssuedRecord[] = [];
  #count = 0;

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  static async open(journal: Journal): Promise<IssuedBook> {
    const book = new IssuedBook(journal);
    for await (const { sequence, payload } of journal.replay()) {
      const { digest, inherited, ...slot } = decodeRecord(payload);
      book.#begin(slot.period, sequence);
      book.#slots(slot).set(slot.k, { digest, inherited, stored: Promise.resolve() });
      book.#order.push({ ...slot, digest });
      if (!inherited) book.#count += 1;
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
  async claim(given: CertificateSlot, message: Uint8Array, form: Form = FORM.compact): Promise<void> {
    const slot = { ...given, k: given.k + form * X509_BIT };
    const digest = digestOf(message);
    const slots = this.#slots(slot);
    const taken = slots.get(slot.k);
    if (taken !== undefined) {
      if (!equalBytes(taken.digest, digest)) throw serialTaken(given, nextOf(slots));
      await taken.stored;
      return;
    }
    await this.#take(slot, digest, false);
  }

  /** Takes over what the committee before has signed, durably. A slot that is taken here already stays as it is. */
  async inherit(records: readonly IssuedRecord[]): Promise<void> {
    const added = records.filter((record) => !this.#slots(record).has(record.k));
    await Promise.all(added.map(({ digest, ...slot }) => this.#take(slot, digest, true)));
  }

  /** Everything that is remembered from `offset` on, in a fixed order; at most `limit`. */
  records(offset: number, limit: number): readonly IssuedRecord[] {
    return this.#order.slice(offset, offset + limit);
  }

  async #take(slot: CertificateSlot, digest: Uint8Array, inherited: boolean): Promise<void> {
    const slots = this.#slots(slot);
    failpoint("issued.before-append");
    // In memory at once: a second request that arrives while the disk is busy must not get another answer.
    const stored = this.#journal.append(encodeRecord({ ...slot, digest, inherited }));
    slots.set(slot.k, { digest, inherited, stored });
    try {
      this.#begin(slot.period, await stored);
    } catch (error) {
      slots.delete(slot.k);
      throw error;
    }
    this.#order.push({ ...slot, digest });
    if (!inherited) this.#count += 1;
    failpoint("issued.after-append");
  }

  /** Whether this validator has signed `message` for the device: in a period that it remembers, under any number. */
  hasSigned(index: number, message: Uint8Array): boolean {
    const digest = digestOf(message);
    for (const devices of this.#periods.values()) {
      for (const claim of devices.get(index)?.values() ?? []) {
        if (!claim.inherited && equalBytes(claim.digest, digest)) return true;
      }
    }
    return false;
  }

  /** The first number of a device's certificates in a period for which this member has signed neither form, nor knows of any. */
  nextNumber(index: number, period: number): number {
    const taken = this.#periods.get(period)?.get(index)?.keys() ?? [];
    return [...taken].reduce((next, k) => Math.max(next, (k % X509_BIT) + 1), 0);
  }

  /** Forgets periods before `period`, on disk as well: nothing is signed for them any more. */
  async forgetBefore(period: number): Promise<void> {
    let forgotten = false;
    for (const old of this.#periods.keys()) forgotten = (old < period && this.#periods.delete(old)) || forgotten;
    if (!forgotten) return;
    for (const old of this.#begins.keys()) if (old < period) this.#begins.delete(old);
    this.#order = this.#order.filter((record) => record.period >= period);
    await this.#journal.prune(Math.min(this.#journal.nextSequence, ...this.#begins.values()));
  }

  /** SHA-256 of what this validator signed in a period, in order of device and number. */
  digests(period: number): Uint8Array[] {
    return [...(this.#periods.get(period) ?? [])]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([, slots]) => [...slots].toSorted(([a], [b]) => a - b).map(([, claim]) => claim))
      .filter(({ inherited }) => !inherited)
      .map(({ digest }) => digest);
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

/** The next k that is free in both forms. */
function nextOf(slots: Slots): number {
  return Math.max(...[...slots.keys()].map((k) => k % X509_BIT)) + 1;
}

function serialTaken({ index, period, k }: CertificateSlot, next: number): SwarmkeepError {
  return new SwarmkeepError(`another certificate was signed for device ${index}, period ${period}, number ${k}`, {
    kind: "refused",
    code: "serial-taken",
    advice: "Ask with the next number.",
    details: { next },
  });
}

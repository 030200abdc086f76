/**
 * An append-only log of records that a process must not forget: once `append` has resolved, the record survives
 * `kill -9` and a power cut. Appends that arrive while the disk is busy are written and forced to it together, so
 * thousands a second cost a few hundred synchronisations.
 *
 * A journal is a folder of segments, `<first sequence number>.journal`; records are numbered from 1 without gaps.
 * The format is in `journal-format.ts`. One process uses a journal at a time: its data folder's lock sees to that.
 */
import { type FileHandle, open, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { PRIVATE_FILE, makeFolder, syncFolder } from "./atomic-file.js";
import { SwarmkeepError, fileError } from "./errors.js";
import { failpoint } from "./failpoint.js";
import { MAXIMUM_RECORD, SEGMENT_HEADER, encodeRecord, scanRecord } from "./journal-format.js";

export interface JournalRecord {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export interface JournalOptions {
  /** A segment that has grown beyond this is followed by a new one. 16 MiB if not given. */
  readonly segmentBytes?: number;
}

interface Append {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: SwarmkeepError) => void;
}

/** A few MiB at most are written at once, so that one batch does not hold up the next for long. */
const BATCH_BYTES = 4 << 20;
const SEGMENT_NAME = /^[0-9]{16}\.journal$/;

/**
 * Opens a journal, and makes it where there is none. A torn record at the end is cut off.
 * @throws SwarmkeepError `journal-damaged` where anything else does not check, and those of files.
 */
export async function openJournal(folder: string, options: JournalOptions = {}): Promise<Journal> {
  try {
    await makeFolder(folder);
    const segments = await listSegments(folder);
    const last = segments.at(-1);
    if (last === undefined) {
      return new Journal(folder, options, [1], await createSegment(folder, 1), SEGMENT_HEADER.length, 1);
    }
    let next = segments[0] as number;
    let end = 0;
    for (const first of segments) {
      if (first !== next) throw damaged(folder, `records ${next} to ${first - 1} are missing`);
      const segment = await loadSegment(folder, first, first === last);
      for (const { sequence } of segment.records) next = sequence + 1;
      end = segment.end;
    }
    const handle = end === 0 ? await createSegment(folder, last) : await reopenSegment(segmentPath(folder, last), end);
    return new Journal(folder, options, segments, handle, Math.max(end, SEGMENT_HEADER.length), next);
  } catch (error) {
    throw fileError(folder, error);
  }
}

export class Journal {
  readonly #folder: string;
  readonly #segmentBytes: number;
  /** First sequence number of each segment, ascending; never empty. */
  readonly #segments: number[];
  #handle: FileHandle;
  /** Bytes of the current segment that are known to be on the disk. */
  #end: number;
  #next: number;
  #queue: Append[] = [];
  #writing: Promise<void> | undefined;
  #failure: SwarmkeepError | undefined;

  /** Use `openJournal`. */
  constructor(
    folder: string,
    { segmentBytes = 16 << 20 }: JournalOptions,
    segments: readonly number[],
    handle: FileHandle,
    end: number,
    next: number,
  ) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#segments = [...segments];
    this.#handle = handle;
    this.#end = end;
    this.#next = next;
  }

  /** The number that the next record gets. */
  get nextSequence(): number {
    return this.#next;
  }

  /**
   * Stores a record and resolves to its number once it is on the disk. Records are stored in the order of the calls.
   * @param payload up to 1 MiB; must not be changed until the promise is settled.
   * @throws SwarmkeepError `record-too-large`, `disk-full` and others of files: then this record is not stored.
   */
  append(payload: Uint8Array): Promise<number> {
    if (payload.length > MAXIMUM_RECORD) {
      return Promise.reject(
        new SwarmkeepError(`a journal record of ${payload.length} bytes is over the limit of ${MAXIMUM_RECORD}`, {
          kind: "internal",
          code: "record-too-large",
          advice: "Store the data in a file of its own and its hash in the journal.",
          details: { length: payload.length },
        }),
      );
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ sequence: this.#next++, payload, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** All records, oldest first, as they were on the disk when the iteration began. */
  async *replay(): AsyncGenerator<JournalRecord> {
    await this.#writing;
    const until = this.#next;
    for (const first of this.#segments.slice()) {
      const isLast = first === this.#segments.at(-1);
      for (const record of (await loadSegment(this.#folder, first, isLast)).records) {
        if (record.sequence >= until) return;
        yield record;
      }
    }
  }

  /** Removes the segments whose records all have numbers below `sequence`. */
  async prune(sequence: number): Promise<void> {
    try {
      while ((this.#segments[1] ?? Infinity) <= sequence) {
        failpoint("journal.before-prune");
        await rm(segmentPath(this.#folder, this.#segments[0] as number), { force: true });
        this.#segments.shift();
        await syncFolder(this.#folder);
      }
    } catch (error) {
      throw fileError(this.#folder, error);
    }
  }

  /** Waits for what was appended, and refuses more. */
  async close(): Promise<void> {
    this.#failure ??= new SwarmkeepError(`the journal ${this.#folder} is closed`, {
      kind: "internal",
      code: "journal-closed",
      advice: "Report this: something was to be stored after the process began to stop.",
    });
    await this.#writing;
    await this.#handle.close();
  }

  async #writeAll(): Promise<void> {
    // Appends of the same turn of the event loop are one batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      try {
        if (this.#end >= this.#segmentBytes) await this.#startSegment((batch[0] as Append).sequence);
        await this.#write(Buffer.concat(batch.map(({ sequence, payload }) => encodeRecord(sequence, payload))));
        for (const { resolve, sequence } of batch) resolve(sequence);
      } catch (error) {
        this.#abandon(batch, fileError(this.#folder, error));
      }
    }
    this.#writing = undefined;
  }

  #takeBatch(): Append[] {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#queue) {
      bytes += payload.length;
      if (count > 0 && bytes > BATCH_BYTES) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(bytes: Buffer): Promise<void> {
    failpoint("journal.before-write");
    try {
      for (let written = 0; written < bytes.length;) {
        written += (await this.#handle.write(bytes, written, bytes.length - written, this.#end + written)).bytesWritten;
      }
    } catch (error) {
      // A full disk is no reason to stop for good: what was written of the batch is taken back.
      await this.#handle.truncate(this.#end).catch((cause: unknown) => this.#fail(cause));
      throw error;
    }
    failpoint("journal.before-sync");
    try {
      await this.#handle.datasync();
    } catch (error) {
      // After a failed synchronisation nobody knows what is on the disk; a second one would not say (fsync(2)).
      this.#fail(error);
      throw error;
    }
    failpoint("journal.after-sync");
    this.#end += bytes.length;
  }

  async #startSegment(first: number): Promise<void> {
    const handle = await createSegment(this.#folder, first);
    await this.#handle.close();
    this.#handle = handle;
    this.#end = SEGMENT_HEADER.length;
    // A segment that was made for a batch that then failed has the number of the batch that follows.
    if (this.#segments.at(-1) !== first) this.#segments.push(first);
  }

  #fail(cause: unknown): void {
    this.#failure ??= new SwarmkeepError(`the journal ${this.#folder} can no longer be written`, {
      kind: "environment",
      code: "journal-failed",
      advice: "Check the disk, then restart this process: it reads back what was stored.",
      details: { folder: this.#folder },
      cause,
    });
  }

  /** Numbers are given out again, since what follows a record that was not stored cannot be stored either. */
  #abandon(batch: readonly Append[], error: SwarmkeepError): void {
    const all = [...batch, ...this.#queue];
    this.#queue = [];
    this.#next = (batch[0] as Append).sequence;
    for (const { reject } of all) reject(error);
  }
}

function segmentPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(16, "0")}.journal`);
}

async function listSegments(folder: string): Promise<number[]> {
  const names = (await readdir(folder)).filter((name) => SEGMENT_NAME.test(name));
  return names.map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b);
}

async function createSegment(folder: string, first: number): Promise<FileHandle> {
  failpoint("journal.before-segment");
  const handle = await open(segmentPath(folder, first), "w", PRIVATE_FILE);
  try {
    await handle.writeFile(SEGMENT_HEADER);
    await handle.sync();
    await syncFolder(folder);
  } catch (error) {
    await handle.close();
    throw error;
  }
  failpoint("journal.after-segment");
  return handle;
}

async function reopenSegment(path: string, end: number): Promise<FileHandle> {
  const handle = await open(path, "r+");
  try {
    if ((await handle.stat()).size > end) {
      failpoint("journal.before-truncate");
      await handle.truncate(end);
    }
    // A process that died between write and synchronisation leaves whole records that may not be on the disk yet.
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Segment {
  readonly records: readonly JournalRecord[];
  /** Where the next record goes; 0 where not even the header is whole. */
  readonly end: number;
}

async function loadSegment(folder: string, first: number, isLast: boolean): Promise<Segment> {
  const path = segmentPath(folder, first);
  const content = await readFile(path);
  if (isLast && isTornHeader(content)) return { records: [], end: 0 };
  if (!content.subarray(0, SEGMENT_HEADER.length).equals(SEGMENT_HEADER)) {
    throw damaged(path, "it does not start as a journal does");
  }
  const records: JournalRecord[] = [];
  let offset = SEGMENT_HEADER.length;
  for (;;) {
    const sequence = first + records.length;
    const scan = scanRecord(content, offset, sequence);
    if (scan.kind === "damaged" || (scan.kind === "torn" && !isLast)) {
      throw damaged(
        path,
        `record ${sequence} at byte ${offset}: ${"problem" in scan ? scan.problem : "it is cut off"}`,
      );
    }
    if (scan.kind !== "record") return { records, end: offset };
    records.push({ sequence, payload: scan.payload });
    offset = scan.next;
  }
}

function isTornHeader(content: Buffer): boolean {
  if (content.length < SEGMENT_HEADER.length) return SEGMENT_HEADER.subarray(0, content.length).equals(content);
  return content.every((byte) => byte === 0);
}

function damaged(path: string, problem: string): SwarmkeepError {
  return new SwarmkeepError(`${path} is damaged: ${problem}`, {
    kind: "environment",
    code: "journal-damaged",
    advice: "Restore the data folder from a backup, or set it aside and start anew; records in it may be promises.",
    details: { path },
  });
}

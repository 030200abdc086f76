/** The bitmap with its history: each word as it stands from a block on, and each change with its transaction. */
import type { Database } from "../../database.js";
import { bitsOf, entriesOf } from "../../entries.js";
import { reasonName } from "../../words.js";
import type { IndexedEvent } from "../../view.js";
import type { DeviceDetail } from "../fleets/view.js";

export const TABLES = `
CREATE TABLE IF NOT EXISTS drlChanges (
  id INTEGER NOT NULL, word INTEGER NOT NULL, kind TEXT NOT NULL, mask BLOB NOT NULL, devices INTEGER NOT NULL, reason TEXT NOT NULL,
  block INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (id, word)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS drlChangesByWord ON drlChanges (word, id);
CREATE TABLE IF NOT EXISTS drlWords (
  word INTEGER NOT NULL, id INTEGER NOT NULL, block INTEGER NOT NULL, until INTEGER, revoked BLOB NOT NULL, held BLOB NOT NULL,
  revokedBits INTEGER NOT NULL, heldBits INTEGER NOT NULL, PRIMARY KEY (word, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS drlWordsNow ON drlWords (word, revokedBits, heldBits) WHERE until IS NULL;
`;

const KINDS: Readonly<Record<string, "revoked" | "held" | "released">> = {
  Revoked: "revoked",
  Held: "held",
  Released: "released",
};
const EMPTY = new Uint8Array(32);
const WORD_BITS = 256;

interface WordRow {
  readonly revoked: Uint8Array;
  readonly held: Uint8Array;
}

export function applyToList(database: Database, event: IndexedEvent): void {
  const kind = event.contract === "revocations" ? KINDS[event.name] : undefined;
  if (kind === undefined) return;
  const { id, args, block, time, hash } = event;
  const reason = kind === "revoked" ? reasonName(args["reason"]) : "";
  for (const { word, mask } of entriesOf(rawEntries(event))) {
    database.run(
      "INSERT INTO drlChanges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      word,
      kind,
      mask,
      bitsOf(mask),
      reason,
      block,
      time,
      hash,
    );
    const before = database.get<WordRow>("SELECT revoked, held FROM drlWords WHERE word = ? AND until IS NULL", word);
    const combine = (bytes: Uint8Array, bit: (old: number, byte: number) => number): Uint8Array =>
      bytes.map((old, i) => bit(old, mask[i] ?? 0));
    const [revokedBefore, heldBefore] = [before?.revoked ?? EMPTY, before?.held ?? EMPTY];
    const revoked = kind === "revoked" ? combine(revokedBefore, (old, byte) => old | byte) : revokedBefore;
    const held =
      kind === "revoked"
        ? heldBefore
        : combine(heldBefore, (old, byte) => (kind === "held" ? old | byte : old & ~byte));
    const heldOnly = held.map((byte, i) => byte & ~(revoked[i] ?? 0));
    database.run("UPDATE drlWords SET until = ? WHERE word = ? AND until IS NULL", block, word);
    database.run(
      "INSERT INTO drlWords VALUES (?, ?, ?, NULL, ?, ?, ?, ?)",
      word,
      id,
      block,
      revoked,
      held,
      bitsOf(revoked),
      bitsOf(heldOnly),
    );
  }
}

/** Of the log itself: decoded arguments show the beginning of long bytes only. ABI: offset, length, bytes. */
function rawEntries({ raw: { data } }: IndexedEvent): string {
  const length = Number(`0x${data.slice(2 + 64, 2 + 128)}`);
  return `0x${data.slice(2 + 128, 2 + 128 + 2 * length)}`;
}

export function forgetListAbove(database: Database, block: number): void {
  database.run("DELETE FROM drlChanges WHERE block > ?", block);
  database.run("DELETE FROM drlWords WHERE block > ?", block);
  database.run("UPDATE drlWords SET until = NULL WHERE until > ?", block);
}

/** What was done to one device, in the order of the chain. */
export function changesOfDevice(database: Database, index: number): DeviceDetail["changes"] {
  const bit = index % WORD_BITS;
  const rows = database.all<{
    kind: "revoked" | "held" | "released";
    mask: Uint8Array;
    reason: string;
    block: number;
    time: number;
    hash: string;
  }>("SELECT * FROM drlChanges WHERE word = ? ORDER BY id", Math.floor(index / WORD_BITS));
  return rows
    .filter(({ mask }) => (((mask[31 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1)
    .map(({ kind, reason, block, time, hash }) => ({ kind, reason, source: { block, time, hash } }));
}

/** Whether a device is revoked or held: at the end of `block`, or now. */
export function isListed(database: Database, index: number, block: number = Number.MAX_SAFE_INTEGER): boolean {
  const row = database.get<WordRow>(
    "SELECT revoked, held FROM drlWords WHERE word = ? AND block <= ? ORDER BY id DESC LIMIT 1",
    Math.floor(index / WORD_BITS),
    block,
  );
  const bit = index % WORD_BITS;
  const byte = 31 - (bit >> 3);
  return ((((row?.revoked[byte] ?? 0) | (row?.held[byte] ?? 0)) >> (bit & 7)) & 1) === 1;
}

/** Effective words (revoked or held) at the end of `block`; all others are zero. */
export function* wordsAt(
  database: Database,
  block: number,
): Generator<{ readonly word: number; readonly value: Uint8Array }> {
  const rows = database.all<WordRow & { word: number }>(
    "SELECT word, revoked, held FROM drlWords WHERE block <= ? AND (until IS NULL OR until > ?) ORDER BY word, id",
    block,
    block,
  );
  for (const { word, revoked, held } of rows) yield { word, value: revoked.map((byte, i) => byte | (held[i] ?? 0)) };
}

export function countsNow(database: Database): { readonly revoked: number; readonly held: number } {
  const sums = database.get<{ revoked: number | null; held: number | null }>(
    "SELECT sum(revokedBits) AS revoked, sum(heldBits) AS held FROM drlWords WHERE until IS NULL",
  );
  return { revoked: sums?.revoked ?? 0, held: sums?.held ?? 0 };
}

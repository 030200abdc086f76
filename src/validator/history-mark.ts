/**
 * The last finalised block that this validator acted upon, on disk: a restart must not be the way to another history. Where history
 * changed under it, the block that is another one now: it goes on once that is back, or somebody has removed the file.
 */
import type { LedgerSource } from "../ledger/source.js";
import { LedgerError } from "../ledger/errors.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { FinalisedBlock } from "./standing.js";

/** Blocks between two writes. */
const INTERVAL = 16;

export class HistoryMark {
  readonly #path: string;
  #marked = 0;
  #newest: FinalisedBlock | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws LedgerError `reorganised` if the ledger's history is another one than before. */
  async check(source: LedgerSource): Promise<void> {
    const bytes = await readIfPresent(this.#path, 4_096);
    if (bytes === undefined) return;
    const { number, hash } = parse(this.#path, bytes);
    const now = await source.block(number);
    if (now.hash === hash) return;
    throw new LedgerError(
      "reorganised",
      `block ${number} was final as ${hash} when this validator last ran and is ${now.hash} now; it signs again once you have looked into it and removed ${this.#path}`,
      { number, before: hash, now: now.hash, path: this.#path },
    );
  }

  async move(block: FinalisedBlock): Promise<void> {
    this.#newest = block;
    if (block.number >= this.#marked + INTERVAL) await this.#write(block);
  }

  /** Keeps the block for which the ledger has another one now, if that is what `error` says. */
  async keepContradicted(error: unknown): Promise<void> {
    if (!(error instanceof LedgerError) || error.code !== "reorganised") return;
    const { number, before } = error.details;
    this.#newest = undefined;
    await this.#write({ number: Number(number), hash: String(before) });
  }

  /** Marks the block that was acted upon last. */
  async close(): Promise<void> {
    if (this.#newest !== undefined && this.#newest.number > this.#marked) await this.#write(this.#newest);
  }

  async #write({ number, hash }: Pick<FinalisedBlock, "number" | "hash">): Promise<void> {
    this.#marked = number;
    await writeAtomically(this.#path, `${JSON.stringify({ number, hash })}\n`);
  }
}

function parse(path: string, bytes: Uint8Array): { readonly number: number; readonly hash: string } {
  try {
    const { number, hash } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    if (Number.isSafeInteger(number) && typeof hash === "string") return { number: number as number, hash };
  } catch {
    // Falls through to the one error for both.
  }
  throw new SwarmkeepError(`${path} does not name a block`, {
    kind: "environment",
    code: "history-mark-damaged",
    advice:
      "Restore it; where that cannot be, make sure that the ledger's history is the one of before, and remove it.",
    details: { path },
  });
}

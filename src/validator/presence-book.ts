/**
 * What has to outlive a validator's process about presences (docs/protocol.md, section 9.1): its own number, the office in which its place
 * was found disputed, and the newest presence that it was told of each other member.
 */
import { hexlify } from "ethers";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, nullable, text, tuple, uint } from "../certificate/reader.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../statements/errors.js";

/** Members whose presences are kept; those that told nothing for longest go first. */
const KEPT = 256;
const LIMITS: CborLimits = { maximumLength: 262_144, maximumDepth: 4 };

export interface KnownPresence {
  readonly number: number;
  /** Names the process. */
  readonly run: Uint8Array;
  /** As it was told. */
  readonly encoded: Uint8Array;
}

interface StoredPresence extends KnownPresence {
  /** 20 bytes. */
  readonly account: Uint8Array;
}

interface Stored {
  readonly number: number;
  readonly disputed: string | null;
  readonly known: readonly StoredPresence[];
}

const readStored = tuple<Stored>({
  number: uint(),
  disputed: nullable(text("the name of an office", (name) => name.length <= 100)),
  known: list(
    tuple<StoredPresence>({ account: bytes(20), number: uint(), run: bytes(16), encoded: bytes(1, 256) }),
    0,
    KEPT,
  ),
});

export class PresenceBook {
  readonly #path: string;
  #number = 0;
  #disputed: string | null = null;
  /** By account, in lower case; those told last are last. */
  readonly #known = new Map<string, StoredPresence>();

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws SwarmkeepError `presence-file-damaged` */
  static async open(path: string): Promise<PresenceBook> {
    const book = new PresenceBook(path);
    const content = await readIfPresent(path, LIMITS.maximumLength);
    if (content === undefined) return book;
    try {
      const { number, disputed, known } = readStored(decodeCbor(content, "presences", LIMITS), "presences");
      book.#number = number;
      book.#disputed = disputed;
      for (const one of known) book.#known.set(hexlify(one.account), one);
    } catch (cause) {
      throw new SwarmkeepError(`${path} does not hold the number by which other members know this validator`, {
        kind: "environment",
        code: "presence-file-damaged",
        advice: "Remove it: the other members tell whether this folder is the newest one.",
        details: { path },
        cause,
      });
    }
    return book;
  }

  /** The last number that was told, or may have been. */
  get number(): number {
    return this.#number;
  }

  /** The office in which this validator's place is disputed. */
  get disputed(): string | undefined {
    return this.#disputed ?? undefined;
  }

  /** The newest presence of another member. */
  known(account: string): KnownPresence | undefined {
    return this.#known.get(account.toLowerCase());
  }

  /** Keeps another member's presence: in memory now, and on disk with the next number of its own. */
  keep(account: string, presence: KnownPresence): void {
    const name = account.toLowerCase();
    const { number, run, encoded } = presence;
    this.#known.delete(name);
    this.#known.set(name, { account: Buffer.from(name.slice(2), "hex"), number, run, encoded });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest);
  }

  /** The next number: on disk, so that it is never told again. */
  async next(): Promise<number> {
    this.#number += 1;
    const number = this.#number;
    await this.#write();
    return number;
  }

  /** Writes down that in an office somebody else has told `number` in this validator's name. */
  async dispute(office: string, number: number): Promise<void> {
    this.#disputed = office;
    this.#number = Math.max(this.#number, number);
    await this.#write();
  }

  async #write(): Promise<void> {
    const known = [...this.#known.values()].map(({ account, number, run, encoded }) => [account, number, run, encoded]);
    await writeAtomically(this.#path, encodeCbor([this.#number, this.#disputed, known]));
  }
}

/**
 * What has to outlive a validator's process about presences (docs/protocol.md, section 9.1): its own number, the offices in which its
 * place was found disputed, and the newest presence that it was told of each other member.
 */
import { hexlify } from "ethers";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, text, tuple, uint } from "../certificate/reader.js";
import { NONCE_LENGTH, type ShownPresence } from "../protocol/presence.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../statements/errors.js";

/** Members whose presences are kept, of several committees; those that told nothing for longest go first. */
const KEPT = 256;
/** Offices that are remembered as disputed. */
const DISPUTED = 8;
const LIMITS: CborLimits = { maximumLength: 262_144, maximumDepth: 4 };

export interface KnownPresence extends ShownPresence {
  readonly number: number;
  readonly nonce: Uint8Array;
}

interface StoredPresence extends KnownPresence {
  /** 20 bytes. */
  readonly account: Uint8Array;
}

interface Stored {
  readonly number: number;
  readonly disputed: readonly string[];
  readonly known: readonly StoredPresence[];
}

const readStored = tuple<Stored>({
  number: uint(),
  disputed: list(
    text("the name of an office", (name) => name.length <= 100),
    0,
    DISPUTED,
  ),
  known: list(
    tuple<StoredPresence>({
      account: bytes(20),
      number: uint(),
      nonce: bytes(NONCE_LENGTH),
      encoded: bytes(1, 512),
      tlsKey: bytes(91),
    }),
    0,
    KEPT,
  ),
});

export class PresenceBook {
  readonly #path: string;
  #number = 0;
  #disputed: readonly string[] = [];
  /** By account, in lower case; those told last are last. */
  readonly #known = new Map<string, StoredPresence>();
  #written: Promise<void> = Promise.resolve();

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

  /** Whether another process is known to have signed in this validator's place in an office. */
  isDisputed(office: string): boolean {
    return this.#disputed.includes(office);
  }

  /** The newest presence of another member. */
  known(account: string): KnownPresence | undefined {
    return this.#known.get(account.toLowerCase());
  }

  /** Keeps another member's presence: on disk when this returns. */
  async keep(account: string, { number, nonce, encoded, tlsKey }: KnownPresence): Promise<void> {
    const name = account.toLowerCase();
    this.#known.delete(name);
    this.#known.set(name, { account: Buffer.from(name.slice(2), "hex"), number, nonce, encoded, tlsKey });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest);
    await this.#write();
  }

  /** The next number: on disk, so that it is never told again. */
  async next(): Promise<number> {
    const number = ++this.#number;
    await this.#write();
    return number;
  }

  /** Writes down that somebody else has told `number` in this validator's name, in an office. */
  async dispute(office: string, number: number): Promise<void> {
    this.#disputed = [...this.#disputed.filter((one) => one !== office), office].slice(-DISPUTED);
    this.#number = Math.max(this.#number, number);
    await this.#write();
  }

  /** The dispute is over: whatever the other process signed counts no more. */
  async settle(office: string): Promise<void> {
    this.#disputed = this.#disputed.filter((one) => one !== office);
    await this.#write();
  }

  /** One after another, each with all that is known by then. */
  #write(): Promise<void> {
    const write = async (): Promise<void> => {
      const known = [...this.#known.values()].map((one) => [
        one.account,
        one.number,
        one.nonce,
        one.encoded,
        one.tlsKey,
      ]);
      await writeAtomically(this.#path, encodeCbor([this.#number, [...this.#disputed], known]));
    };
    const written = this.#written.then(write, write);
    this.#written = written.catch(() => undefined);
    return written;
  }
}

/** A verifier's memory of revocation heads: it goes forward only, or a thief could show an old list. */
import { equalBytes } from "../crypto/bytes.js";
import { Refusal } from "./refusal.js";

/** The newest head seen. This much must survive a restart. */
export interface HeadMark {
  readonly number: number;
  /** Seconds since 1970. */
  readonly issued: number;
}

export class HeadMemory {
  #mark: HeadMark | undefined;
  readonly #store: (mark: HeadMark) => void;
  #verified: Uint8Array | undefined;

  /**
   * @param mark the stored one, or undefined at first use.
   * @param store puts a newer mark on disk before it returns; if it throws, so does the verification.
   */
  constructor(mark: HeadMark | undefined, store: (mark: HeadMark) => void) {
    this.#mark = mark;
    this.#store = store;
  }

  get mark(): HeadMark | undefined {
    return this.#mark;
  }

  /** The earliest that now can be: the clock's time, or without a clock when the newest head was made. */
  lowerBound(clock: number | undefined): number | undefined {
    return clock ?? this.#mark?.issued;
  }

  /** @throws Refusal `head-rollback` */
  checkOrder({ number, issued }: HeadMark): void {
    const mark = this.#mark;
    if (mark !== undefined && (number < mark.number || issued < mark.issued)) {
      throw new Refusal("head-rollback", `head ${number} is older than ${mark.number}, which was seen`);
    }
  }

  /** Whether `statement` (what was signed, and by whom) is that of the newest head: then its signature is known. */
  isVerified(statement: Uint8Array): boolean {
    return this.#verified !== undefined && equalBytes(this.#verified, statement);
  }

  /** Takes a head whose signature was verified. */
  remember({ number, issued }: HeadMark, statement: Uint8Array): void {
    this.checkOrder({ number, issued });
    if (number !== this.#mark?.number || issued !== this.#mark.issued) {
      this.#store({ number, issued });
      this.#mark = { number, issued };
    }
    this.#verified = statement;
  }
}

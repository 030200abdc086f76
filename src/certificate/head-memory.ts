/** A verifier's memory of revocation heads: it goes forward only, or a thief could show an old list. */
import { equalBytes } from "../crypto/bytes.js";
import { Refusal } from "./refusal.js";

/** The newest head seen. This much must survive a restart. */
export interface HeadMark {
  readonly number: number;
  /** Seconds since 1970. */
  readonly issued: number;
}

/** Signatures of one head that are remembered: it has one under each of two keys. */
const KEPT = 4;

export class HeadMemory {
  #mark: HeadMark | undefined;
  readonly #store: (mark: HeadMark) => void;
  #verified: readonly Uint8Array[] = [];

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

  /**
   * @param since when the present keys took the place of others: numbers of before, which a thief of those could have made as large
   * as he likes, do not bind heads of after.
   * @throws Refusal `head-rollback`
   */
  checkOrder({ number, issued }: HeadMark, since = Infinity): void {
    const mark = this.#mark;
    if (mark === undefined) return;
    const isOfNewKeys = mark.issued <= since && since < issued;
    if (issued < mark.issued || (number < mark.number && !isOfNewKeys)) {
      throw new Refusal("head-rollback", `head ${number} is older than ${mark.number}, which was seen`);
    }
  }

  /** Whether `statement` (what was signed, by whom, and the signature) is of the newest head, and was verified. */
  isVerified(statement: Uint8Array): boolean {
    return this.#verified.some((known) => equalBytes(known, statement));
  }

  /** Takes a head whose place (`checkOrder`) and signature were verified. */
  remember({ number, issued }: HeadMark, statement: Uint8Array): void {
    if (number !== this.#mark?.number || issued !== this.#mark.issued) {
      this.#store({ number, issued });
      this.#mark = { number, issued };
      this.#verified = [];
    }
    this.#verified = [...this.#verified.slice(1 - KEPT), statement];
  }
}

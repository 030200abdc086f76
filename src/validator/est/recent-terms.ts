/**
 * Under which number and time this member last helped to sign a request of an EST client, for as long as a use counts again
 * (`use-book.ts`). Whoever repeats a request because an answer was lost, here or at another validator, is to get the certificate that it
 * led to: the same bytes take no other number of the device's quota. In memory alone: what a restart forgets costs one number.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import type { StandardRequest } from "../../protocol/standard-issuance.js";
import { RETRY_SECONDS } from "./use-book.js";

/** What the asked validator chooses (docs/protocol.md, section 14.4). */
export type Terms = Pick<StandardRequest, "period" | "k" | "notBefore">;

export class RecentTerms {
  /** By the hex of the request's SHA-256, in the order in which they came. */
  readonly #terms = new Map<string, Terms>();

  /** @param request SHA-256 of it. @param now seconds since 1970. */
  remember(request: Uint8Array, { period, k, notBefore }: Terms, now: number): void {
    for (const [name, terms] of this.#terms) {
      if (isRecent(terms, now)) break;
      this.#terms.delete(name);
    }
    const name = bytesToHex(request);
    this.#terms.delete(name);
    this.#terms.set(name, { period, k, notBefore });
  }

  /** Undefined where there are none, and once they are so old that a member whose clock is fast might refuse them. */
  find(request: Uint8Array, now: number): Terms | undefined {
    const terms = this.#terms.get(bytesToHex(request));
    return terms !== undefined && isRecent(terms, now) ? terms : undefined;
  }
}

function isRecent({ notBefore }: Terms, now: number): boolean {
  return now <= notBefore + RETRY_SECONDS;
}

/**
 * Transactions that any of several members may send, and that are asked for at every block until the ledger shows them: each
 * is sent once, and again only after a while.
 */
import { LedgerError } from "../ledger/errors.js";
import type { TransactionSender } from "../ledger/sender.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";

/** Seconds after which something is tried again that was refused or got lost. */
const RETRY_SECONDS = 4;
/** What was tried is forgotten after this many seconds. */
const REMEMBERED_SECONDS = 600;

export interface RepeatedCall {
  readonly to: string;
  readonly data: string;
  /** What it does, in the infinitive, for messages. */
  readonly action: string;
  /** What is sent once: by what it does, since a proof in it may have other bytes each time. */
  readonly name: string;
}

export class RepeatedSender {
  readonly #sender: TransactionSender;
  readonly #log: Logger;
  /** Ledger time of the last try, by name. */
  readonly #tried = new Map<string, number>();
  readonly #underWay = new Set<string>();

  constructor(sender: TransactionSender, log: Logger) {
    this.#sender = sender;
    this.#log = log;
  }

  get address(): string {
    return this.#sender.address;
  }

  /** @param now the finalised ledger's time, seconds. */
  send({ to, data, action, name }: RepeatedCall, now: number): void {
    const last = this.#tried.get(name);
    if (this.#underWay.has(name) || (last !== undefined && now < last + RETRY_SECONDS)) return;
    for (const [old, time] of this.#tried) if (time + REMEMBERED_SECONDS < now) this.#tried.delete(old);
    this.#tried.set(name, now);
    this.#underWay.add(name);
    failpoint("ceremony.before-send");
    this.#sender
      .send({ to, data, action })
      .then(
        ({ transactionHash, gasUsed }) =>
          this.#log.info({ action, transactionHash, gasUsed: gasUsed.toString() }, "sent"),
        // Often another member was faster. What matters is tried again for as long as it is asked for.
        (error: unknown) => {
          // What only this member can do for its seat, and has not done.
          const isTwice = error instanceof LedgerError && error.details["error"] === "AlreadyDone";
          if (isTwice) this.#log.warn({ action, error }, "somebody else has done this with this account");
          else this.#log.info({ action, error }, "not sent");
        },
      )
      .finally(() => this.#underWay.delete(name));
  }
}

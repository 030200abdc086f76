/**
 * Swarm signatures over ordered statements. Each member builds the statement from the finalised ledger, writes down that it
 * votes for it, and sends its partial signature to the others until the signature is there. A member that comes late gets
 * the finished signature as the answer to its vote.
 */
import { combinePartials, verifyPartial } from "../crypto/threshold-bls.js";
import type { Bls } from "../crypto/bls.js";
import { equalBytes } from "../crypto/bytes.js";
import { type Vote, type VoteKind, PATH, decodeVoteAnswer, encodeVote } from "../protocol/api.js";
import type { Participation } from "../protocol/participation.js";
import { VoteBook } from "../protocol/votes.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Journal } from "../runtime/journal.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Committee } from "./committee.js";
import type { Peers } from "./peers.js";
import { type Signer, statementId } from "./signer.js";

/** Milliseconds between tries to give a vote to a member that did not take it. */
const RETRY = { first: 200, most: 2_000 } as const;
/** Milliseconds until a vote that was taken is given again: a member that restarts has forgotten the votes of others. */
const REPEAT = 5_000;
/** Votes kept in memory; older statements are never signed again, since their numbers only rise. */
const REMEMBERED_VOTES = 512;

/** u8 kind | u64 number | 32 bytes statement id */
const RECORD_LENGTH = 1 + 8 + 32;

function voteName(kind: VoteKind, number: number): string {
  return `${kind}:${number}`;
}

/** Votes given, on disk: nobody gets this member to vote for two different statements of one kind and number. */
export class VoteRecord {
  readonly #journal: Journal;
  /** In the order in which they were given, each with the number of its record once that is on disk. */
  readonly #votes = new Map<string, { readonly id: Uint8Array; readonly stored: Promise<number> }>();

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  static async open(journal: Journal): Promise<VoteRecord> {
    const record = new VoteRecord(journal);
    for await (const { sequence, payload } of journal.replay()) {
      const bytes = Buffer.from(payload);
      const name = voteName(bytes.readUInt8(0) as VoteKind, Number(bytes.readBigUInt64BE(1)));
      const id = Uint8Array.from(bytes.subarray(9, RECORD_LENGTH));
      record.#votes.set(name, { id, stored: Promise.resolve(sequence) });
    }
    return record;
  }

  /** Writes down a vote. The same one again is fine. @throws SwarmkeepError `already-voted` */
  async claim(kind: VoteKind, number: number, id: Uint8Array): Promise<void> {
    const name = voteName(kind, number);
    const before = this.#votes.get(name);
    if (before !== undefined) {
      if (equalBytes(before.id, id)) return void (await before.stored);
      throw new SwarmkeepError(`this member voted for another statement of kind ${kind} and number ${number} before`, {
        kind: "refused",
        code: "already-voted",
        advice: "The ledger's finalised history changed; find out why before this member signs again.",
      });
    }
    const bytes = Buffer.alloc(RECORD_LENGTH);
    bytes.writeUInt8(kind, 0);
    bytes.writeBigUInt64BE(BigInt(number), 1);
    bytes.set(id, 9);
    failpoint("voting.before-append");
    // In memory at once, so that no second statement passes while the disk is busy.
    const stored = this.#journal.append(bytes);
    this.#votes.set(name, { id, stored });
    try {
      await stored;
    } catch (error) {
      // A vote that is not on disk was not given.
      this.#votes.delete(name);
      throw error;
    }
    failpoint("voting.after-append");
    await this.#forget();
  }

  async #forget(): Promise<void> {
    const excess = [...this.#votes].slice(0, Math.max(0, this.#votes.size - REMEMBERED_VOTES));
    for (const [name] of excess) this.#votes.delete(name);
    const [oldest] = this.#votes.values();
    if (excess.length > 0 && oldest !== undefined) await this.#journal.prune(await oldest.stored);
  }
}

export interface VotingOptions {
  readonly committee: Committee;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly record: VoteRecord;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Is told who votes. */
  readonly participation?: Participation;
}

/** The votes of one committee. */
export class Voting {
  readonly #options: VotingOptions;
  readonly #book: VoteBook;
  readonly #waiting = new Map<string, (signature: Uint8Array) => void>();

  constructor(options: VotingOptions) {
    this.#options = options;
    const { committee, bls } = options;
    this.#book = new VoteBook({
      threshold: committee.quorum.t,
      seats: [...committee.blsKey.verificationKeys.keys()],
      verify: (seat, message, signature) => verifyPartial(bls, committee.blsKey, message, { seat, signature }),
      combine: (partials) =>
        combinePartials(
          [...partials].map(([seat, signature]) => ({ seat, signature })),
          bls,
        ),
    });
  }

  /**
   * Votes for a statement and waits for the swarm signature over it.
   * @param signal ends the wait, for instance when a newer statement takes this one's place.
   * @throws SwarmkeepError `already-voted`; the signal's reason.
   */
  async decide(kind: VoteKind, number: number, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const name = voteName(kind, number);
    const signature = await this.#decide(name, { kind, number }, message, signal);
    this.#options.participation?.decided(name);
    return signature;
  }

  async #decide(
    name: string,
    { kind, number }: Pick<Vote, "kind" | "number">,
    message: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { record, signer, peers } = this.#options;
    await record.claim(kind, number, statementId(message));
    this.#book.propose(name, message);
    const part = signer.partial(message);
    const vote = encodeVote({ kind, number, ...part });
    const own = this.#book.add(name, part.seat, part.partial);
    if (own.kind === "complete") return own.signature;

    const done = new AbortController();
    const stop = AbortSignal.any([signal, done.signal]);
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        this.#waiting.set(name, resolve);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        if (signal.aborted) reject(signal.reason as Error);
        for (const seat of peers.seats) void this.#give(seat, vote, message, resolve, { signal, stop });
      });
    } finally {
      this.#waiting.delete(name);
      done.abort();
    }
  }

  /**
   * Takes another member's vote.
   * @param from account of the validator that sent it. Votes that come late are not verified any more, and count for their sender's seat alone.
   * @returns the signature if it is complete. @throws SwarmkeepError `vote-refused`
   */
  receive({ kind, number, seat, partial }: Vote, from: string): Uint8Array | undefined {
    const { participation, committee } = this.#options;
    const name = voteName(kind, number);
    const outcome = this.#book.add(name, seat, partial);
    const isOwn = committee.accounts.get(seat)?.toLowerCase() === from.toLowerCase();
    if (outcome.kind !== "refused" && isOwn) participation?.voted(name, seat);
    if (outcome.kind === "complete") {
      this.#waiting.get(name)?.(outcome.signature);
      return outcome.signature;
    }
    if (outcome.kind === "waiting") return undefined;
    if (outcome.reason === "bad-partial") this.#options.log.warn({ seat, kind, number }, "a vote does not verify");
    throw new SwarmkeepError(`the vote of seat ${seat} on ${name} was not counted: ${outcome.reason}`, {
      kind: "refused",
      code: outcome.reason === "unknown-statement" ? "statement-unknown" : "vote-refused",
      advice: "Send it again when this member's ledger has come as far.",
    });
  }

  /** A vote that is on its way arrives, although it is not needed any more: whoever waits for it sees that it was given. */
  async #give(
    seat: number,
    vote: Uint8Array,
    message: Uint8Array,
    finish: (signature: Uint8Array) => void,
    { signal, stop }: { readonly signal: AbortSignal; readonly stop: AbortSignal },
  ): Promise<void> {
    const { peers, clock, bls, committee } = this.#options;
    for (let delay: number = RETRY.first; !stop.aborted; delay = Math.min(delay * 2, RETRY.most)) {
      try {
        const signature = decodeVoteAnswer(await peers.post(seat, PATH.vote, vote, signal));
        if (signature !== undefined && bls.verify(committee.keys.bls, message, signature)) return finish(signature);
        await clock.sleep(REPEAT, stop).catch(() => undefined);
      } catch {
        // Away, or not as far yet: the vote is offered again until the statement is decided.
        await clock.sleep(delay, stop).catch(() => undefined);
      }
    }
  }
}

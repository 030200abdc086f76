/** Asks all members of a committee the same, again and again, until enough of them have answered. */
import type { Clock } from "../runtime/clock.js";

const RETRY = { first: 100, most: 1_000 } as const;

export interface PollOptions<Answer> {
  readonly seats: readonly number[];
  /** Asks one; it is asked again where this rejects. */
  readonly ask: (seat: number, signal: AbortSignal) => Promise<Answer>;
  /** Answers that are enough. */
  readonly needed: number;
  /** Milliseconds for those that have not answered, once enough have. */
  readonly graceMilliseconds: number;
  /** Milliseconds after which fewer are taken, too; for ever if not given. */
  readonly patienceMilliseconds?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @returns the answers of all who gave one in time. @throws the signal's reason */
export async function pollMembers<Answer>(options: PollOptions<Answer>): Promise<readonly Answer[]> {
  const { seats, ask, needed, clock, signal } = options;
  const answers: Answer[] = [];
  const enough = new AbortController();
  const stop = AbortSignal.any([signal, enough.signal]);
  let isGrace = false;
  const after = (milliseconds: number): void => {
    clock.sleep(milliseconds, stop).then(
      () => enough.abort(),
      () => undefined,
    );
  };
  if (options.patienceMilliseconds !== undefined) after(options.patienceMilliseconds);
  const look = (): void => {
    if (answers.length === seats.length) enough.abort();
    else if (answers.length >= needed && !isGrace) {
      isGrace = true;
      after(options.graceMilliseconds);
    }
  };
  look();
  await Promise.all(
    seats.map(async (seat) => {
      for (let delay: number = RETRY.first; !stop.aborted; delay = Math.min(2 * delay, RETRY.most)) {
        try {
          answers.push(await ask(seat, stop));
          return look();
        } catch {
          await clock.sleep(delay, stop).catch(() => undefined);
        }
      }
    }),
  );
  signal.throwIfAborted();
  return answers;
}

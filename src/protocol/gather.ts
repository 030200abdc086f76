/**
 * Asks members of the committee for their parts of one swarm signature until enough good ones are there: the nearest
 * first and in parallel, the next one as soon as one fails, answers wrongly or takes too long. No I/O of its own:
 * `ask` talks to a member and checks what it answers.
 */
export interface GatherOptions<Member, Part> {
  /** Members in the order in which they are asked. */
  readonly members: readonly Member[];
  /** Good parts that are needed. */
  readonly needed: number;
  /** Members asked at once beyond those needed, so that one slow member costs nothing. */
  readonly spare?: number;
  /** Talks to one member; rejects with the reason if it is away, refuses, or answers something that does not verify. */
  readonly ask: (member: Member, signal: AbortSignal) => Promise<Part>;
  /** After this many milliseconds without an answer the next member is asked as well; the slow one may still answer. */
  readonly patienceMilliseconds?: number;
  /** A refusal after which asking further members is pointless, such as a request that is itself wrong. */
  readonly isFinal?: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
}

export interface Gathered<Member, Part> {
  readonly parts: readonly { readonly member: Member; readonly part: Part }[];
  readonly failures: readonly { readonly member: Member; readonly error: unknown }[];
}

/** Different reasons that an error's sentence names. */
const REASONS_TOLD = 2;

/** Too few members gave a good part. `failures` says what each of the others did. */
export class GatherError<Member> extends Error {
  readonly failures: readonly { readonly member: Member; readonly error: unknown }[];
  readonly good: number;
  readonly needed: number;

  constructor(good: number, needed: number, failures: readonly { member: Member; error: unknown }[]) {
    const messages = failures.map(({ error }) => (error instanceof Error ? error.message : String(error)));
    const reasons = [...new Set(messages)];
    // One sentence for people: `failures` has them all.
    const [told, left] = [reasons.slice(0, REASONS_TOLD), reasons.length - REASONS_TOLD];
    const others = left > 0 ? [...told, `and ${left} more like it`] : told;
    super(`${good} of the ${needed} needed members answered well; the others: ${others.join("; ") || "none"}`);
    this.name = "GatherError";
    this.failures = failures;
    this.good = good;
    this.needed = needed;
  }
}

const DEFAULT_SPARE = 1;
const DEFAULT_PATIENCE_MILLISECONDS = 1_500;

/**
 * Once too few members are left no more are asked, and those that were asked still have `patienceMilliseconds`: what more than f
 * of them say is so, and it takes more than the first refusal to know.
 * @throws GatherError, or the abort reason of `signal`.
 */
export function gather<Member, Part>(options: GatherOptions<Member, Part>): Promise<Gathered<Member, Part>> {
  const { members, needed, ask, isFinal = () => false, signal } = options;
  const patience = options.patienceMilliseconds ?? DEFAULT_PATIENCE_MILLISECONDS;
  const parts: { member: Member; part: Part }[] = [];
  const failures: { member: Member; error: unknown }[] = [];
  const stop = new AbortController();
  const timers = new Set<ReturnType<typeof setTimeout>>();

  return new Promise((resolve, reject) => {
    let next = 0;
    let asked = 0;
    let settled = false;
    let isHopeless = false;

    const finish = (act: () => void): void => {
      if (settled) return;
      settled = true;
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      stop.abort();
      act();
    };
    const onAbort = (): void => finish(() => reject(signal?.reason as Error));
    const giveUp = (): void => finish(() => reject(new GatherError(parts.length, needed, failures)));
    const later = (work: () => void): ReturnType<typeof setTimeout> => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        work();
      }, patience);
      timers.add(timer);
      return timer;
    };

    const startNext = (): void => {
      const member = members[next];
      if (settled || isHopeless || member === undefined) return;
      next += 1;
      asked += 1;
      const timer = later(startNext);
      const answered = (): boolean => {
        clearTimeout(timer);
        timers.delete(timer);
        asked -= 1;
        return !settled;
      };
      ask(member, stop.signal).then(
        (part) => {
          if (!answered()) return;
          parts.push({ member, part });
          if (parts.length >= needed) finish(() => resolve({ parts: [...parts], failures: [...failures] }));
          else if (isHopeless && asked === 0) giveUp();
        },
        (error: unknown) => {
          if (!answered()) return;
          failures.push({ member, error });
          if (isFinal(error)) return giveUp();
          if (!isHopeless && members.length - failures.length < needed) {
            isHopeless = true;
            later(giveUp);
          }
          if (isHopeless && asked === 0) giveUp();
          else startNext();
        },
      );
    };

    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (members.length < needed) return finish(() => reject(new GatherError<Member>(0, needed, [])));
    const first = Math.min(members.length, needed + (options.spare ?? DEFAULT_SPARE));
    for (let i = 0; i < first; i++) startNext();
  });
}

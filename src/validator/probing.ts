/**
 * Probes the candidates (docs/protocol.md, section 15.1) while this member is in office: all of the sample at the same moment, so that one
 * machine that answers for many is slow for all of them, and at times that are drawn when the epoch begins and that nobody
 * else can know: they are in memory alone. A member that restarts draws new ones for what is left of the time.
 */
import { randomBytes, randomInt } from "node:crypto";

import { getBytes } from "ethers";

import { equalBytes } from "../crypto/bytes.js";
import type { Member, Projection } from "../ledger/projection.js";
import { type Client, type ClientAnswer, createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { tlsKeyVerifier } from "../net/tls-identity.js";
import { PATH } from "../protocol/api.js";
import { type Sample, ranksOf } from "../protocol/measurement-round.js";
import {
  type ProbeAnswer,
  type ProbeSubject,
  decodeEcho,
  decodeProbeAnswer,
  encodeProbe,
  verifySteps,
} from "../protocol/probe.js";
import type { Measures } from "../protocol/quality.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Counter, Histogram, Metrics } from "../runtime/metrics.js";
import { SwarmkeepError } from "../statements/errors.js";
import { PROBE } from "../statements/probe.js";
import type { MeshContext } from "./mesh-context.js";
import type { MemberChannel } from "./peers.js";
import { probeWork } from "./probe-work.js";

/** A candidate that takes longer for one of its answers was not there. */
const TIMEOUT_MILLISECONDS = 5_000;
/** Milliseconds at the beginning of an epoch in which nobody is probed, at most. */
const MOST_SETTLING = 10_000;
/** Timers cannot be set for more than some weeks. */
const LONGEST_SLEEP = 86_400_000;

/** How the last answer to a probe was, for metrics. */
type Outcome = "answered" | "unanswered" | "wrong";

export interface ProbeMetrics {
  readonly probes: Counter<"outcome">;
  readonly latency: Histogram;
  readonly work: Histogram;
}

export function probeMetrics(metrics: Metrics): ProbeMetrics {
  return {
    probes: metrics.counter("swarmkeep_probes_total", "Probes of candidates, by how they were answered", ["outcome"]),
    latency: metrics.histogram("swarmkeep_probe_latency_seconds", "Round trips to candidates"),
    work: metrics.histogram("swarmkeep_probe_work_seconds", "Time that candidates took for the work of a probe"),
  };
}

export interface ProbingOptions {
  readonly context: MeshContext;
  readonly projection: Projection;
  /** In which this member is in office. */
  readonly epoch: number;
  /** Of this member, which does not probe itself. */
  readonly account: string;
  readonly sample: () => Sample;
  readonly channel: MemberChannel;
  readonly metrics: ProbeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Is told of each candidate whether it answered. */
  readonly onProbed: (account: string, isAnswered: boolean) => void;
}

/** A candidate while it is probed. */
interface Probed {
  readonly rank: number;
  readonly member: Member;
  client?: Client;
  latency?: number;
  work?: number;
  shown?: { readonly subject: ProbeSubject; readonly answer: ProbeAnswer; readonly serverKey: Uint8Array | undefined };
}

export class Probing {
  readonly #options: ProbingOptions;
  readonly #stop = new AbortController();
  /** Whether the hurried probe is done, by the first candidate of its sample. */
  readonly #hurried = new Map<number, boolean>();
  readonly #measures = new Map<number, { asked: number; answered: number; latencies: number[]; works: number[] }>();

  constructor(options: ProbingOptions) {
    this.#options = options;
  }

  /** What was measured until now, by the candidates' numbers. */
  get measures(): ReadonlyMap<number, Measures> {
    return this.#measures;
  }

  /** Probes `count` times at random until `until`, milliseconds since 1970. Returns at once. */
  start(count: number, until: number): void {
    const begun = this.#options.clock.now();
    // Candidates that are some blocks behind do not know yet who is in office.
    const now = begun + Math.min(MOST_SETTLING, (until - begun) / 8);
    const span = Math.floor(until - now);
    if (span <= 0) return;
    const times = Array.from({ length: count }, () => now + randomInt(Math.min(span, 2 ** 47)));
    this.#begin(times.sort((a, b) => a - b));
  }

  /** Whether anybody of a sample was probed, or it has nobody who can be. */
  hasProbed(sample: Sample): boolean {
    return ranksOf(sample).some((rank) => this.#measures.has(rank)) || this.#hurried.get(sample.first) === true;
  }

  /** Probes at once, for who has to report on a sample and has probed none of it. Returns at once. */
  hurry({ first }: Sample): void {
    if (this.#hurried.has(first)) return;
    this.#hurried.set(first, false);
    this.probe().then(
      () => this.#hurried.set(first, true),
      (error: unknown) => this.#failed(error),
    );
  }

  close(): void {
    this.#stop.abort(new Error("the epoch is over, or the validator stops"));
  }

  #begin(times: readonly number[]): void {
    this.#probeAt(times).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#options.log.warn({ error }, "candidates are not probed any more");
  }

  async #probeAt(times: readonly number[]): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    for (const time of times) {
      for (let left = time - clock.now(); left > 0; left = time - clock.now()) {
        await clock.sleep(Math.min(left, LONGEST_SLEEP), signal);
      }
      await this.probe();
    }
  }

  /** Probes each candidate of the sample once. */
  async probe(): Promise<void> {
    const { log } = this.#options;
    const candidates = this.#candidates();
    const outcomes: Record<Outcome, number> = { answered: 0, unanswered: 0, wrong: 0 };
    try {
      // Step by step for all of them: what one machine does for many falls into the same moment.
      let there = await this.#each(candidates, (one) => this.#reach(one));
      there = await this.#each(there, async (one) => {
        one.latency = await this.#echo(one);
      });
      there = await this.#each(there, (one) => this.#work(one));
      this.#stop.signal.throwIfAborted();
      for (const one of candidates) {
        const outcome = !there.includes(one)
          ? "unanswered"
          : (await isRight(this.#options.context, one))
            ? "answered"
            : "wrong";
        outcomes[outcome]++;
        this.#take(one, outcome);
      }
    } finally {
      for (const { client } of candidates) client?.close();
    }
    log.info({ epoch: this.#options.epoch, ...outcomes }, "candidates probed");
  }

  /** Who can be asked: registered and active, and not this member. */
  #candidates(): Probed[] {
    const { projection, account, sample } = this.#options;
    const members = projection.members();
    return ranksOf(sample()).flatMap((rank) => {
      const member = members[rank];
      if (member?.contact === undefined || member.state !== "active") return [];
      if (member.account.toLowerCase() === account.toLowerCase()) return [];
      return [{ rank, member }];
    });
  }

  /** Does something with all at once. @returns those with which it went well. */
  async #each(all: readonly Probed[], work: (one: Probed) => Promise<unknown>): Promise<Probed[]> {
    const { log } = this.#options;
    const good = await Promise.all(
      all.map((one) =>
        work(one).then(
          () => true,
          (error: unknown) => {
            if (!this.#stop.signal.aborted)
              log.debug({ account: one.member.account, error }, "a probe was not answered");
            return false;
          },
        ),
      ),
    );
    return all.filter((_, i) => good[i]);
  }

  /** Opens the connection, so that this does not count: the key has to be the registered one. */
  async #reach(one: Probed): Promise<void> {
    const { credentials, servers } = this.#options.channel;
    const { account, contact } = one.member;
    if (contact === undefined) return;
    one.client = createClient({
      endpoint: parseEndpoint(contact.endpoint),
      trust: { kind: "pin", pin: getBytes(contact.tlsPin), judge: servers.judgeOf(getBytes(account)) },
      credentials,
      timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    });
    await this.#echo(one);
  }

  /** @returns milliseconds of the round trip. */
  async #echo(one: Probed): Promise<number> {
    const challenge = Uint8Array.from(randomBytes(PROBE.challenge));
    const { answer, milliseconds } = await this.#ask(one, PATH.probeEcho, challenge);
    if (equalBytes(decodeEcho(answer.body), challenge)) return milliseconds;
    throw new SwarmkeepError("the echo is of another challenge", {
      kind: "network",
      code: "bad-answer",
      advice: "Report it: an honest validator does not do that.",
    });
  }

  async #work(one: Probed): Promise<void> {
    const challenge = Uint8Array.from(randomBytes(PROBE.challenge));
    const { answer, milliseconds } = await this.#ask(one, PATH.probeWork, challenge);
    // The round trip is not taken off: the candidate chooses how long that one takes, and would hide its work behind it.
    one.work = milliseconds;
    const { channelBinding: channel, serverKey } = answer;
    const subject = { account: getBytes(one.member.account), challenge, channel };
    one.shown = { subject, answer: decodeProbeAnswer(answer.body), serverKey };
  }

  async #ask(
    { client }: Probed,
    path: string,
    challenge: Uint8Array,
  ): Promise<{ readonly answer: ClientAnswer; readonly milliseconds: number }> {
    if (client === undefined) throw new RangeError("a candidate is asked before it was reached");
    const body = encodeProbe({ epoch: this.#options.epoch, challenge });
    const begun = performance.now();
    const answer = await client.request({ method: "POST", path, body, signal: this.#stop.signal });
    return { answer, milliseconds: performance.now() - begun };
  }

  #take({ rank, member, latency = 0, work = 0 }: Probed, outcome: Outcome): void {
    const { metrics, log, onProbed } = this.#options;
    const measures = this.#measures.get(rank) ?? { asked: 0, answered: 0, latencies: [], works: [] };
    this.#measures.set(rank, measures);
    measures.asked++;
    metrics.probes.inc({ outcome });
    onProbed(member.account, outcome === "answered");
    if (outcome === "wrong") log.warn({ account: member.account }, "a candidate answered a probe with wrong work");
    if (outcome !== "answered") return;
    measures.answered++;
    measures.latencies.push(latency);
    measures.works.push(work);
    metrics.latency.observe(latency / 1000);
    metrics.work.observe(work / 1000);
  }
}

/** Whether the work is right and signed by the registered key, on this connection. Costs as much as the work did. */
async function isRight({ separators }: MeshContext, { shown }: Probed): Promise<boolean> {
  if (shown?.serverKey === undefined) return false;
  const { subject, answer, serverKey } = shown;
  if (!equalBytes(await probeWork(subject), answer.work)) return false;
  return verifySteps(separators.anchor, subject, answer, tlsKeyVerifier(serverKey));
}

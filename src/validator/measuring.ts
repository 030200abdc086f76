/**
 * Measures the candidates once an epoch (docs/protocol.md, section 15): in office this member probes them, and what it saw goes to the
 * ledger in a round of commitments and reports. Whatever anyone may send, members send in turns, in and after the epoch. A
 * report is on disk before its commitment leaves; a member that restarts in between reveals the same one. Nothing here holds
 * up a turn of the committee: a round that comes to nothing changes nothing.
 */
import { randomBytes, randomInt } from "node:crypto";

import { getBytes } from "ethers";

import { Refusal } from "../certificate/refusal.js";
import { INTERFACES } from "../ledger/contracts.js";
import type { Round } from "../ledger/measurement-projection.js";
import type { Office } from "../ledger/projection.js";
import type { LedgerSource } from "../ledger/source.js";
import {
  type OwnPart,
  type Report,
  type RoundStep,
  type Sample,
  commitmentOf,
  commitTime,
  decodeReport,
  dueStep,
  encodeReport,
  probesLeft,
  ranksOf,
  sampleOf,
} from "../protocol/measurement-round.js";
import type { Participation } from "../protocol/participation.js";
import { qualitiesOf } from "../protocol/quality.js";
import { type Clock, seconds } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { packClasses } from "../statements/classes.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { countCeremony } from "./duties.js";
import type { MeshContext } from "./mesh-context.js";
import type { InOfficeParts } from "./office.js";
import type { MemberChannel } from "./peers.js";
import { type ProbeMetrics, Probing } from "./probing.js";
import type { RepeatedSender } from "./repeated-sender.js";
import { roundFacts } from "./round-facts.js";
import type { FinalisedBlock, Standing } from "./standing.js";
import { Turns, turnOf } from "./turns.js";

const PURPOSE = "measurement report";

export interface MeasuringOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly calls: RepeatedSender;
  readonly sealer: Sealer;
  /** File of the report that this member gives. */
  readonly path: string;
  readonly channel: MemberChannel;
  /** What runs while this member is in office. */
  readonly office: () => Pick<InOfficeParts, "participation"> | undefined;
  /** Seconds by which members wait for one another. */
  readonly turnSeconds: number;
  readonly metrics: ProbeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An epoch in which this member is in office. */
interface Term {
  readonly office: Office;
  readonly seat: number;
  readonly commitAt: number;
  readonly probing: Probing;
  readonly participation: Participation;
  report: Report | undefined;
}

export class MeasuringRunner {
  readonly #options: MeasuringOptions;
  readonly #turns: Turns;
  #office: Office | undefined;
  #term: Term | undefined;
  /** The last epoch with whose round everything was done. */
  #over = 0n;

  constructor(options: MeasuringOptions) {
    this.#options = options;
    this.#turns = new Turns(options.turnSeconds);
  }

  /** Looks whether something is due by a newer finalised block. Probes and transactions go on by themselves. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    const { projection } = this.#options.standing;
    const { office, genesis } = projection;
    if (office === undefined || genesis === undefined) return;
    if (genesis.parameters.epochSeconds === 0n || genesis.parameters.probesPerEpoch === 0n) return;
    if (this.#office !== office) await this.#follow(office);
    // What is final may be minutes old, and the deadlines are not.
    const now = Math.max(finalised.timestamp, seconds(this.#options.clock) - CLOCK_SKEW_SECONDS);
    await this.#doOwn(office, now, finalised);
    this.#doShared(office, now, finalised);
  }

  close(): void {
    this.#term?.probing.close();
    this.#term = undefined;
  }

  /** Another committee is in office: this member's term begins with it, if it sits there. */
  async #follow(office: Office): Promise<void> {
    const { standing, source, office: parts } = this.#options;
    const { committee, signer, projection } = standing;
    const { parameters } = projection.genesis ?? {};
    if (committee?.epoch !== Number(office.epoch) || parameters === undefined) return;
    this.close();
    const participation = parts()?.participation;
    if (signer !== undefined && participation !== undefined) {
      const { timestamp: since } = await source.block(projection.takeoverOf(office)?.blockNumber ?? 0);
      const { from, spread } = commitTime(since, Number(parameters.epochSeconds), Number(parameters.phaseSeconds));
      const probing = this.#probing(office, participation, committee.accounts);
      const report = await this.#storedReport(Number(office.epoch));
      const commitAt = from + randomInt(spread + 1);
      this.#term = { office, seat: signer.seat, commitAt, probing, participation, report };
      countCeremony(participation, projection, office);
      if (report === undefined) {
        const now = this.#options.clock.now() / 1000;
        probing.start(probesLeft(Number(parameters.probesPerEpoch), since, from, now), 1000 * from);
      }
    }
    this.#office = office;
  }

  #probing(office: Office, participation: Participation, accounts: ReadonlyMap<number, string>): Probing {
    const { context, standing, calls, channel, metrics, clock, log } = this.#options;
    const seats = new Map([...accounts].map(([seat, account]) => [account.toLowerCase(), seat]));
    return new Probing({
      context,
      projection: standing.projection,
      epoch: Number(office.epoch),
      account: calls.address,
      sample: () => this.#sample(office),
      channel,
      metrics,
      clock,
      log,
      onProbed: (account, isAnswered) => {
        const seat = seats.get(account.toLowerCase());
        if (seat !== undefined) participation.count("probe", seat, isAnswered);
      },
    });
  }

  /** As the round of the epoch has it, or would have it if it began now. */
  #sample(office: Office): Sample {
    const { projection } = this.#options.standing;
    const round = projection.measurement.rounds.get(office.epoch);
    if (round !== undefined) return { first: round.first, sampled: round.sampled };
    return sampleOf(projection.members().length, getBytes(office.verificationRoot), office.epoch);
  }

  /** One of another epoch was revealed, or never will be; one that does not open is lost, and this member as one that is away. */
  async #storedReport(epoch: number): Promise<Report | undefined> {
    const { sealer, path, log } = this.#options;
    try {
      const stored = await sealer.readIfPresent(path, PURPOSE);
      const report = stored === undefined ? undefined : decodeReport(stored);
      return report?.epoch === epoch ? report : undefined;
    } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof SwarmkeepError && error.code === "sealed-file-damaged")) {
        throw error;
      }
      log.warn({ error }, "the report of what was measured is lost; the next one takes its place");
      return undefined;
    }
  }

  async #doOwn(office: Office, now: number, finalised: FinalisedBlock): Promise<void> {
    const term = this.#term;
    if (term?.office !== office || office.epoch <= this.#over) return;
    const own = { seat: term.seat, commitAt: term.commitAt, sample: term.report?.sample };
    const step = this.#due(office, now, own);
    if (step === "commit") {
      term.report ??= await this.#makeReport(term);
      if (term.report !== undefined) this.#commit(term.report, finalised);
    } else if (step === "reveal" && term.report !== undefined) this.#reveal(term.report, finalised);
  }

  /** What anyone may do about the round of this epoch, or the one before where it is not over. */
  #doShared(office: Office, now: number, finalised: FinalisedBlock): void {
    const { standing, calls } = this.#options;
    const { projection } = standing;
    const { rounds } = projection.measurement;
    for (const epoch of [office.epoch - 1n, office.epoch]) {
      const round = rounds.get(epoch);
      if (round === undefined || epoch <= this.#over) continue;
      // A round that was not settled is over once the next one has begun.
      if (round.result === undefined && epoch !== office.epoch && rounds.has(office.epoch)) continue;
      const of = projection.offices().findLast((one) => one.epoch === epoch) ?? office;
      const step = this.#due(of, now, undefined);
      if (step === undefined && round.result !== undefined) this.#end(round);
      if (step !== "settle" && step !== "credit" && step !== "allot") continue;
      const turn = turnOf(projection, office, calls.address);
      if (turn === undefined || !this.#turns.hasCome(`${epoch} ${step}`, turn, finalised.timestamp)) return;
      const { contract, action } = SHARED[step];
      this.#send(epoch, contract, step, action, [epoch, [...of.committee]], finalised);
      return;
    }
    this.#turns.rest();
  }

  #end({ epoch, reports, result }: Round): void {
    this.#over = epoch;
    const facts = { epoch: epoch.toString(), reports: reports.size, isMeasured: result?.isMeasured };
    this.#options.log.info(facts, "the round of measurements is over");
  }

  #due(office: Office, now: number, own: OwnPart | undefined): RoundStep | undefined {
    const { projection } = this.#options.standing;
    const round = projection.measurement.rounds.get(office.epoch);
    const view = round === undefined ? undefined : roundFacts(round, office, projection);
    return dueStep({ round: view, seats: office.committee.length, now, own });
  }

  /**
   * Undefined where none of the sample was probed yet: whoever is late, finds the round begun early, or the sample moved on with the
   * number of candidates, probes once before it says anything.
   */
  async #makeReport({ office, seat, probing, participation }: Term): Promise<Report | undefined> {
    const { sealer, path, log } = this.#options;
    const sample = this.#sample(office);
    if (!probing.hasProbed(sample)) {
      probing.hurry(sample);
      return undefined;
    }
    const qualities = qualitiesOf(probing.measures);
    const seats = office.committee.map((_, i) => i + 1);
    const report: Report = {
      epoch: Number(office.epoch),
      sample,
      // Nobody's word counts on itself: this member's own place is left at 0.
      qualities: ranksOf(sample).map((rank) => qualities.get(rank) ?? 0),
      participation: seats.map((one) => (one === seat ? 0 : participation.classOf(one))),
      salt: Uint8Array.from(randomBytes(32)),
    };
    await sealer.write(path, PURPOSE, encodeReport(report));
    log.info({ epoch: report.epoch, candidates: qualities.size }, "what was measured is ready to be reported");
    return report;
  }

  #commit(report: Report, finalised: FinalisedBlock): void {
    const commitment = commitmentOf(report, getBytes(this.#options.calls.address));
    const action = "commit to a report of measurements";
    this.#send(BigInt(report.epoch), "measurement", "commitReport", action, [report.epoch, commitment], finalised);
  }

  #reveal({ epoch, qualities, participation, salt }: Report, finalised: FinalisedBlock): void {
    const action = "report measurements";
    const values = [epoch, packClasses(qualities), packClasses(participation), salt];
    this.#send(BigInt(epoch), "measurement", "revealReport", action, values, finalised);
  }

  #send(
    epoch: bigint,
    contract: "measurement" | "reputation" | "rewards",
    name: string,
    action: string,
    values: readonly unknown[],
    { timestamp }: FinalisedBlock,
  ): void {
    const { calls, context } = this.#options;
    const data = INTERFACES[contract].encodeFunctionData(name, values as unknown[]);
    calls.send({ to: context.addresses[contract], data, action, name: `${epoch} ${name}` }, timestamp);
  }
}

const SHARED = {
  settle: { contract: "measurement", action: "settle the round of measurements" },
  credit: { contract: "reputation", action: "credit those who were in office" },
  allot: { contract: "rewards", action: "pay those who were in office" },
} as const;

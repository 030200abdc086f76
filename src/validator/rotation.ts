/**
 * Changes the committee when its epoch is over (docs/protocol.md, section 13): members bring the weights up to date, freeze
 * them, sign the beacon, start the handover, and end the probation that follows, or give office back to the committee
 * before. Anyone may send each of these transactions; members take turns, so that one pays and nobody is needed.
 */
import { getBytes } from "ethers";

import { INTERFACES } from "../ledger/contracts.js";
import { signatureStruct } from "../ledger/points.js";
import type { Office, Projection } from "../ledger/projection.js";
import type { LedgerSource } from "../ledger/source.js";
import { VOTE_KIND } from "../protocol/api.js";
import { candidateWeight } from "../protocol/weight.js";
import type { Logger } from "../runtime/log.js";
import { statementDigest } from "../statements/eip712.js";
import { SORTITION } from "../statements/sortition.js";
import type { MeshContext } from "./mesh-context.js";
import type { RepeatedSender } from "./repeated-sender.js";
import type { FinalisedBlock, Standing } from "./standing.js";
import { Turns, turnOf } from "./turns.js";
import type { Voting } from "./voting.js";

/** Weights brought up to date in one transaction. */
const REFRESHED_AT_ONCE = 64;

export interface RotationOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly calls: RepeatedSender;
  /** The votes of the committee in office, while this member sits in it. */
  readonly voting: () => Voting | undefined;
  /** Seconds by which members wait for one another. */
  readonly turnSeconds: number;
  readonly log: Logger;
}

interface Due {
  readonly name: string;
  readonly contract: "rotation" | "ceremony" | "groupKeys";
  readonly action: string;
  readonly values: readonly unknown[];
}

interface BeaconVote {
  readonly epoch: bigint;
  readonly voting: Voting;
  readonly stop: AbortController;
  signature: Uint8Array | undefined;
}

export class RotationRunner {
  readonly #options: RotationOptions;
  #beacon: BeaconVote | undefined;
  /** When the committee in office took it, once that was looked up. */
  #since: { readonly office: Office; readonly time: number } | undefined;
  readonly #turns: Turns;

  constructor(options: RotationOptions) {
    this.#options = options;
    this.#turns = new Turns(options.turnSeconds);
  }

  /** Looks whether something is due by a newer finalised block. Transactions and votes go on by themselves. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    const { projection } = this.#options.standing;
    const { office, genesis } = projection;
    if (office === undefined || genesis === undefined || genesis.parameters.epochSeconds === 0n) return;
    if (this.#since?.office !== office) {
      const { timestamp } = await this.#options.source.block(projection.takeoverOf(office)?.blockNumber ?? 0);
      this.#since = { office, time: timestamp };
    }
    this.#voteOnBeacon(projection);
    const due = this.#due(projection, this.#since.time, finalised);
    const { calls, context } = this.#options;
    const isProbation = rotationPhase(projection) === "probation";
    const turn = due === undefined ? undefined : turnOf(projection, office, calls.address, isProbation);
    if (due === undefined || turn === undefined) {
      this.#turns.rest();
      return;
    }
    const name = `${office.epoch} ${due.name}`;
    if (!this.#turns.hasCome(name, turn, finalised.timestamp)) return;
    const data = INTERFACES[due.contract].encodeFunctionData(due.name, due.values as unknown[]);
    calls.send({ to: context.addresses[due.contract], data, action: due.action, name }, finalised.timestamp);
  }

  close(): void {
    this.#beacon?.stop.abort(new Error("the validator stops"));
  }

  #due(projection: Projection, since: number, { timestamp: now }: FinalisedBlock): Due | undefined {
    const { rotation, genesis } = projection;
    if (genesis === undefined) return undefined;
    const { epochSeconds, phaseSeconds, probationSeconds, committeeSize } = genesis.parameters;
    switch (rotationPhase(projection)) {
      case "serving": {
        const end = since + Number(epochSeconds);
        const isTime = now > since + Number(epochSeconds) / 2 && (now >= end || !isMeasuring(projection));
        // Somebody who changes its own weight again and again does not keep the committee in office.
        const stale = isTime && now < end + Number(phaseSeconds) ? staleRanks(projection) : [];
        if (stale.length > 0) {
          const values = [stale.slice(0, REFRESHED_AT_ONCE)];
          return { name: "refresh", contract: "rotation", action: "bring weights up to date", values };
        }
        const weighted = projection.members().filter((_, rank) => rotation.weightOf(rank) > 0).length;
        if (now < end || weighted < (rotation.seats ?? Number(committeeSize))) return undefined;
        return { name: "freeze", contract: "rotation", action: "end the epoch", values: [] };
      }
      case "frozen": {
        const { epoch, signature } = this.#beacon ?? {};
        if (epoch === undefined || epoch !== rotation.latest?.epoch || signature === undefined) return undefined;
        const values = [epoch, signatureStruct(signature)];
        return { name: "postBeacon", contract: "rotation", action: "post the beacon", values };
      }
      case "drawn":
        return { name: "startResharing", contract: "ceremony", action: "start the handover", values: [] };
      case "probation":
        if (now <= since + Number(probationSeconds)) return undefined;
        return { name: "revertOffice", contract: "groupKeys", action: "give office back", values: [] };
      default:
        return undefined;
    }
  }

  /** Votes on the beacon as long as the freeze stands and this member is in office. */
  #voteOnBeacon(projection: Projection): void {
    const { context, voting, log } = this.#options;
    const turn = rotationPhase(projection) === "frozen" ? projection.rotation.latest : undefined;
    const book = voting();
    if (this.#beacon !== undefined && (turn?.epoch !== this.#beacon.epoch || book !== this.#beacon.voting)) {
      this.#beacon.stop.abort(new Error("the beacon is known, or office has changed"));
      this.#beacon = undefined;
    }
    if (turn === undefined || book === undefined || this.#beacon !== undefined) return;
    const { epoch, blockNumber, prevrandao } = turn;
    const previous = getBytes(projection.rotation.beacons().at(-1)?.value ?? context.meshId);
    const statement = { epoch, previous, blockNumber, prevrandao: getBytes(prevrandao) };
    const digest = statementDigest(context.separators.rotation, "Beacon", statement);
    const vote: BeaconVote = { epoch, voting: book, stop: new AbortController(), signature: undefined };
    this.#beacon = vote;
    book.decide(VOTE_KIND.beacon, Number(epoch), digest, vote.stop.signal).then(
      (signature) => {
        vote.signature = signature;
      },
      (error: unknown) => {
        if (!vote.stop.signal.aborted) log.warn({ epoch: epoch.toString(), error }, "the beacon was not signed");
      },
    );
  }
}

/** Where the turn stands (docs/protocol.md, section 13.1). */
export type RotationPhase = "none" | "serving" | "frozen" | "drawn" | "resharing" | "probation";

export function rotationPhase(projection: Projection): RotationPhase {
  const { office, rotation } = projection;
  if (office === undefined) return "none";
  const probationHead = projection.takeoverOf(office)?.probationHead;
  if (probationHead !== undefined && (projection.latestHead?.number ?? 0n) < probationHead) return "probation";
  const turn = rotation.latest;
  if (turn === undefined || turn.epoch <= office.epoch) return "serving";
  if (turn.beacon === undefined) return "frozen";
  return ceremonyUnderWay(projection) === undefined ? "drawn" : "resharing";
}

/** As KeyCeremony.sol counts the kinds. */
const REKEY = 2n;

/** The ceremony that neither put a committee into office nor was given up: a re-key has one attempt. */
export function ceremonyUnderWay({ ceremonies }: Projection): bigint | undefined {
  const [latest, events = []] = [...ceremonies].at(-1) ?? [];
  const isRekey = (): boolean => events[0]?.name === "CeremonyStarted" && events[0].args.kind === REKEY;
  const isOver = events.some(({ name }) => name === "Activated" || (name === "AttemptFailed" && isRekey()));
  return isOver ? undefined : latest;
}

/** Whether the round of measurements of the epoch is under way: what it ends with changes weights again. */
export function isMeasuring({ office, measurement }: Projection): boolean {
  const round = measurement.rounds.get(office?.epoch ?? 0n);
  if (round === undefined || round.result?.isMeasured === false) return false;
  return round.result === undefined || measurement.lastCredited < round.epoch;
}

/** Candidates whose weight is not what `refresh` would give them. Those beyond the draw's capacity have none. */
export function staleRanks(projection: Projection): number[] {
  return projection
    .members()
    .slice(0, SORTITION.capacity)
    .flatMap((member, rank) => {
      const { weight } = candidateWeight(projection.weightInputsOf(rank, member));
      return projection.rotation.weightOf(rank) === weight ? [] : [rank];
    });
}

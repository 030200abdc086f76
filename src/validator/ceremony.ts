/**
 * Takes part in key ceremonies: feeds the engine with the finalised ledger, puts its state on disk before anything leaves,
 * and carries out what it asks for. Ends with the committee in office and, for those seated, a signer.
 */
import { randomBytes } from "node:crypto";

import { getBytes } from "ethers";

import type { Bls } from "../crypto/bls.js";
import { CeremonyFeed } from "../ledger/ceremony-feed.js";
import { INTERFACES } from "../ledger/contracts.js";
import { publicKeyStruct, signatureStruct } from "../ledger/points.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import { VOTE_KIND } from "../protocol/api.js";
import type { CeremonyEffect } from "../protocol/ceremony/effects.js";
import { CeremonyMember } from "../protocol/ceremony/engine.js";
import { type CeremonyState, decodeState, encodeState } from "../protocol/ceremony/state.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import type { Sealer } from "../runtime/sealed-file.js";
import type { TlsIdentity } from "../net/tls-identity.js";
import { callOf } from "./ceremony-calls.js";
import { type Committee, committeeOf } from "./committee.js";
import type { MeshContext } from "./mesh-context.js";
import { registeredPeers } from "./peers.js";
import { Signer } from "./signer.js";
import type { FinalisedBlock, Standing } from "./standing.js";
import { type VoteRecord, Voting } from "./voting.js";

/** Seconds by which members wait for one another before they send what any of them may send. */
const TURN_SECONDS = 3;
/** Seconds after which something is tried again that was refused or got lost. */
const RETRY_SECONDS = 4;

export interface CeremonyOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly sender: TransactionSender;
  readonly sealer: Sealer;
  /** Folder for the state of ceremonies. */
  readonly folder: string;
  readonly identity: TlsIdentity;
  readonly record: VoteRecord;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once for each committee that took office. */
  readonly onOffice: (committee: Committee, signer: Signer | undefined) => void;
}

interface Running {
  readonly id: bigint;
  readonly member: CeremonyMember;
  /** Events already given to the engine. */
  fed: number;
  stored: CeremonyState | undefined;
  settled: boolean;
}

interface Activating {
  readonly attempt: number;
  readonly voting: Voting;
  readonly stop: AbortController;
  signature: Uint8Array | undefined;
  /** Ledger time at which the activation could first be sent. */
  readySince: number | undefined;
}

export class CeremonyRunner {
  readonly #options: CeremonyOptions;
  readonly #feeder: CeremonyFeed;
  #running: Running | undefined;
  #activating: Activating | undefined;
  /** Ledger time since which enough members are registered for the key generation. */
  #enoughSince: number | undefined;
  /** Ledger time at which an effect was last carried out, by what it is. */
  readonly #tried = new Map<string, number>();
  readonly #underWay = new Set<string>();

  constructor(options: CeremonyOptions) {
    this.#options = options;
    this.#feeder = new CeremonyFeed(options.source, options.context.addresses);
  }

  /** The votes on the activation that is under way, if one is. */
  get voting(): Voting | undefined {
    return this.#activating?.voting;
  }

  /** Goes on as far as the projection has come. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    const { projection } = this.#options.standing;
    const id = [...projection.ceremonies.keys()].at(-1);
    if (id === undefined) {
      this.#startFirst(finalised);
      return;
    }
    if (this.#running?.id !== id) this.#running = await this.#begin(id);
    const running = this.#running;
    if (running.settled) return;
    await this.#feed(running);

    const { state, effects } = running.member.step(finalised.timestamp);
    if (state !== running.stored) {
      failpoint("ceremony.before-persist");
      await this.#options.sealer.write(this.#path(id), purpose(id), encodeState(state));
      failpoint("ceremony.after-persist");
      running.stored = state;
    }
    const { view } = running.member;
    if (this.#activating !== undefined && (this.#activating.attempt !== view.attempt || view.phase !== "acknowledge")) {
      this.#activating.stop.abort(new Error("the attempt is over"));
      this.#activating = undefined;
    }
    if (view.phase === "active") {
      this.#settle(running, state);
      return;
    }
    for (const effect of effects) this.#carryOut(effect, running, finalised);
  }

  close(): void {
    this.#activating?.stop.abort(new Error("the validator stops"));
  }

  /** Starts the key generation once enough members are registered; they take turns, so that one of them pays. */
  #startFirst(finalised: FinalisedBlock): void {
    const { standing, sender } = this.#options;
    const { projection } = standing;
    const seats = Number(projection.genesis?.parameters.committeeSize ?? 0n);
    const active = projection.members().filter(({ state }) => state === "active");
    if (seats === 0 || active.length < seats) return;
    this.#enoughSince ??= finalised.timestamp;
    const turn = active.findIndex(({ account }) => account.toLowerCase() === sender.address.toLowerCase());
    if (turn < 0 || finalised.timestamp < this.#enoughSince + turn * TURN_SECONDS) return;
    this.#send("start the key generation", INTERFACES.ceremony.encodeFunctionData("startKeyGeneration"), finalised);
  }

  #path(id: bigint): string {
    return `${this.#options.folder}/${id}.sealed`;
  }

  async #begin(id: bigint): Promise<Running> {
    const { context, sender, sealer } = this.#options;
    const bytes = await sealer.readIfPresent(this.#path(id), purpose(id));
    const stored = bytes === undefined ? undefined : decodeState(bytes);
    bytes?.fill(0);
    const member = new CeremonyMember(
      {
        account: sender.address,
        ceremony: id,
        meshId: context.meshId,
        chainId: context.chainId,
        contract: getBytes(context.addresses.ceremony),
        office: { generation: 0n, epoch: 0n },
        random: (length) => randomBytes(length),
        advanceDelay: TURN_SECONDS,
      },
      stored,
    );
    return { id, member, fed: 0, stored, settled: false };
  }

  async #feed(running: Running): Promise<void> {
    const { standing } = this.#options;
    const events = standing.projection.ceremonies.get(running.id) ?? [];
    while (running.fed < events.length) {
      const event = events[running.fed];
      if (event === undefined) return;
      running.member.apply(await this.#feeder.translate(event));
      running.fed += 1;
    }
  }

  #settle(running: Running, state: CeremonyState): void {
    const { view } = running.member;
    const { activation } = view;
    const keys = running.member.outcome();
    if (activation === undefined || keys === undefined) return;
    running.settled = true;
    const office = { generation: Number(activation.generation), epoch: Number(activation.epoch) };
    const committee = committeeOf(office, keys, view.seated);
    this.#options.log.info({ ...office, seat: state.held?.seat }, "a committee is in office");
    this.#options.onOffice(committee, this.#signer(committee, state));
  }

  #signer(committee: Committee, state: CeremonyState): Signer | undefined {
    const { context, identity, bls, clock } = this.#options;
    if (state.held === undefined) return undefined;
    const { seat, shares } = state.held;
    return new Signer({
      seat,
      shares: { g1: shares.g1.slice(), ed25519: shares.ed25519.slice() },
      edKey: committee.edKey,
      registrySeparator: context.separators.registry,
      identity,
      bls,
      nowMilliseconds: () => clock.now(),
    });
  }

  #carryOut(effect: CeremonyEffect, running: Running, finalised: FinalisedBlock): void {
    if (effect.name === "sign-activation") {
      this.#signActivation(effect, running, finalised);
      return;
    }
    const call = callOf(effect);
    if (call !== undefined) this.#send(call.action, call.data, finalised);
  }

  /** Sends a transaction once, and again only if the ledger does not show it after a while. */
  #send(action: string, data: string, finalised: FinalisedBlock): void {
    const { sender, context, log } = this.#options;
    // By what it does: a complaint has another proof, and so other bytes, each time that it is made.
    const name = `${this.#running?.id ?? 0n}/${this.#running?.member.view.attempt ?? 0} ${action}`;
    const last = this.#tried.get(name);
    if (this.#underWay.has(name) || (last !== undefined && finalised.timestamp < last + RETRY_SECONDS)) return;
    this.#tried.set(name, finalised.timestamp);
    this.#underWay.add(name);
    failpoint("ceremony.before-send");
    sender
      .send({ to: context.addresses.ceremony, data, action })
      .then(
        ({ transactionHash, gasUsed }) => log.info({ action, transactionHash, gasUsed: gasUsed.toString() }, "sent"),
        // Often another member was faster. What matters is tried again for as long as the engine asks for it.
        (error: unknown) => log.info({ action, error }, "not sent"),
      )
      .finally(() => this.#underWay.delete(name));
  }

  #signActivation(
    effect: Extract<CeremonyEffect, { name: "sign-activation" }>,
    running: Running,
    finalised: FinalisedBlock,
  ): void {
    const { view } = running.member;
    const activating = (this.#activating ??= this.#startActivating(effect, running));
    if (activating?.signature === undefined || !effect.ready) return;
    activating.readySince ??= finalised.timestamp;
    const { n } = view;
    const turn = (effect.receiver + effect.attempt) % n;
    if (finalised.timestamp < activating.readySince + turn * TURN_SECONDS) return;
    const outcome = {
      verificationRoot: effect.verificationRoot,
      blsKey: publicKeyStruct(effect.outcome.bls),
      edKey: effect.outcome.ed25519,
    };
    const values = [effect.ceremony, effect.attempt, outcome, signatureStruct(activating.signature)];
    this.#send("activate the committee", INTERFACES.ceremony.encodeFunctionData("activate", values), finalised);
  }

  #startActivating(
    effect: Extract<CeremonyEffect, { name: "sign-activation" }>,
    running: Running,
  ): Activating | undefined {
    const { standing, record, bls, clock, log } = this.#options;
    const { view } = running.member;
    const committee = committeeOf({ generation: 0, epoch: 0 }, effect.outcome, view.seated);
    const signer = running.stored === undefined ? undefined : this.#signer(committee, running.stored);
    if (signer === undefined) return undefined;
    const peers = registeredPeers(standing.projection, committee.accounts, signer.seat);
    const voting = new Voting({ committee, signer, peers, record, bls, clock, log });
    const stop = new AbortController();
    const activating: Activating = {
      attempt: effect.attempt,
      voting,
      stop,
      signature: undefined,
      readySince: undefined,
    };
    voting
      .decide(VOTE_KIND.activation, activationNumber(effect.ceremony, effect.attempt), effect.digest, stop.signal)
      .then(
        (signature) => {
          activating.signature = signature;
        },
        (error: unknown) => log.debug({ error }, "no activation in this attempt"),
      )
      .finally(() => {
        signer.wipe();
        peers.close();
      });
    return activating;
  }
}

function purpose(id: bigint): string {
  return `ceremony ${id}`;
}

/** Attempts of one ceremony are voted on apart: what one failed to activate, the next one may. */
function activationNumber(ceremony: bigint, attempt: number): number {
  return Number(ceremony) * 2 ** 20 + attempt;
}

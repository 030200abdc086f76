/**
 * Takes part in key ceremonies: feeds the engine with the finalised ledger, puts its state on disk before anything leaves,
 * and carries out what it asks for. And says which committee is in office, with a signer for those who sit in it: the
 * ledger decides that, also when it gives office back to the one before.
 */
import { getBytes } from "ethers";

import { successionDigest } from "../certificate/succession.js";
import type { Bls } from "../crypto/bls.js";
import { equalBytes } from "../crypto/bytes.js";
import { verificationRoot } from "../crypto/outcome.js";
import type { SharePair } from "../crypto/sealing.js";
import { INTERFACES } from "../ledger/contracts.js";
import type { Office } from "../ledger/projection.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import type { CeremonyEffect } from "../protocol/ceremony/effects.js";
import type { CeremonyState } from "../protocol/ceremony/state.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { TlsIdentity } from "../net/tls-identity.js";
import { Activating, type ActivationCall, type ActivationEffect, type SuccessionVote } from "./activating.js";
import { CeremonyArchive, type Replayed } from "./ceremony-archive.js";
import { callOf } from "./ceremony-calls.js";
import { type Committee, committeeOf } from "./committee.js";
import type { MeshContext } from "./mesh-context.js";
import type { MemberChannel } from "./peers.js";
import { RepeatedSender } from "./repeated-sender.js";
import { ceremonyUnderWay, rotationPhase } from "./rotation.js";
import { Signer } from "./signer.js";
import type { FinalisedBlock, Standing } from "./standing.js";
import type { VoteRecord, Voting } from "./voting.js";

/** Seconds by which members wait for one another before they send what any of them may send. */
export const TURN_SECONDS = 3;

export interface CeremonyOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly sender: TransactionSender;
  readonly sealer: Sealer;
  /** Folder for the state of ceremonies. */
  readonly folder: string;
  readonly identity: TlsIdentity;
  readonly channel: MemberChannel;
  readonly record: VoteRecord;
  /** The votes of the committee in office, while this member sits in it. */
  readonly officeVoting: () => Voting | undefined;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for each committee that takes office, in order; with a signer if this member sits in it. */
  readonly onOffice: (committee: Committee, signer: Signer | undefined, office: Office) => Promise<void>;
}

export class CeremonyRunner {
  readonly archive: CeremonyArchive;
  readonly #options: CeremonyOptions;
  readonly calls: RepeatedSender;
  /** Of the committee that `onOffice` was told of last. */
  #office: Office | undefined;
  #activating: Activating | undefined;
  /** Shares that others have repaired, until the next step. */
  #repaired: { readonly ceremony: bigint; readonly shares: SharePair } | undefined;
  /** Epoch and phase of the rotation for which old shares were erased. */
  #erased = "";
  /** Ledger time since which enough members are registered for the key generation. */
  #enoughSince: number | undefined;

  constructor(options: CeremonyOptions) {
    this.#options = options;
    const { context, standing, source, sealer, folder, sender, log } = options;
    const account = sender.address;
    this.archive = new CeremonyArchive({
      context,
      standing,
      source,
      sealer,
      folder,
      account,
      turnSeconds: TURN_SECONDS,
    });
    this.calls = new RepeatedSender(sender, log);
  }

  /** The votes on the activation that is under way, if one is. */
  get voting(): Voting | undefined {
    return this.#activating?.voting;
  }

  /** Goes on as far as the projection has come. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    const { projection } = this.#options.standing;
    await this.#followOffice();
    await this.#erase();
    const id = [...projection.ceremonies.keys()].at(-1);
    if (id === undefined) {
      this.#startFirst(finalised);
      return;
    }
    if (id === projection.office?.ceremony) return;
    const running = await this.archive.replayed(id);
    const { state, effects } = running.member.step(finalised.timestamp);
    await this.archive.keep(running, state);
    const { view } = running.member;
    const activating = this.#activating;
    const isOver = activating?.ceremony !== id || activating.attempt !== view.attempt || view.phase !== "acknowledge";
    if (activating !== undefined && isOver) {
      activating.stop("the attempt is over");
      this.#activating = undefined;
    }
    for (const effect of effects) this.#carryOut(effect, running, finalised);
  }

  /** What no committee needs any more is erased: not before the next one has shown that it works. */
  async #erase(): Promise<void> {
    const { standing, log } = this.#options;
    const { office, ceremonies } = standing.projection;
    if (office === undefined) return;
    const phase = rotationPhase(standing.projection);
    const latest = [...ceremonies.keys()].at(-1);
    const state = `${office.epoch} ${phase} ${latest}`;
    if (state === this.#erased) return;
    const kept = new Set([office.ceremony]);
    const before = standing.projection.takeoverOf(office)?.before;
    if (phase === "probation" && before !== undefined) kept.add(before.ceremony);
    const underWay = ceremonyUnderWay(standing.projection);
    if (underWay !== undefined) kept.add(underWay);
    const gone = await this.archive.eraseAllBut(kept);
    this.#erased = state;
    if (gone.length > 0) log.info({ ceremonies: gone.map(String) }, "old shares erased");
  }

  /** Takes this member's shares of the committee that a ceremony put into office, as others have repaired them: with the next step. */
  adopt(ceremony: bigint, shares: SharePair): void {
    this.#repaired = { ceremony, shares };
  }

  close(): void {
    this.#activating?.stop("the validator stops");
    this.archive.close();
  }

  /** Tells of the committee that the ledger has in office, if it is another one than before. */
  async #followOffice(): Promise<void> {
    const { standing, log, onOffice } = this.#options;
    const { office } = standing.projection;
    const repaired = this.#repaired;
    const isRepaired = repaired !== undefined && repaired.ceremony === office?.ceremony;
    if (office === undefined || (office === this.#office && !isRepaired)) return;
    const settled = await this.archive.replayed(office.ceremony);
    const { state } = isRepaired ? { state: settled.member.adopt(repaired.shares) } : settled.member.step(0);
    await this.archive.keep(settled, state);
    const keys = settled.member.outcome();
    if (keys === undefined || !equalBytes(verificationRoot(keys.verificationKeys), getBytes(office.verificationRoot))) {
      throw new SwarmkeepError(`the events of ceremony ${office.ceremony} do not lead to the committee in office`, {
        kind: "environment",
        code: "ceremony-incomplete",
        advice: "Ask another ledger endpoint; if all say the same, report it.",
      });
    }
    this.#activating?.stop("a committee is in office");
    this.#activating = undefined;
    const names = { generation: Number(office.generation), epoch: Number(office.epoch) };
    const committee = committeeOf(names, keys, settled.member.view.seated);
    log.info({ ...names, seat: state.held?.seat }, "a committee is in office");
    const signer = this.#signer(committee, state, () => {
      standing.expectLedger();
      standing.expectPlace();
    });
    await onOffice(committee, signer, office);
    this.#office = office;
    // Not before, or a step that failed would have lost it.
    if (this.#repaired === repaired) this.#repaired = undefined;
  }

  /** Starts the key generation once enough members are registered; they take turns, so that one of them pays. */
  #startFirst(finalised: FinalisedBlock): void {
    const { standing, context } = this.#options;
    const { projection } = standing;
    const seats = Number(projection.genesis?.parameters.committeeSize ?? 0n);
    const active = projection.members().filter(({ state }) => state === "active");
    if (seats === 0 || active.length < seats) return;
    this.#enoughSince ??= finalised.timestamp;
    const turn = active.findIndex(({ account }) => account.toLowerCase() === this.calls.address.toLowerCase());
    if (turn < 0 || finalised.timestamp < this.#enoughSince + turn * TURN_SECONDS) return;
    const action = "start the key generation";
    const data = INTERFACES.ceremony.encodeFunctionData("startKeyGeneration");
    this.calls.send({ to: context.addresses.ceremony, data, action, name: action }, finalised.timestamp);
  }

  #signer(committee: Committee, state: CeremonyState | undefined, expectSpeaking: () => void): Signer | undefined {
    const { context, identity, bls, clock } = this.#options;
    if (state?.held === undefined) return undefined;
    const { seat, shares } = state.held;
    return new Signer({
      seat,
      shares: { g1: shares.g1.slice(), ed25519: shares.ed25519.slice() },
      edKey: committee.edKey,
      registrySeparator: context.separators.registry,
      identity,
      bls,
      nowMilliseconds: () => clock.now(),
      expectSpeaking,
    });
  }

  #carryOut(effect: CeremonyEffect, running: Replayed, finalised: FinalisedBlock): void {
    if (effect.name === "sign-activation") {
      this.#signActivation(effect, running, finalised);
      return;
    }
    const call = callOf(effect);
    if (call !== undefined) this.#send(call.action, { contract: "ceremony", data: call.data }, running, finalised);
  }

  #send(action: string, { contract, data }: ActivationCall, { id, member }: Replayed, finalised: FinalisedBlock): void {
    const to = this.#options.context.addresses[contract];
    // A phase may be entered again in one attempt, and is then to be advanced again.
    const name = `${id}/${member.view.attempt}/${member.view.deadline} ${action}`;
    this.calls.send({ to, data, action, name }, finalised.timestamp);
  }

  #signActivation(effect: ActivationEffect, running: Replayed, finalised: FinalisedBlock): void {
    const { standing, record, channel, bls, clock, log } = this.#options;
    const { view } = running.member;
    if (this.#activating === undefined) {
      if (standing.silence !== undefined) return;
      const committee = committeeOf({ generation: 0, epoch: 0 }, effect.outcome, view.seated);
      // Also while another process may act in its place: what the new shares sign here is a function of the ledger, and which process
      // signs in the next office is settled there.
      const signer = this.#signer(committee, running.stored, () => void standing.expectLedger());
      if (signer === undefined) return;
      const { projection } = standing;
      const succession = this.#successionVote(effect, running);
      const isRecovery = projection.recoveries.has(effect.ceremony);
      const options = {
        projection,
        isRecovery,
        succession,
        record,
        channel,
        bls,
        clock,
        log,
        turnSeconds: TURN_SECONDS,
      };
      this.#activating = new Activating(effect, committee, signer, options);
    }
    const call = this.#activating.due(effect, view.n, finalised.timestamp);
    if (call !== undefined) this.#send("activate the committee", call, running, finalised);
  }

  /** In a re-key, what the keys in office have to sign. */
  #successionVote({ ceremony, outcome }: ActivationEffect, { member }: Replayed): SuccessionVote | undefined {
    const { standing, context, officeVoting } = this.#options;
    const { office } = standing.projection;
    const { recoveries } = standing.projection;
    if (office === undefined || member.view.kind === "resharing" || recoveries.has(ceremony)) return undefined;
    const link = {
      generation: Number(office.generation) + 1,
      ceremony: Number(ceremony),
      bls: outcome.bls,
      ed25519: outcome.ed25519,
      since: member.view.deadline,
    };
    return { digest: successionDigest(link, context.separators.anchor), voting: officeVoting };
  }
}

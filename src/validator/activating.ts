/** The signature by which new members show that their shares work: they vote on the activation, and one of them sends it. */
import type { Bls } from "../crypto/bls.js";
import { INTERFACES } from "../ledger/contracts.js";
import { publicKeyStruct, signatureStruct } from "../ledger/points.js";
import type { Projection } from "../ledger/projection.js";
import { VOTE_KIND } from "../protocol/api.js";
import type { CeremonyEffect } from "../protocol/ceremony/effects.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Committee } from "./committee.js";
import { type MemberChannel, registeredPeers } from "./peers.js";
import type { Signer } from "./signer.js";
import { type VoteRecord, Voting } from "./voting.js";

export type ActivationEffect = Extract<CeremonyEffect, { name: "sign-activation" }>;

/** What a re-key takes besides: the signature of the keys in office over the new ones. */
export interface SuccessionVote {
  /** Of the statement KeySuccession, 32 bytes. */
  readonly digest: Uint8Array;
  /** The votes of the committee in office, while this member sits in it. */
  readonly voting: () => Voting | undefined;
}

export interface ActivatingOptions {
  readonly projection: Projection;
  /** Whether the keys are those that the root CA asked for. */
  readonly isRecovery: boolean;
  /** Undefined where the keys stay, are the first, or are a recovery's. */
  readonly succession: SuccessionVote | undefined;
  readonly record: VoteRecord;
  readonly channel: MemberChannel;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Seconds by which members wait for one another. */
  readonly turnSeconds: number;
}

export interface ActivationCall {
  readonly contract: "ceremony" | "generations";
  readonly data: string;
}

/** One attempt's activation. */
export class Activating {
  readonly ceremony: bigint;
  readonly attempt: number;
  readonly voting: Voting;
  readonly #options: ActivatingOptions;
  readonly #stop = new AbortController();
  #signature: Uint8Array | undefined;
  /** Of the keys before, in a re-key. */
  #succession: Uint8Array | undefined;
  #succeeding = false;
  /** Ledger time at which the activation could first be sent. */
  #readySince: number | undefined;

  /** @param signer by the new shares; wiped when the vote is over. */
  constructor(effect: ActivationEffect, committee: Committee, signer: Signer, options: ActivatingOptions) {
    const { projection, record, channel, bls, clock, log } = options;
    this.ceremony = effect.ceremony;
    this.attempt = effect.attempt;
    this.#options = options;
    const peers = registeredPeers(projection, committee.accounts, signer.seat, channel);
    this.voting = new Voting({ committee, signer, peers, record, bls, clock, log });
    const number = activationNumber(effect.ceremony, effect.attempt);
    this.voting
      .decide(VOTE_KIND.activation, number, effect.digest, this.#stop.signal)
      .then(
        (signature) => {
          this.#signature = signature;
        },
        (error: unknown) => log.debug({ error }, "no activation in this attempt"),
      )
      .finally(() => {
        signer.wipe();
        peers.close();
      });
  }

  /** The call that activates, when it is this member's turn to send it. */
  due(effect: ActivationEffect, seats: number, now: number): ActivationCall | undefined {
    if (this.#signature === undefined || !effect.ready) return undefined;
    const { succession } = this.#options;
    if (succession !== undefined && this.#succession === undefined) {
      this.#voteOnSuccession(succession);
      return undefined;
    }
    this.#readySince ??= now;
    const turn = (effect.receiver + effect.attempt) % seats;
    if (now < this.#readySince + turn * this.#options.turnSeconds) return undefined;
    const outcome = {
      verificationRoot: effect.verificationRoot,
      blsKey: publicKeyStruct(effect.outcome.bls),
      edKey: effect.outcome.ed25519,
    };
    const values = [effect.ceremony, effect.attempt, outcome, signatureStruct(this.#signature)];
    if (this.#options.isRecovery) {
      const data = INTERFACES.generations.encodeFunctionData("activateRecovery", values);
      return { contract: "generations", data };
    }
    if (this.#succession === undefined) {
      return { contract: "ceremony", data: INTERFACES.ceremony.encodeFunctionData("activate", values) };
    }
    const all = [...values, signatureStruct(this.#succession)];
    return { contract: "generations", data: INTERFACES.generations.encodeFunctionData("activateRekey", all) };
  }

  /** Last of all: keys that the old ones signed and that never take office must not come about without need. */
  #voteOnSuccession({ digest, voting }: SuccessionVote): void {
    const book = voting();
    if (book === undefined || this.#succeeding) return;
    this.#succeeding = true;
    book.decide(VOTE_KIND.succession, Number(this.ceremony), digest, this.#stop.signal).then(
      (signature) => {
        this.#succession = signature;
      },
      (error: unknown) => {
        this.#succeeding = false;
        this.#options.log.debug({ error }, "the keys in office have not signed the new ones");
      },
    );
  }

  stop(why: string): void {
    this.#stop.abort(new Error(why));
  }
}

/** Attempts of one ceremony are voted on apart: what one failed to activate, the next one may. */
function activationNumber(ceremony: bigint, attempt: number): number {
  return Number(ceremony) * 2 ** 20 + attempt;
}

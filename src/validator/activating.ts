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

export interface ActivatingOptions {
  readonly projection: Projection;
  readonly record: VoteRecord;
  readonly channel: MemberChannel;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Seconds by which members wait for one another. */
  readonly turnSeconds: number;
}

/** One attempt's activation. */
export class Activating {
  readonly ceremony: bigint;
  readonly attempt: number;
  readonly voting: Voting;
  readonly #options: ActivatingOptions;
  readonly #stop = new AbortController();
  #signature: Uint8Array | undefined;
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
  due(effect: ActivationEffect, seats: number, now: number): string | undefined {
    if (this.#signature === undefined || !effect.ready) return undefined;
    this.#readySince ??= now;
    const turn = (effect.receiver + effect.attempt) % seats;
    if (now < this.#readySince + turn * this.#options.turnSeconds) return undefined;
    const outcome = {
      verificationRoot: effect.verificationRoot,
      blsKey: publicKeyStruct(effect.outcome.bls),
      edKey: effect.outcome.ed25519,
    };
    const values = [effect.ceremony, effect.attempt, outcome, signatureStruct(this.#signature)];
    return INTERFACES.ceremony.encodeFunctionData("activate", values);
  }

  stop(why: string): void {
    this.#stop.abort(new Error(why));
  }
}

/** Attempts of one ceremony are voted on apart: what one failed to activate, the next one may. */
function activationNumber(ceremony: bigint, attempt: number): number {
  return Number(ceremony) * 2 ** 20 + attempt;
}

/**
 * What a validator that is not in office does: it keeps the newest committee list and revocation head of those who are, checked
 * under the group keys. Devices that know it from an older list find the present committee through it, and it knows
 * where the numbers stand when it is drawn.
 */
import { decodeBundle } from "../certificate/bundle.js";
import { decodeCommitteeList, verifyCommitteeList } from "../certificate/committee-list.js";
import { type HeadTrust, decodeSignedDrlHead, drlHeadToSign } from "../certificate/drl.js";
import { type SignatureChecks, verifyByGroup } from "../certificate/signatures.js";
import type { Projection } from "../ledger/projection.js";
import { PATH } from "../protocol/api.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { Logger } from "../runtime/log.js";
import { COSE_ALG } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Committee } from "./committee.js";
import type { HeadStore } from "./head-store.js";
import type { MeshContext } from "./mesh-context.js";
import { type MemberChannel, type Peers, registeredPeers } from "./peers.js";
import type { FinalisedBlock } from "./standing.js";

export interface FollowingOptions {
  readonly context: MeshContext;
  readonly projection: Projection;
  readonly committee: Committee;
  readonly heads: HeadStore;
  /** File of the signed committee list. */
  readonly listPath: string;
  readonly checks: SignatureChecks;
  readonly channel: MemberChannel;
  readonly log: Logger;
}

const MAXIMUM_BUNDLE_BYTES = 100_000;

export class Following {
  readonly #options: FollowingOptions;
  readonly #peers: Peers;
  readonly #stop = new AbortController();
  /** Ledger time from which the next look is due. */
  #next = 0;
  #looking = false;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#peers = registeredPeers(options.projection, options.committee.accounts, undefined, options.channel);
  }

  /** Looks once in the time between two scheduled heads. Returns at once. */
  advance(finalised: FinalisedBlock): void {
    if (this.#looking || finalised.timestamp < this.#next) return;
    this.#next = finalised.timestamp + Number(this.#options.projection.genesis?.parameters.headSeconds ?? 0n);
    this.#looking = true;
    this.#look()
      .catch((error: unknown) => this.#options.log.debug({ error }, "nothing new of the committee"))
      .finally(() => (this.#looking = false));
  }

  close(): void {
    this.#stop.abort(new Error("the validator takes office or stops"));
    this.#peers.close();
  }

  /** The first member that has both; each in turn, beginning anywhere, so that nobody is asked by all. */
  async #look(): Promise<void> {
    const { seats } = this.#peers;
    const first = Math.floor(Math.random() * seats.length);
    let last: unknown;
    for (let i = 0; i < seats.length && !this.#stop.signal.aborted; i++) {
      const seat = seats[(first + i) % seats.length] as number;
      try {
        await this.#takeList(seat);
        await this.#takeHead(seat);
        return;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #takeList(seat: number): Promise<void> {
    const { context, committee, listPath, checks } = this.#options;
    const { signal } = this.#stop;
    const answer = await this.#peers.get(seat, PATH.bundle, { signal, maximumAnswerBytes: MAXIMUM_BUNDLE_BYTES });
    const { committeeList } = decodeBundle(answer);
    const { generation, keys } = committee;
    const trust = { externalAad: context.separators.anchor, meshId: context.meshId, generation, keys };
    const list = committeeList === undefined ? undefined : verifyCommitteeList(committeeList, trust, checks.bls);
    if (committeeList === undefined || list === undefined || list.epoch < committee.epoch) {
      throw new SwarmkeepError(`seat ${seat} has no list of the committee of epoch ${committee.epoch} yet`, {
        kind: "network",
        code: "no-committee",
        advice: "It is asked again.",
      });
    }
    const known = await readIfPresent(listPath, 32_768);
    if (known !== undefined && decodeCommitteeList(known).tick >= list.tick) return;
    if (!signal.aborted) await writeAtomically(listPath, committeeList);
  }

  async #takeHead(seat: number): Promise<void> {
    const { context, committee, heads, checks } = this.#options;
    const signed = decodeSignedDrlHead(await this.#peers.get(seat, PATH.drlHead, { signal: this.#stop.signal }));
    const { head, bls, ed25519 } = signed;
    const { anchor, revocations } = context.separators;
    const trust: HeadTrust = { revocations, externalAad: anchor, keys: committee.keys };
    if (!verifyByGroup(COSE_ALG.bls, committee.keys, drlHeadToSign(COSE_ALG.bls, head, trust), bls, checks)) {
      throw new SwarmkeepError(`seat ${seat} gave a head that the swarm did not sign`, {
        kind: "refused",
        code: "bad-head-signature",
        advice: "Another member is asked.",
      });
    }
    await heads.put({ head, bls, ed25519: null });
    if (ed25519 !== null) await heads.putSignature(head.number, ed25519, trust, checks);
  }
}

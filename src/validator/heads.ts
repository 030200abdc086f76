/**
 * Makes what is due at ticks: heads of the revocation list, checkpoints, the committee list (docs/protocol.md, sections 3.7
 * and 5). Each is a function of the finalised chain, so members agree without talking; they vote, and the one whose turn it
 * is gathers the Ed25519 signature and posts to the ledger. If it does not, the next one does.
 */
import { getBytes } from "ethers";

import {
  type CommitteeList,
  committeeListPayload,
  committeeListToSign,
  encodeCommitteeList,
  listedEndpoint,
  listedScope,
} from "../certificate/committee-list.js";
import { type DrlHead, type HeadTrust, drlHeadToSign } from "../certificate/drl.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import { INTERFACES } from "../ledger/contracts.js";
import { signatureStruct } from "../ledger/points.js";
import type { Projection } from "../ledger/projection.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import { type DueHead, TickClock, type TickParameters, headTimes } from "../ledger/ticks.js";
import { VOTE_KIND } from "../protocol/api.js";
import type { Clock } from "../runtime/clock.js";
import { writeAtomically } from "../runtime/atomic-file.js";
import type { Logger } from "../runtime/log.js";
import { COSE_ALG } from "../statements/cose.js";
import { statementDigest } from "../statements/eip712.js";
import type { Committee } from "./committee.js";
import { type HeadStore, ListTree } from "./head-store.js";
import { FrostObjects } from "./frost-objects.js";
import type { MeshContext } from "./mesh-context.js";
import type { Peers } from "./peers.js";
import { RevocationFiles } from "./revocation-files.js";
import { rotationPhase } from "./rotation.js";
import type { Signer } from "./signer.js";
import type { FinalisedBlock, Standing } from "./standing.js";
import type { Voting } from "./voting.js";
import type { X509Files } from "./x509-files.js";

/** Milliseconds that a member waits for each one whose turn is before its own. */
const TURN_MILLISECONDS = 3_000;

export interface HeadMakerOptions {
  readonly context: MeshContext;
  readonly projection: Projection;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly sender: TransactionSender;
  readonly committee: Committee;
  readonly signer: Signer;
  readonly voting: Voting;
  readonly peers: Peers;
  readonly heads: HeadStore;
  readonly files: X509Files;
  /** File of the signed committee list. */
  readonly listPath: string;
  readonly checks: SignatureChecks;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the scheduled heads, each how manieth goes to the ledger; 0 for none. */
  readonly postEvery: number;
  /** Timestamp of the genesis block, the zero of all ticks. */
  readonly start: number;
}

export class HeadMaker {
  readonly #options: HeadMakerOptions;
  readonly #ticks: TickClock;
  readonly #tree: ListTree;
  readonly #stop = new AbortController();
  /** The last tick that was looked at. */
  #done = 0;
  #deciding: AbortController | undefined;
  /** What is signed with the Ed25519 group key. */
  readonly frost: FrostObjects;

  constructor(options: HeadMakerOptions) {
    this.#options = options;
    const { genesis } = options.projection;
    if (genesis === undefined) throw new RangeError("heads are made after genesis only");
    const { parameters } = genesis;
    this.#tree = new ListTree(options.projection);
    this.#ticks = new TickClock(
      {
        start: options.start,
        tickSeconds: Number(parameters.tickSeconds),
        headSeconds: Number(parameters.headSeconds),
        headLifetimeSeconds: Number(parameters.headLifetimeSeconds),
      },
      genesis.blockNumber,
      (number) => options.source.block(number),
    );
    this.#done = options.heads.newest?.head.number ?? 0;
    const lists = new RevocationFiles({
      projection: options.projection,
      ticks: this.#ticks,
      generation: options.committee.generation,
      meshId: options.context.meshId,
      timeOf: async (block) => (await options.source.block(block)).timestamp,
    });
    this.frost = new FrostObjects({
      ...options,
      lists,
      trust: this.trust,
      inTurn: (number, signal, done, work) => this.#inTurn(number, signal, done, work),
    });
  }

  get trust(): HeadTrust {
    const { context, committee } = this.#options;
    return {
      revocations: context.separators.revocations,
      externalAad: context.separators.anchor,
      keys: committee.keys,
    };
  }

  /** Looks whether something is due by a newer finalised block. Returns at once; what is due goes on by itself. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    const { projection, log } = this.#options;
    const changed = (from: number, to: number): boolean =>
      projection.listDiffers(from, to) || projection.officeAt(from) !== projection.officeAt(to);
    const due = await this.#ticks.newestDueHead(this.#done, finalised, changed);
    if (due === undefined) return;
    this.#done = due.number;
    // A newer head takes the place of one that is not decided yet: members that were away come in at the newest.
    this.#deciding?.abort(new Error(`head ${due.number} is due`));
    this.#deciding = new AbortController();
    const signal = AbortSignal.any([this.#deciding.signal, this.#stop.signal]);
    this.#make(due, signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ head: due.number, error }, "a head was not made");
    });
  }

  close(): void {
    this.#stop.abort(new Error("the validator stops"));
  }

  async #make(due: DueHead, signal: AbortSignal): Promise<void> {
    const { projection, postEvery } = this.#options;
    const posted = goesToLedger(due, projection, this.#ticks.parameters, postEvery);
    await Promise.all([
      this.#makeHead(due, posted, signal),
      this.#makeList(due.number, due.blockNumber, signal),
      due.scheduled ? this.#makeCheckpoint(due.number, due.blockNumber, posted, signal) : undefined,
    ]);
  }

  async #makeHead(due: DueHead, posted: boolean, signal: AbortSignal): Promise<void> {
    const { voting, heads, log } = this.#options;
    const head = this.#head(due.number, due.blockNumber);
    const digest = drlHeadToSign(COSE_ALG.bls, head, this.trust);
    const bls = await voting.decide(VOTE_KIND.head, due.number, digest, signal);
    await heads.put({ head, bls, ed25519: null });
    log.info(
      { head: head.number, words: head.words, block: head.blockNumber, scheduled: due.scheduled },
      "head signed",
    );
    await Promise.all([this.frost.sign(head, signal), posted ? this.#postHead(head, bls, signal) : undefined]);
  }

  #head(number: number, blockNumber: number): DrlHead {
    const tree = this.#tree.at(blockNumber);
    return { number, root: tree.root(), words: tree.words, blockNumber, ...headTimes(this.#ticks.parameters, number) };
  }

  /** Does `work` when this member's turn comes, unless it is done by then. */
  async #inTurn(number: number, signal: AbortSignal, done: () => boolean, work: () => Promise<void>): Promise<void> {
    const { committee, signer, clock } = this.#options;
    const turn = (signer.seat + number) % committee.quorum.n;
    await clock.sleep(turn * TURN_MILLISECONDS, signal);
    if (!done()) await work();
  }

  async #postHead(head: DrlHead, bls: Uint8Array, signal: AbortSignal): Promise<void> {
    const { projection } = this.#options;
    const isPosted = (): boolean => (projection.latestHead?.number ?? 0n) >= BigInt(head.number);
    await this.#inTurn(head.number, signal, isPosted, () =>
      this.#send("post a revocation head", "postHead", [head, signatureStruct(bls)], signal),
    );
  }

  async #makeCheckpoint(number: number, blockNumber: number, posted: boolean, signal: AbortSignal): Promise<void> {
    const { voting, source, context, projection } = this.#options;
    const { hash } = await source.block(blockNumber);
    const checkpoint = { number, blockNumber, blockHash: getBytes(hash) };
    const digest = statementDigest(context.separators.revocations, "Checkpoint", checkpoint);
    const signature = await voting.decide(VOTE_KIND.checkpoint, number, digest, signal);
    if (!posted) return;
    const isPosted = (): boolean => (projection.latestCheckpoint?.number ?? 0n) >= BigInt(number);
    await this.#inTurn(number, signal, isPosted, () =>
      this.#send("post a checkpoint", "postCheckpoint", [checkpoint, signatureStruct(signature)], signal),
    );
  }

  async #send(
    action: string,
    name: "postHead" | "postCheckpoint",
    values: unknown[],
    signal: AbortSignal,
  ): Promise<void> {
    const { sender, context, log } = this.#options;
    const data = INTERFACES.revocations.encodeFunctionData(name, values);
    try {
      const { transactionHash, gasUsed } = await sender.send({
        to: context.addresses.revocations,
        data,
        action,
        signal,
      });
      log.info({ action, transactionHash, gasUsed: gasUsed.toString() }, "sent");
    } catch (error) {
      log.info({ action, error }, "not sent");
    }
  }

  /**
   * The committee list, made with every head, so that a device sees how old its own is. One of a block at which another
   * committee was in office is that one's, or one member could come to sign two lists of a tick.
   */
  async #makeList(tick: number, blockNumber: number, signal: AbortSignal): Promise<void> {
    const { voting, context, projection, committee, listPath, log } = this.#options;
    const { generation, epoch } = committee;
    const office = projection.officeAt(blockNumber);
    if (Number(office?.generation) !== generation || Number(office?.epoch) !== epoch) return;
    const members = listedMembers(projection, committee, blockNumber);
    const { issued } = headTimes(this.#ticks.parameters, tick);
    const payload = committeeListPayload({ generation, epoch, tick, issued, members });
    const message = committeeListToSign(context.separators.anchor, payload);
    const signature = await voting.decide(VOTE_KIND.committeeList, tick, message, signal);
    await writeAtomically(listPath, encodeCommitteeList(payload, signature));
    log.debug({ tick, members: members.length }, "committee list signed");
  }
}

/** The committee as devices are told it, at a block: every seat, so that its size shows; an empty one has no contact. */
function listedMembers(projection: Projection, committee: Committee, block: number): CommitteeList["members"] {
  return committee.keys.verificationKeys.map(({ seat, g1, ed25519 }) => {
    const account = committee.accounts.get(seat);
    const contact = account === undefined ? undefined : projection.memberAt(account, block)?.contact;
    return {
      seat,
      account: account === undefined ? new Uint8Array(20) : getBytes(account),
      endpoint: listedEndpoint(contact?.endpoint ?? ""),
      tlsPin: contact === undefined ? new Uint8Array(32) : getBytes(contact.tlsPin),
      scope: listedScope(contact?.scope ?? ""),
      blsKey: g1,
      ed25519Key: ed25519,
    };
  });
}

/**
 * Whether a head goes to the ledger as well.
 * @param postEvery each how manieth scheduled one does; 0 for none. In a probation every one does from the owed one on, scheduled or
 * not, since that ends it: where much is held and revoked, an urgent head may hide each scheduled one.
 */
export function goesToLedger(
  { number, scheduled }: Pick<DueHead, "number" | "scheduled">,
  projection: Projection,
  { tickSeconds, headSeconds }: Pick<TickParameters, "tickSeconds" | "headSeconds">,
  postEvery: number,
): boolean {
  const { office } = projection;
  const owed = office === undefined ? undefined : projection.takeoverOf(office)?.probationHead;
  if (owed !== undefined && rotationPhase(projection) === "probation" && BigInt(number) >= owed) return true;
  return scheduled && postEvery > 0 && ((number * tickSeconds) / headSeconds) % postEvery === 0;
}

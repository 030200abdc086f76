/**
 * From one committee to the next: what begins in this process when a committee takes office, and ends when the next one does.
 * A member with its share makes heads and votes; one without gets it back from the others; everybody else follows those who sit.
 */
import type { SignatureChecks } from "../certificate/signatures.js";
import type { Bls } from "../crypto/bls.js";
import type { Office } from "../ledger/projection.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import { Participation } from "../protocol/participation.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import { type Committee, seatOf } from "./committee.js";
import { countedPeers } from "./duties.js";
import { Following } from "./following.js";
import type { FrostTopics } from "./frost-signing.js";
import { HeadMaker } from "./heads.js";
import type { Inheritance } from "./inheritance.js";
import type { MeshContext } from "./mesh-context.js";
import type { InOfficeParts } from "./office.js";
import { type MemberChannel, registeredPeers } from "./peers.js";
import type { Presences } from "./presence.js";
import type { RepairHelper } from "./repair-helper.js";
import type { OwnRepair } from "./repairing.js";
import type { Signer } from "./signer.js";
import { type FinalisedBlock, type Standing, notInOffice } from "./standing.js";
import type { Stores } from "./stores.js";
import { Voting } from "./voting.js";

export interface TenureOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly sender: TransactionSender;
  readonly stores: Pick<Stores, "heads" | "files" | "listPath" | "record">;
  /** Of this validator. */
  readonly account: string;
  readonly channel: MemberChannel;
  readonly inheritance: Inheritance;
  readonly presences: Presences;
  /** What this member does for others whose share is repaired. */
  readonly repairs: RepairHelper;
  /** What it does for its own. */
  readonly ownRepair: OwnRepair;
  /** What it signs with the Ed25519 group key on others' request, besides the objects that are due at ticks. */
  readonly topics: FrostTopics;
  readonly checks: SignatureChecks;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the scheduled heads, each how manieth goes to the ledger; 0 for none. */
  readonly postEvery: number;
}

export class Tenure {
  readonly #options: TenureOptions;
  #office: InOfficeParts | undefined;
  /** While others are in office. */
  #following: Following | undefined;

  constructor(options: TenureOptions) {
    this.#options = options;
  }

  /** What runs while this validator is in office, be it allowed to sign at the moment or not. */
  get office(): InOfficeParts | undefined {
    return this.#office;
  }

  /** What runs while this validator is in office and this process may sign. */
  get speaking(): InOfficeParts | undefined {
    const { standing } = this.#options;
    return standing.silence === undefined && standing.doubts() === undefined ? this.#office : undefined;
  }

  /** What runs in office, for a request. @throws SwarmkeepError `not-in-office`, `ledger-away` or `place-in-doubt` */
  expectOffice(): InOfficeParts {
    this.#options.standing.inOffice();
    if (this.#office !== undefined) return this.#office;
    throw notInOffice();
  }

  /**
   * The ledger has this committee in office now. Repeated with a signer when a share was repaired.
   * @param signer with this member's share, if it sits there and has it
   */
  async change(committee: Committee, signer: Signer | undefined, office: Office): Promise<void> {
    const { standing, source, account, inheritance, presences, ownRepair } = this.#options;
    const { projection } = standing;
    const takeover = projection.takeoverOf(office);
    const { timestamp } = await source.block(takeover?.blockNumber ?? 0);
    // The zero of all ticks. Read here, before anything is changed: a read that fails is made again with the next block.
    const { timestamp: start } = await source.block(projection.genesis?.blockNumber ?? 0);
    const earlier = takeover?.before;
    const before = earlier && { office: earlier, isDisputed: presences.wasDisputed(earlier) };
    await inheritance.begin(office, before, timestamp, signer !== undefined);
    standing.signer?.wipe();
    standing.committee = committee;
    standing.office = office;
    standing.signer = signer;
    this.leave();
    presences.begin(office, committee, signer !== undefined);
    const seat = seatOf(committee.accounts, account);
    // Without its share, for it was late or lost it, this member is of no use to the committee that it sits in.
    if (signer === undefined && seat !== undefined) ownRepair.begin(office, committee, seat);
    if (signer !== undefined) this.#takeOffice(committee, signer, start);
    else this.#followOthers(committee);
  }

  /** What is due with a block. */
  async advance(finalised: FinalisedBlock): Promise<void> {
    await this.speaking?.maker.advance(finalised);
    this.#following?.advance(finalised);
  }

  /** Ends what runs, and forgets what was collected for repairs under this committee's share. */
  leave(): void {
    const { ownRepair, repairs } = this.#options;
    ownRepair.close();
    repairs.forget(true);
    this.#office?.maker.close();
    this.#office?.peers.close();
    this.#office = undefined;
    this.#following?.close();
    this.#following = undefined;
  }

  #takeOffice(committee: Committee, signer: Signer, start: number): void {
    const { context, standing, source, sender, stores, channel, topics } = this.#options;
    const { checks, bls, clock, log, postEvery } = this.#options;
    const { record, heads, files, listPath } = stores;
    const { projection } = standing;
    const others = [...committee.accounts.keys()].filter((seat) => seat !== signer.seat);
    const participation = new Participation(others);
    const registered = registeredPeers(projection, committee.accounts, signer.seat, channel);
    const peers = countedPeers(registered, participation);
    const members = { committee, signer, peers, participation };
    const voting = new Voting({ ...members, record, bls, clock, log });
    const maker = new HeadMaker({
      context,
      projection,
      standing,
      source,
      sender,
      committee,
      signer,
      voting,
      peers,
      heads,
      files,
      listPath,
      checks,
      clock,
      log,
      postEvery,
      start,
    });
    const signing = { committee, signer, peers, topics: { ...maker.frost.topics, ...topics }, clock, log };
    this.#office = { peers, voting, maker, participation, signing };
  }

  #followOthers(committee: Committee): void {
    const { context, standing, stores, checks, channel, log } = this.#options;
    const { heads, listPath } = stores;
    const { projection } = standing;
    this.#following = new Following({ context, projection, committee, heads, listPath, checks, channel, log });
  }
}

/**
 * The state of a mesh, made from its events alone: the same events in the same order give the same state, however they
 * come in batches, so that it can be rebuilt from logs at any time and all members see the same at the same block.
 * What members sign about is asked "at a block"; what only informs is kept as it stands.
 */
import { AbiCoder, dataSlice, keccak256 } from "ethers";

import type { WeightInputs } from "../protocol/weight.js";
import { deviceOfOperator } from "../statements/device-operator.js";
import { RevocationBitmap } from "./bitmap.js";
import { INTERFACES } from "./contracts.js";
import type { LedgerEvent, LedgerEventNamed, Plain } from "./events.js";
import { History } from "./history.js";
import { MeasurementProjection } from "./measurement-projection.js";
import { RewardProjection } from "./reward-projection.js";
import { RotationProjection } from "./rotation-projection.js";
import { ShardBook } from "./shard-book.js";

export type Parameters = LedgerEventNamed<"GenesisAccepted">["args"]["parameters"];
export type Policy = LedgerEventNamed<"FleetRegistered">["args"]["policy"];
export type PostedHead = LedgerEventNamed<"HeadPosted">["args"];
export type PostedCheckpoint = LedgerEventNamed<"CheckpointPosted">["args"];
export type Office = LedgerEventNamed<"OfficeTaken">["args"];
export type CeremonyEvent = Extract<LedgerEvent, { contract: "ceremony"; args: { ceremony: bigint } }>;

export interface GenesisFacts {
  readonly meshId: string;
  readonly parameters: Parameters;
  /** Its timestamp is `start`, the zero of all ticks. */
  readonly blockNumber: number;
}

export interface Takeover {
  readonly office: Office;
  readonly before: Office | undefined;
  readonly blockNumber: number;
  readonly probationHead: bigint | undefined;
}

export type MemberState = "admitted" | "active" | "exiting" | "exited";

/** A candidate. An object is never changed: each event makes a new one. */
export interface Member {
  readonly account: string;
  readonly operator: string;
  readonly state: MemberState;
  /** Absent until it registers. */
  readonly contact: Contact | undefined;
  /** Wei. */
  readonly stake: bigint;
  /** Seconds since 1970 from which stake may leave; 0 before exit. */
  readonly withdrawable: bigint;
  /** Seconds since 1970 from which it may leave jail; 0 where it is not jailed. */
  readonly jailedUntil: bigint;
}

/** What devices need to reach a member; the committee list has these fields. */
export interface Contact {
  readonly tlsPin: string;
  readonly endpoint: string;
  readonly scope: string;
  readonly blsKey: Plain<LedgerEventNamed<"ValidatorRegistered">["args"]["blsKey"]>;
}

export interface Grant {
  readonly grantId: bigint;
  readonly registrar: string;
  readonly scopes: readonly string[];
  /** Budget as granted. */
  readonly indexes: bigint;
  /** How many of its devices may become candidates, as granted. */
  readonly candidates: bigint;
  readonly expiry: bigint;
}

export interface Fleet {
  readonly fleetId: bigint;
  readonly grantId: bigint;
  readonly registrar: string;
  readonly policy: Policy;
  /** The first 24 bytes of keccak256(abi.encode(policy)). */
  readonly policyHash: string;
  readonly batches: readonly Batch[];
}

/** Devices [base, base + count) of a fleet. */
export interface Batch {
  readonly fleetId: bigint;
  readonly batch: bigint;
  readonly manifestRoot: string;
  readonly base: bigint;
  readonly count: bigint;
  readonly blockNumber: number;
}

export interface Slash {
  readonly account: string;
  /** 0 bad dealing, 1 bad complaint, 2 missing dealing, 3 equivocation. */
  readonly offence: bigint;
  readonly amount: bigint;
  readonly blockNumber: number;
}

export class Projection {
  genesis: GenesisFacts | undefined;
  successor: LedgerEventNamed<"SuccessorNamed">["args"] | undefined;
  /** Cross-certificates of the group keys, DER in hex, by generation; the newest of each. */
  readonly certificates = new Map<bigint, string>();
  readonly grants = new Map<bigint, Grant>();
  readonly fleets = new Map<bigint, Fleet>();
  readonly bitmap = new RevocationBitmap();
  readonly measurement = new MeasurementProjection();
  readonly rewards = new RewardProjection();
  readonly rotation = new RotationProjection((rank, account) => this.weightInputsOf(rank, this.member(account)));
  /** Shard maps and their limits. */
  readonly shards = new ShardBook();
  /** All events of each ceremony in order: its state machine is replayed from these. */
  readonly ceremonies = new Map<bigint, CeremonyEvent[]>();
  readonly slashes: Slash[] = [];
  latestHead: PostedHead | undefined;
  latestCheckpoint: PostedCheckpoint | undefined;

  /** Ceremonies for keys that the root CA asked for. */
  readonly recoveries = new Set<bigint>();
  /** How the keys of each generation followed those before, by generation. */
  readonly successions = new Map<bigint, LedgerEventNamed<"KeysSucceeded">["args"]>();

  readonly #members = new Map<string, History<Member>>();
  readonly #office = new History<Office>();
  readonly #takeovers: Takeover[] = [];
  /** The group keys of each generation. */
  readonly #generations = new Map<bigint, Office>();
  /** Of all fleets, by ascending base. */
  readonly #batches: Batch[] = [];
  readonly #nextIndex = new History<bigint>();

  /** Takes the next event. */
  apply(event: LedgerEvent): void {
    const block = event.blockNumber;
    switch (event.name) {
      case "GenesisAccepted": {
        const { meshId, parameters } = event.args;
        this.genesis = { meshId, parameters, blockNumber: block };
        return;
      }
      case "KeysCertified":
        this.certificates.set(event.args.generation, event.args.certificate);
        return;
      case "KeysSucceeded":
        this.successions.set(event.args.generation, event.args);
        return;
      case "RecoveryStarted":
        this.recoveries.add(event.args.ceremony);
        return;
      case "RecoveryRequested":
      case "RecoveryCancelled":
      case "CompromiseDeclared":
      case "RecoveryBegun":
        // Whoever asks for one reads the contract; members follow its ceremony.
        return;
      case "RekeyStarted":
        // The ceremony's own events say all that follows.
        return;
      case "SuccessorNamed":
        this.successor = event.args;
        return;
      case "OfficeTaken":
        this.#takeovers.push({ office: event.args, before: this.office, blockNumber: block, probationHead: undefined });
        this.#office.set(block, event.args);
        this.#generations.set(event.args.generation, event.args);
        return;
      case "ProbationBegan":
        this.#beginProbation(event.args);
        return;
      case "GrantGiven":
        this.grants.set(event.args.grantId, event.args);
        return;
      case "HeadPosted":
        this.latestHead = event.args;
        return;
      case "CheckpointPosted":
        this.latestCheckpoint = event.args;
        return;
      case "FleetRegistered":
      case "BatchAppended":
        this.#applyFleet(event);
        return;
      case "Revoked":
      case "Held":
      case "Released":
        this.#applyRevocation(event);
        return;
      case "CandidateTaken":
      case "EIP712DomainChanged":
      case "OfficeReverted":
        return;
      default:
        if (event.contract === "registry") this.#applyMember(event);
        else if (event.contract === "rotation") this.rotation.apply(event);
        else if (event.contract === "measurement" || event.contract === "reputation") this.measurement.apply(event);
        else if (event.contract === "rewards") this.rewards.apply(event);
        else if (event.contract === "shards") this.shards.apply(event);
        else this.#applyCeremony(event);
    }
  }

  /** The committee in office after all of `block`; undefined before the first. */
  officeAt(block: number): Office | undefined {
    return this.#office.at(block);
  }

  /**
   * How a committee took office: who was in it before, in which block, and the number of the head that ends its probation;
   * undefined where it has none, as the first one, or one that office went back to.
   */
  takeoverOf(office: Office): Takeover | undefined {
    return this.#takeovers.findLast((takeover) => takeover.office === office);
  }

  /** All committees that took office, in order. */
  offices(): readonly Office[] {
    return this.#office.values();
  }

  get office(): Office | undefined {
    return this.#office.latest;
  }

  /** Keys of a generation, as its newest committee holds them. */
  generation(generation: bigint): Office | undefined {
    return this.#generations.get(generation);
  }

  /** A candidate as it was after all of `block`. */
  memberAt(account: string, block: number): Member | undefined {
    return this.#members.get(account.toLowerCase())?.at(block);
  }

  member(account: string): Member | undefined {
    return this.#members.get(account.toLowerCase())?.latest;
  }

  /** Every pin that a validator's TLS key had, in hex: of the present key and of those before it. */
  tlsPins(account: string): readonly string[] {
    const history = this.#members.get(account.toLowerCase())?.values() ?? [];
    return history.flatMap(({ contact }) => contact?.tlsPin.toLowerCase() ?? []);
  }

  /** All candidates in the order of their admission, as they stand. */
  members(): readonly Member[] {
    return [...this.#members.values()].flatMap((history) => history.latest ?? []);
  }

  /** All candidates in the order of their admission, as they were after all of `block`. */
  membersAt(block: number): readonly Member[] {
    return [...this.#members.values()].flatMap((history) => history.at(block) ?? []);
  }

  /**
   * Why a candidate is not eligible; undefined where it is (`ValidatorRegistry.eligibleAmong`).
   * @param block after all of which; as things stand if not given
   */
  barOf({ state, jailedUntil, stake, operator }: Member, block?: number): string | undefined {
    if (state === "admitted") return "it was admitted and had not registered";
    if (state !== "active") return `it was ${state}`;
    if (jailedUntil !== 0n) return "it was in jail";
    const device = deviceOfOperator(operator);
    if (device !== undefined && this.bitmap.lists(device, block)) return `its device ${device} was revoked or held`;
    const minimumStake = this.genesis?.parameters.minimumStake ?? 1n;
    return 2n * stake < minimumStake ? "it had less than half of the minimum stake" : undefined;
  }

  /** What `Rotation.refresh` makes the weight of a candidate from, as it stands. */
  weightInputsOf(rank: number, member: Member | undefined): WeightInputs {
    const minimumStake = this.genesis?.parameters.minimumStake ?? 1n;
    return {
      stake: member !== undefined && this.barOf(member) === undefined ? member.stake : 0n,
      minimumStake,
      quality: this.measurement.qualityOf(rank),
      reputation: this.measurement.scoreOf(member?.account ?? ""),
    };
  }

  /** One more than the highest index allocated after all of `block`; 0 before the first batch. */
  nextIndexAt(block: number): bigint {
    return this.#nextIndex.at(block) ?? 0n;
  }

  /** The batch that holds a device index. */
  batchOf(index: bigint): Batch | undefined {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#batches[middle]?.base ?? 0n) <= index) low = middle + 1;
      else high = middle;
    }
    const batch = this.#batches[low - 1];
    return batch !== undefined && index < batch.base + batch.count ? batch : undefined;
  }

  /** Words of a revocation list head at `block`: max(1, ceil(nextIndex / 256)). */
  wordCountAt(block: number): number {
    return Math.max(1, Math.ceil(Number(this.nextIndexAt(block)) / 256));
  }

  /** Whether an urgent head is due: the effective list, or the number of allocated indexes, differs between two blocks. */
  listDiffers(fromBlock: number, toBlock: number): boolean {
    return this.nextIndexAt(fromBlock) !== this.nextIndexAt(toBlock) || this.bitmap.differs(fromBlock, toBlock);
  }

  /** Follows the `OfficeTaken` of the same transaction. */
  #beginProbation({ head }: LedgerEventNamed<"ProbationBegan">["args"]): void {
    const takeover = this.#takeovers.pop();
    if (takeover !== undefined) this.#takeovers.push({ ...takeover, probationHead: head });
  }

  #applyMember(event: Extract<LedgerEvent, { contract: "registry" }>): void {
    const { args, blockNumber } = event;
    if (!("account" in args)) return;
    const key = args.account.toLowerCase();
    const history = this.#members.get(key) ?? new History<Member>();
    this.#members.set(key, history);
    const before = history.latest ?? newMember(args.account);
    history.set(blockNumber, memberAfter(before, event));
    if (event.name === "Slashed") {
      const { account, offence, amount } = event.args;
      this.slashes.push({ account, offence, amount, blockNumber });
    }
  }

  #applyCeremony(event: Extract<LedgerEvent, { contract: "ceremony" }>): void {
    if (!("ceremony" in event.args)) return;
    const { ceremony } = event.args;
    const events = this.ceremonies.get(ceremony) ?? [];
    events.push(event as CeremonyEvent);
    this.ceremonies.set(ceremony, events);
  }

  #applyFleet(event: LedgerEventNamed<"FleetRegistered" | "BatchAppended">): void {
    if (event.name === "FleetRegistered") {
      const { fleetId, grantId, policy } = event.args;
      const registrar = this.grants.get(grantId)?.registrar ?? "";
      this.fleets.set(fleetId, { fleetId, grantId, registrar, policy, policyHash: policyHash(policy), batches: [] });
      return;
    }
    const batch: Batch = { ...event.args, blockNumber: event.blockNumber };
    const fleet = this.fleets.get(batch.fleetId);
    if (fleet !== undefined) this.fleets.set(batch.fleetId, { ...fleet, batches: [...fleet.batches, batch] });
    this.#batches.push(batch);
    this.#nextIndex.set(event.blockNumber, batch.base + batch.count);
  }

  #applyRevocation(event: LedgerEventNamed<"Revoked" | "Held" | "Released">): void {
    this.bitmap.change(event.blockNumber, event.args.entries, ({ revoked, held }, mask) => {
      if (event.name === "Revoked") return { revoked: revoked | mask, held };
      return { revoked, held: event.name === "Held" ? held | mask : held & ~mask };
    });
  }
}

function newMember(account: string): Member {
  return { account, operator: "", state: "admitted", contact: undefined, stake: 0n, withdrawable: 0n, jailedUntil: 0n };
}

function memberAfter(before: Member, event: Extract<LedgerEvent, { contract: "registry" }>): Member {
  switch (event.name) {
    case "ValidatorAdmitted":
      return { ...before, operator: event.args.operator };
    case "ValidatorRegistered": {
      const { blsKey, tlsPin, endpoint, scope, stake } = event.args;
      return { ...before, state: "active", contact: { blsKey, tlsPin, endpoint, scope }, stake };
    }
    case "ValidatorUpdated": {
      const { tlsPin, endpoint, scope } = event.args;
      if (before.contact === undefined) return before;
      return { ...before, contact: { ...before.contact, tlsPin, endpoint, scope } };
    }
    case "StakeAdded":
      return { ...before, stake: event.args.stake };
    case "ExitStarted":
      return { ...before, state: "exiting", withdrawable: event.args.withdrawable };
    case "StakeWithdrawn":
      return { ...before, state: "exited", stake: 0n };
    case "Slashed":
      return { ...before, stake: event.args.stake };
    case "Jailed":
      return { ...before, jailedUntil: event.args.until };
    case "Unjailed":
      return { ...before, jailedUntil: 0n };
    default:
      return before;
  }
}

const POLICY_TYPE = INTERFACES.fleets.getEvent("FleetRegistered")?.inputs.find((input) => input.name === "policy");

/** The first 24 bytes of keccak256(abi.encode(policy)), which the ledger keeps. */
export function policyHash(policy: Policy): string {
  return dataSlice(keccak256(AbiCoder.defaultAbiCoder().encode([POLICY_TYPE ?? ""], [policy])), 0, 24);
}

/** keccak256(abi.encode(fleetId, batch, manifestRoot, base, count)), which the ledger keeps. */
export function batchHash(batch: Omit<Batch, "blockNumber">): string {
  const { fleetId, manifestRoot, base, count } = batch;
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["uint64", "uint32", "bytes32", "uint64", "uint64"],
      [fleetId, batch.batch, manifestRoot, base, count],
    ),
  );
}

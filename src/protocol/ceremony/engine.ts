/**
 * One member's part in one key ceremony (docs/protocol.md, section 4), without input and output.
 *
 * The program feeds it the ledger's events and asks, whenever there are new ones and as time passes, for a step: the state
 * to write to disk (if it changed), and then the effects to carry out. Everything that a member promises is thus on disk
 * before it is on the wire, and a member that was stopped anywhere goes on from its stored state and the ledger's events.
 * Dealers and receivers are two sets; in a key generation they are the same.
 */
import { bytesToNumberBE, equalBytes, type Randomness } from "../../crypto/bytes.js";
import { makeDealing, type Dealing } from "../../crypto/dealing.js";
import { commit, decodeScalar, ed, encodeScalar, g1, randomScalar } from "../../crypto/group.js";
import { decodeCommitments, judgeDealing, type Judgement } from "../../crypto/judging.js";
import { showMalformed } from "../../crypto/malformation.js";
import { openShare } from "../../crypto/opening.js";
import {
  combineShares,
  deriveGroupKeys,
  outcomeHash,
  qualifiedHash,
  verificationPath,
  verificationRoot,
  type GroupKeys,
} from "../../crypto/outcome.js";
import { blsKeyHash, g1ToEip2537 } from "../../crypto/points.js";
import { wipe, type SharePair } from "../../crypto/sealing.js";
import type { CeremonyContext } from "../../crypto/transcript.js";
import { domainSeparator, statementDigest } from "../../statements/eip712.js";
import { quorumOf } from "../../statements/quorum.js";
import type { CeremonyEffect } from "./effects.js";
import { CeremonyError } from "./errors.js";
import type { Account, CeremonyEvent } from "./events.js";
import { newState, type CeremonyState } from "./state.js";
import { CeremonyView, sameCase } from "./view.js";

/** The committee in office, which deals in a resharing. */
export interface Incumbents {
  /** By seat, from 1 at index 0. */
  readonly accounts: readonly Account[];
  readonly keys: GroupKeys;
  /** This member's shares, if it is one of them and holds them. */
  readonly shares?: SharePair | undefined;
}

export interface MemberSetup {
  readonly account: Account;
  readonly ceremony: bigint;
  readonly meshId: Uint8Array;
  readonly chainId: bigint;
  /** Address of the KeyCeremony contract, 20 bytes. */
  readonly contract: Uint8Array;
  /** Generation and epoch in office when the ceremony started; zero before the first. */
  readonly office: { readonly generation: bigint; readonly epoch: bigint };
  /** Needed for a resharing. */
  readonly incumbents?: Incumbents;
  readonly random: Randomness;
  /** Seconds after which the next member calls `advance` if the one before it does not. 10 if left out. */
  readonly advanceDelay?: number;
}

export interface CeremonyStep {
  /** To be on disk before any of the effects. The same object as before if nothing changed. */
  readonly state: CeremonyState;
  readonly effects: readonly CeremonyEffect[];
}

interface Outcome {
  /** The hash of the dealers that it counts. */
  readonly qualified: Uint8Array;
  readonly keys: GroupKeys;
  readonly hash: Uint8Array;
}

export class CeremonyMember {
  readonly view = new CeremonyView();
  readonly #setup: MemberSetup;
  #state: CeremonyState;
  /** When this member first saw that all have acted in the phase that ends at `deadline`. */
  #allActed: { readonly deadline: number; readonly since: number } | undefined;
  /** Verdicts on dealings of the current attempt, by dealer. */
  readonly #judgements = new Map<number, Judgement>();
  #outcome: Outcome | undefined;

  constructor(setup: MemberSetup, stored?: CeremonyState) {
    if (stored !== undefined && stored.ceremony !== setup.ceremony) {
      throw new CeremonyError("state", `the stored state is of ceremony ${stored.ceremony}, not ${setup.ceremony}`);
    }
    this.#setup = setup;
    this.#state = stored ?? newState(setup.ceremony);
  }

  /** Takes the next event of the ledger. @throws CeremonyError as `CeremonyView.apply` does */
  apply(event: CeremonyEvent): void {
    if (event.ceremony !== this.#setup.ceremony) {
      throw new CeremonyError("order", `${event.name} is of ceremony ${event.ceremony}, not ${this.#setup.ceremony}`);
    }
    const { attempt } = this.view;
    this.view.apply(event);
    if (this.view.kind === "resharing" && this.#setup.incumbents === undefined) {
      throw new CeremonyError("order", "a resharing needs the committee in office: read it from GroupKeys first");
    }
    if (this.view.attempt !== attempt) this.#forgetAttempt();
  }

  /**
   * What is to be written and done at `now` (Unix time, seconds, the ledger's clock).
   * @throws CeremonyError `keys-changed` if a resharing would change the group keys: nothing is acknowledged then
   */
  step(now: number): CeremonyStep {
    // A stored state from a later attempt: the events have not been read that far yet.
    if (this.#state.attempt > this.view.attempt) return { state: this.#state, effects: [] };
    if (this.#state.attempt < this.view.attempt) this.#state = newState(this.#setup.ceremony, this.view.attempt);

    const effects = this.#effects(now);
    return { state: this.#state, effects: [...effects, ...this.#advance(now)] };
  }

  /** The keys that the counted dealings lead to, once {Closed} was read. */
  outcome(): GroupKeys | undefined {
    return this.view.counted.length === 0 ? undefined : this.#deriveOutcome()?.keys;
  }

  /**
   * Takes shares that others have repaired for this member's seat in the committee that took office.
   * @returns what is to be on disk before they are used.
   * @throws CeremonyError `keys-changed` for another seat's shares, `order` for who has no seat
   */
  adopt(shares: SharePair): CeremonyState {
    const receiver = this.#receiverSeat();
    const outcome = this.#deriveOutcome();
    if (receiver === undefined || outcome === undefined || this.view.phase !== "active") {
      throw new CeremonyError("order", "shares are repaired for a seat of the committee in office");
    }
    this.#take(receiver, outcome, shares);
    return this.#state;
  }

  #effects(now: number): CeremonyEffect[] {
    switch (this.view.phase) {
      case "accept":
        return now > this.view.deadline ? [] : this.#accept();
      case "deal":
        return now > this.view.deadline ? [] : this.#deal();
      case "complain":
        return now > this.view.deadline ? [] : this.#complain();
      case "acknowledge":
        return this.#acknowledge(now);
      case "active":
        this.#holdShares();
        this.#eraseOneTimeSecrets();
        return [];
      case "failed":
        if (this.#state.receivingSecret ?? this.#state.held) {
          this.#state = newState(this.#setup.ceremony, this.view.attempt);
        }
        return [];
      case "none":
        return [];
    }
  }

  /** A one-time receiving key, drawn once in an attempt. */
  #accept(): CeremonyEffect[] {
    const { account, random } = this.#setup;
    const seat = this.view.placeOf(account);
    if (seat === undefined || this.view.keyOf(account) !== undefined) return [];
    if (this.#state.receivingSecret === undefined) {
      this.#state = { ...this.#state, receivingSecret: encodeScalar(randomScalar(g1, random)) };
    }
    const key = g1ToEip2537(commit(g1, bytesToNumberBE(this.#state.receivingSecret as Uint8Array)));
    return [{ name: "accept", ...this.#attempt(), seat, key }];
  }

  /** A dealing, made once in an attempt; posted again until the ledger has it. */
  #deal(): CeremonyEffect[] {
    const { incumbents, random } = this.#setup;
    const seat = this.#dealerSeat();
    if (seat === undefined || this.view.dealings.has(seat)) return [];
    const resharing = this.view.kind === "resharing";
    if (resharing && incumbents?.shares === undefined) return [];
    if (this.#state.dealing === undefined) {
      const receivers = this.view.receivingKeys();
      const input = { context: this.#context(), dealer: seat, t: this.view.t, receivers, random };
      const constants = resharing && incumbents?.shares && constantsOf(incumbents.shares);
      this.#state = { ...this.#state, dealing: makeDealing(constants ? { ...input, constants } : input) };
    }
    const opening = resharing && incumbents ? verificationPath(incumbents.keys.verificationKeys, seat) : [];
    return [{ name: "deal", ...this.#attempt(), seat, dealing: this.#state.dealing as Uint8Array, opening }];
  }

  /** Judges every dealing that still counts; complains about each bad one, or acknowledges what those lead to. */
  #complain(): CeremonyEffect[] {
    const { random } = this.#setup;
    const receiver = this.#receiverSeat();
    const secret = this.#usableSecret();
    if (receiver === undefined || secret === undefined || this.view.acknowledged.has(receiver)) return [];
    const complaints: CeremonyEffect[] = [];
    for (const dealer of this.view.goodDealers()) {
      const dealing = this.#dealingOf(dealer);
      const judgement = this.#judge(dealer, receiver, secret);
      if (judgement.verdict === "malformed") {
        const malformation = showMalformed(dealing, judgement);
        complaints.push({ name: "malformed", ...this.#attempt(), dealer, malformation });
      } else if (judgement.verdict === "bad-share") {
        const defect = judgement.kind;
        const opening = openShare(this.#context(), dealer, dealing, receiver, secret, defect, random);
        complaints.push({ name: "complain", ...this.#attempt(), dealer, receiver, defect, opening });
      }
    }
    return complaints.length > 0 ? complaints : this.#acknowledgeOnce(this.#holdShares());
  }

  /** What a late member still has to acknowledge, and the signature that shows that the shares work. */
  #acknowledge(now: number): CeremonyEffect[] {
    const outcome = this.#holdShares();
    const receiver = this.#receiverSeat();
    if (outcome === undefined || receiver === undefined) return [];
    const root = verificationRoot(outcome.keys.verificationKeys);
    return [
      ...(now > this.view.deadline ? [] : this.#acknowledgeOnce(outcome)),
      {
        name: "sign-activation",
        ...this.#attempt(),
        receiver,
        outcome: outcome.keys,
        verificationRoot: root,
        digest: this.#activationDigest(outcome.keys, root),
        ready: this.view.acknowledgementsOf(outcome.hash) >= quorumOf(this.view.n).a,
      },
    ];
  }

  #acknowledgeOnce(outcome: Outcome | undefined): CeremonyEffect[] {
    const receiver = this.#receiverSeat();
    if (outcome === undefined || receiver === undefined || this.view.acknowledged.has(receiver)) return [];
    const dealings = this.view.goodDealers();
    return [{ name: "acknowledge", ...this.#attempt(), receiver, dealings, outcomeHash: outcome.hash }];
  }

  /** The next phase is due: after the deadline, or when everybody has acted. Members take turns so that one pays. */
  #advance(now: number): CeremonyEffect[] {
    const { view } = this;
    const turn = this.#turn();
    if (turn === undefined || !["accept", "deal", "complain", "acknowledge"].includes(view.phase)) return [];
    // Acknowledgements may become void: then it is not all of them any more.
    if (!this.#everybodyActed() || this.#allActed?.deadline !== view.deadline) this.#allActed = undefined;
    if (this.#everybodyActed()) this.#allActed ??= { deadline: view.deadline, since: now };
    const wait = turn * (this.#setup.advanceDelay ?? 10);
    const due = now > view.deadline + wait || (this.#allActed !== undefined && now >= this.#allActed.since + wait);
    return due ? [{ name: "advance", ceremony: view.ceremony }] : [];
  }

  #everybodyActed(): boolean {
    const { view } = this;
    switch (view.phase) {
      case "accept":
        return view.invited.every((account) => account !== undefined && view.keys.has(account));
      case "deal":
        return view.dealings.size === this.#dealers().length;
      case "complain":
        return view.acknowledged.size === view.seated.length;
      default:
        return false;
    }
  }

  /**
   * 0 for the member whose turn it is to advance, 1 for the next, and so on; by attempt another one begins. In a resharing
   * the committee in office comes in between the new members: a new one that is away as a whole must not stop the ceremony.
   */
  #turn(): number | undefined {
    const receivers = (this.view.phase === "accept" ? this.view.invited : this.view.seated).filter(
      (account) => account !== undefined,
    );
    const dealers = this.view.kind === "resharing" ? this.#dealers().map(sameCase) : [];
    const longer = Math.max(receivers.length, dealers.length);
    const members = new Set(Array.from({ length: longer }, (_, i) => [receivers[i], dealers[i]]).flat());
    members.delete(undefined);
    const index = [...members].indexOf(sameCase(this.#setup.account));
    return index < 0 ? undefined : (index + this.view.attempt) % members.size;
  }

  /**
   * Takes the combined shares into the state, if this member got a good share of every dealing that counts.
   * @returns what they are shares of; `undefined` if this member holds none of it
   */
  #holdShares(): Outcome | undefined {
    const receiver = this.#receiverSeat();
    if (receiver === undefined) return undefined;
    const outcome = this.#deriveOutcome();
    if (outcome === undefined || this.#holds(outcome)) return outcome;
    const secret = this.#usableSecret();
    if (secret === undefined) return undefined;
    const received: SharePair[] = [];
    const counted = this.#counted();
    for (const dealer of counted) {
      const judgement = this.#judge(dealer, receiver, secret);
      // Missed the complaint: without this share the member sits this committee out.
      if (judgement.verdict !== "good") return undefined;
      received.push(judgement.shares);
    }
    this.#take(receiver, outcome, combineShares(this.view.kind, counted, received));
    return outcome;
  }

  /** @throws CeremonyError `keys-changed` for shares that are not those of the seat */
  #take(receiver: number, outcome: Outcome, shares: SharePair): void {
    const own = outcome.keys.verificationKeys[receiver - 1];
    const fits =
      own !== undefined &&
      equalBytes(commit(g1, decodeScalar(g1, shares.g1)).toBytes(), own.g1) &&
      equalBytes(commit(ed, decodeScalar(ed, shares.ed25519)).toBytes(), own.ed25519);
    if (!fits) throw new CeremonyError("keys-changed", "the combined shares do not fit their verification keys");
    this.#state = { ...this.#state, held: { seat: receiver, outcomeHash: outcome.hash, shares } };
  }

  #holds({ hash }: Outcome): boolean {
    const { held } = this.#state;
    return held !== undefined && equalBytes(held.outcomeHash, hash);
  }

  /** The dealers that count; before {Closed}, those that would if nobody complained any more. None if there are too few. */
  #counted(): readonly number[] {
    const { view } = this;
    if (view.phase !== "complain") return view.counted;
    const dealers = view.kind === "resharing" ? (this.#setup.incumbents?.keys.verificationKeys.length ?? 0) : view.n;
    const needed = quorumOf(dealers).t;
    const good = view.goodDealers();
    return good.length < needed ? [] : good.slice(0, needed);
  }

  /** Group keys and verification keys; `undefined` if too few dealings count, or a commitment of theirs does not decode. */
  #deriveOutcome(): Outcome | undefined {
    const { view } = this;
    const counted = this.#counted();
    if (counted.length === 0) return undefined;
    const qualified = qualifiedHash(view.ceremony, view.attempt, counted);
    if (this.#outcome !== undefined && equalBytes(this.#outcome.qualified, qualified)) return this.#outcome;
    const committed = [];
    for (const dealer of counted) {
      const decoded = decodeCommitments(this.#dealingOf(dealer));
      if ("kind" in decoded) return undefined;
      committed.push(decoded);
    }
    const keys = deriveGroupKeys(view.kind, counted, committed, view.n);
    const before = this.#setup.incumbents?.keys;
    if (
      view.kind === "resharing" &&
      !(before && equalBytes(before.bls, keys.bls) && equalBytes(before.ed25519, keys.ed25519))
    ) {
      throw new CeremonyError("keys-changed", "the resharing would change the group keys: do not acknowledge it");
    }
    this.#outcome = { qualified, keys, hash: outcomeHash(qualified, keys) };
    return this.#outcome;
  }

  #judge(dealer: number, receiver: number, secret: bigint): Judgement {
    const known = this.#judgements.get(dealer);
    if (known !== undefined) return known;
    const judgement = judgeDealing(this.#context(), dealer, this.#dealingOf(dealer), receiver, secret);
    this.#judgements.set(dealer, judgement);
    return judgement;
  }

  #dealingOf(dealer: number): Dealing {
    const dealing = this.view.dealings.get(dealer);
    if (dealing === undefined) throw new CeremonyError("order", `the dealing of seat ${dealer} was not read`);
    return dealing;
  }

  /** The receiving secret, if the ledger has its key: a member restored from an old copy may have lost it. */
  #usableSecret(): bigint | undefined {
    const { receivingSecret } = this.#state;
    if (receivingSecret === undefined) return undefined;
    const secret = decodeScalar(g1, receivingSecret);
    return this.view.keyOf(this.#setup.account)?.equals(commit(g1, secret)) ? secret : undefined;
  }

  #eraseOneTimeSecrets(): void {
    const { ceremony, attempt, held, receivingSecret, dealing } = this.#state;
    const { activation } = this.view;
    this.#forgetJudgements();
    if ((receivingSecret ?? dealing) === undefined) return;
    const isInOffice = held && activation && equalBytes(held.outcomeHash, activation.outcomeHash);
    this.#state = isInOffice ? { ceremony, attempt, held } : { ceremony, attempt };
  }

  #forgetAttempt(): void {
    this.#forgetJudgements();
    this.#outcome = undefined;
  }

  #forgetJudgements(): void {
    for (const judgement of this.#judgements.values()) if (judgement.verdict === "good") wipe(judgement.shares);
    this.#judgements.clear();
  }

  #activationDigest(keys: GroupKeys, root: Uint8Array): Uint8Array {
    const { chainId, contract, meshId, office } = this.#setup;
    return statementDigest(domainSeparator({ chainId, verifyingContract: contract, meshId }), "Activation", {
      generation: office.generation + (this.view.kind === "generation" ? 1n : 0n),
      epoch: office.epoch + 1n,
      qualified: this.view.qualified,
      verificationRoot: root,
      blsKeyHash: blsKeyHash(keys.bls),
      edKey: keys.ed25519,
    });
  }

  #dealers(): readonly Account[] {
    return this.view.kind === "resharing" ? (this.#setup.incumbents?.accounts ?? []) : this.view.seated;
  }

  #dealerSeat(): number | undefined {
    const index = this.#dealers().map(sameCase).indexOf(sameCase(this.#setup.account));
    return index < 0 ? undefined : index + 1;
  }

  #receiverSeat(): number | undefined {
    return this.view.seatOf(this.#setup.account);
  }

  #attempt(): { readonly ceremony: bigint; readonly attempt: number } {
    return { ceremony: this.view.ceremony, attempt: this.view.attempt };
  }

  #context(): CeremonyContext {
    const { meshId, contract } = this.#setup;
    return { meshId, contract, ...this.#attempt() };
  }
}

function constantsOf(shares: SharePair): { readonly g1: bigint; readonly ed25519: bigint } {
  return { g1: decodeScalar(g1, shares.g1), ed25519: decodeScalar(ed, shares.ed25519) };
}

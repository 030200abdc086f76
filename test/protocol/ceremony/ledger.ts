/**
 * The KeyCeremony contract's rules in a few lines, for simulations: what a member sends is taken, refused or judged, and
 * events come out. Refused calls return false, as a reverted transaction would.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { concatBytes, equalBytes, toBytes } from "../../../src/crypto/bytes.js";
import { parseDealing, sealedRoot, verifyDealingProof, type Dealing } from "../../../src/crypto/dealing.js";
import { ed, g1, type GroupName } from "../../../src/crypto/group.js";
import { decodeCommitments, isShareOf } from "../../../src/crypto/judging.js";
import { merkleLeaf, rootFromPath } from "../../../src/crypto/merkle.js";
import { verifyOpening, type Opening } from "../../../src/crypto/opening.js";
import { outcomeHash, qualifiedHash, type CeremonyKind } from "../../../src/crypto/outcome.js";
import { g1FromEip2537, g1ToEip2537 } from "../../../src/crypto/points.js";
import { unsealShares } from "../../../src/crypto/sealing.js";
import type { CeremonyContext } from "../../../src/crypto/transcript.js";
import type { CeremonyEffect } from "../../../src/protocol/ceremony/effects.js";
import type { CeremonyEvent } from "../../../src/protocol/ceremony/events.js";
import { quorumOf } from "../../../src/statements/quorum.js";
import { blstBls } from "../../../src/runtime/blst.js";

/** Long enough for members that are restarted half of the time: phases end early when everybody has acted. */
export const PHASE_SECONDS = 300;

type Effect<N extends CeremonyEffect["name"]> = Extract<CeremonyEffect, { name: N }>;
type Phase = "accept" | "deal" | "complain" | "acknowledge" | "active";

export interface LedgerSetup {
  readonly kind: CeremonyKind;
  readonly n: number;
  readonly candidates: readonly string[];
  /** By seat: dealers of a resharing. */
  readonly incumbents: readonly string[];
  /** Of those: what each dealing of a resharing is opened under. */
  readonly verificationRoot: Uint8Array | undefined;
  readonly meshId: Uint8Array;
  readonly contract: Uint8Array;
  readonly ceremony: bigint;
}

export class Ledger {
  readonly events: CeremonyEvent[] = [];
  readonly slashed: { account: string; offence: string }[] = [];
  now = 1_000;
  phase: Phase = "accept";
  attempt = 0;
  readonly #setup: LedgerSetup;
  #next = 0;
  #deadline = 0;
  #places: (string | undefined)[] = [];
  #seated: string[] = [];
  #keys = new Map<string, Uint8Array>();
  #dealings = new Map<number, Dealing>();
  #disqualified = new Set<number>();
  #acknowledged = new Map<number, Uint8Array>();
  #counted: number[] = [];
  readonly #ephemeral = new Set<string>();

  constructor(setup: LedgerSetup) {
    this.#setup = setup;
    const { n, kind, ceremony } = setup;
    this.events.push({ name: "CeremonyStarted", ceremony, kind, seats: n, threshold: quorumOf(n).t });
    this.#begin();
  }

  /** Whether the call was taken. */
  submit(account: string, effect: CeremonyEffect): boolean {
    if (effect.name === "advance") return this.#advance();
    if (effect.attempt !== this.attempt || this.now > this.#deadline) return false;
    switch (effect.name) {
      case "accept":
        return this.#accept(account, effect);
      case "deal":
        return this.#deal(account, effect);
      case "complain":
        return this.#complain(account, effect);
      case "malformed":
        return this.#malformed(effect);
      case "acknowledge":
        return this.#acknowledge(account, effect);
      case "sign-activation":
        return false;
    }
  }

  /** `signature` by the group over the activation's digest. */
  activate(effect: Effect<"sign-activation">, signature: Uint8Array): boolean {
    const hash = outcomeHash(this.#qualified(), effect.outcome);
    const acknowledgements = [...this.#acknowledged.values()].filter((own) => equalBytes(own, hash)).length;
    if (this.phase !== "acknowledge" || acknowledgements < quorumOf(this.#setup.n).a) return false;
    if (!blstBls.verify(effect.outcome.bls, effect.digest, signature)) return false;
    this.phase = "active";
    this.#emit({ name: "Activated", generation: 1n, epoch: 1n, outcomeHash: hash });
    return true;
  }

  #accept(account: string, { seat, key }: Effect<"accept">): boolean {
    if (this.phase !== "accept" || this.#places[seat - 1] !== account || this.#keys.has(account)) return false;
    if (g1FromEip2537(key).is0()) return false;
    this.#keys.set(account, key);
    this.#emit({ name: "Accepted", account, key });
    return true;
  }

  #deal(account: string, { seat, dealing: bytes, opening }: Effect<"deal">): boolean {
    if (this.phase !== "deal" || this.#dealers()[seat - 1] !== account || this.#dealings.has(seat)) return false;
    const { n } = this.#setup;
    const dealing = parseDealing(bytes, this.#setup.kind, n, quorumOf(n).t);
    const ephemeralHash = keccak_256(g1ToEip2537(dealing.ephemeralKey));
    if (!verifyDealingProof(this.#context(), seat, dealing) || this.#ephemeral.has(String(ephemeralHash))) return false;
    if (this.#setup.kind === "resharing" && !this.#dealsOwnShare(seat, dealing, opening)) return false;
    this.#ephemeral.add(String(ephemeralHash));
    this.#dealings.set(seat, dealing);
    this.#emit({
      name: "Dealt",
      dealer: seat,
      dealing: bytes,
      ephemeralHash,
      g1Hash: keccak_256(concatBytes(...dealing.g1Commitments)),
      edHash: keccak_256(concatBytes(...dealing.edCommitments)),
      sealedRoot: sealedRoot(dealing),
    });
    return true;
  }

  #dealsOwnShare(seat: number, { g1Commitments, edCommitments }: Dealing, path: readonly Uint8Array[]): boolean {
    const { incumbents, verificationRoot: root } = this.#setup;
    const constants = [g1Commitments[0], edCommitments[0]] as [Uint8Array, Uint8Array];
    const leaf = merkleLeaf(keccak_256, toBytes(seat, 1), ...constants);
    const found = rootFromPath(keccak_256, leaf, seat - 1, incumbents.length, path);
    return root !== undefined && equalBytes(found, root);
  }

  #complain(account: string, { dealer, receiver, defect, opening }: Effect<"complain">): boolean {
    const dealing = this.#dealings.get(dealer);
    if (this.phase !== "complain" || this.#seated[receiver - 1] !== account) return false;
    if (dealing === undefined || this.#disqualified.has(dealer)) return false;
    const good = this.#judge(dealing, dealer, receiver, defect, opening);
    if (good === undefined) return false;
    if (good) this.#slash(account, "BadComplaint");
    else this.#disqualify(dealer);
    this.#emit({ name: good ? "ComplaintRefuted" : "ComplaintUpheld", dealer, receiver, defect });
    return true;
  }

  /** Whether the opened share is good; `undefined` if the opening is not one. */
  #judge(dealing: Dealing, dealer: number, receiver: number, defect: GroupName, o: Opening): boolean | undefined {
    const key = this.#keys.get(this.#seated[receiver - 1] ?? "");
    const leaf = merkleLeaf(keccak_256, toBytes(receiver, 1), o.sealedShare);
    const root = rootFromPath(keccak_256, leaf, receiver - 1, this.#setup.n, o.path);
    const committed = decodeCommitments(dealing);
    if (key === undefined || "kind" in committed || !equalBytes(root, sealedRoot(dealing))) return undefined;
    if (!equalBytes(g1ToEip2537(o.points.receiverKey), key)) return undefined;
    if (!o.points.ephemeralKey.equals(dealing.ephemeralKey)) return undefined;
    if (!verifyOpening(this.#context(), dealer, receiver, o.points, o.proof)) return undefined;
    const shares = unsealShares(this.#context(), dealer, receiver, o.points.shared, o.sealedShare);
    return defect === "g1"
      ? isShareOf(g1, committed.g1, receiver, shares.g1)
      : isShareOf(ed, committed.ed25519, receiver, shares.ed25519);
  }

  #malformed({ dealer, malformation: { kind, index } }: Effect<"malformed">): boolean {
    const dealing = this.#dealings.get(dealer);
    if (this.phase !== "complain" || dealing === undefined || this.#disqualified.has(dealer)) return false;
    const found = decodeCommitments(dealing);
    if (!("kind" in found) || found.kind !== kind || found.index !== index) return false;
    this.#disqualify(dealer);
    this.#emit({ name: "CommitmentMalformed", dealer, defect: kind, index });
    return true;
  }

  #acknowledge(account: string, { receiver, dealings, outcomeHash: hash }: Effect<"acknowledge">): boolean {
    if (this.phase !== "complain" && this.phase !== "acknowledge") return false;
    if (this.#seated[receiver - 1] !== account || this.#acknowledged.has(receiver)) return false;
    if (String(dealings) !== String(this.#good())) return false;
    this.#acknowledged.set(receiver, hash);
    this.#emit({ name: "Acknowledged", receiver, outcomeHash: hash });
    return true;
  }

  #good(): number[] {
    return [...this.#dealings.keys()].filter((seat) => !this.#disqualified.has(seat)).sort((a, b) => a - b);
  }

  #disqualify(dealer: number): void {
    this.#slash(this.#dealer(dealer), "BadDealing");
    this.#disqualified.add(dealer);
    this.#acknowledged.clear();
  }

  #advance(): boolean {
    const over = this.now > this.#deadline;
    const { n } = this.#setup;
    if (this.phase === "accept" && (over || this.#keys.size === n)) {
      const absent = this.#places.filter((account) => account !== undefined && !this.#keys.has(account)).length;
      if (this.#keys.size < n && (this.#replaceAbsent() || n - absent < quorumOf(n).a)) this.#invite();
      else this.#seat();
      return true;
    }
    if (this.phase === "deal" && (over || this.#dealings.size === this.#dealers().length)) {
      this.#dealers().forEach((account, i) => {
        if (!this.#dealings.has(i + 1)) this.#slash(account, "MissingDealing");
      });
      this.phase = "complain";
      this.#emit({ name: "Dealings", dealt: [...this.#dealings.keys()].sort((a, b) => a - b), deadline: this.#open() });
      return true;
    }
    if (this.phase === "complain" && (over || this.#acknowledged.size === this.#seated.length)) return this.#close();
    if (this.phase === "acknowledge" && over) {
      this.#fail();
      return true;
    }
    return false;
  }

  #close(): boolean {
    const needed = quorumOf(this.#setup.kind === "resharing" ? this.#setup.incumbents.length : this.#setup.n).t;
    const good = this.#good();
    if (good.length < needed) {
      this.#fail();
      return true;
    }
    this.#counted = good.slice(0, needed);
    this.phase = "acknowledge";
    this.#emit({ name: "Closed", counted: this.#counted, qualifiedHash: this.#qualified(), deadline: this.#open() });
    return true;
  }

  #seat(): void {
    this.#seated = [...this.#keys.keys()].sort();
    this.phase = "deal";
    this.#emit({ name: "Seated", accounts: this.#seated, deadline: this.#open() });
  }

  #fail(): void {
    this.#emit({ name: "AttemptFailed" });
    const failed = [...this.#disqualified].map((seat) => this.#dealer(seat));
    this.#begin(failed);
  }

  #begin(without: readonly string[] = []): void {
    this.attempt++;
    this.phase = "accept";
    for (const map of [this.#keys, this.#dealings, this.#disqualified, this.#acknowledged]) map.clear();
    const { n, candidates } = this.#setup;
    const eligible = candidates.filter((account) => !without.includes(account));
    this.#places = Array.from({ length: n }, (_, i) => eligible[i]);
    this.#next = n;
    this.#invite();
  }

  #replaceAbsent(): boolean {
    let replaced = false;
    this.#places = this.#places.map((account) => {
      const candidate = this.#setup.candidates[this.#next];
      if ((account !== undefined && this.#keys.has(account)) || candidate === undefined) return account;
      this.#next++;
      replaced = true;
      return candidate;
    });
    return replaced;
  }

  #invite(): void {
    this.#emit({ name: "Invited", accounts: [...this.#places], deadline: this.#open() });
  }

  #open(): number {
    this.#deadline = this.now + PHASE_SECONDS;
    return this.#deadline;
  }

  #qualified(): Uint8Array {
    return qualifiedHash(this.#setup.ceremony, this.attempt, this.#counted);
  }

  #dealers(): readonly string[] {
    return this.#setup.kind === "resharing" ? this.#setup.incumbents : this.#seated;
  }

  #dealer(seat: number): string {
    return this.#dealers()[seat - 1] as string;
  }

  #slash(account: string, offence: string): void {
    this.slashed.push({ account, offence });
  }

  #context(): CeremonyContext {
    const { meshId, contract, ceremony } = this.#setup;
    return { meshId, contract, ceremony, attempt: this.attempt };
  }

  #emit(event: DistributiveOmit<CeremonyEvent, "ceremony" | "attempt">): void {
    this.events.push({ ...event, ceremony: this.#setup.ceremony, attempt: this.attempt } as CeremonyEvent);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What the ledger says about one ceremony: its events, added up. Public, and rebuilt from the ledger at every start. */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { concatBytes, equalBytes } from "../../crypto/bytes.js";
import { parseDealing, sealedRoot, type Dealing } from "../../crypto/dealing.js";
import { CryptoError } from "../../crypto/errors.js";
import type { G1Point } from "../../crypto/group.js";
import { qualifiedHash, type CeremonyKind } from "../../crypto/outcome.js";
import { g1FromEip2537, g1ToEip2537 } from "../../crypto/points.js";
import { quorumOf } from "../../statements/quorum.js";
import { CeremonyError } from "./errors.js";
import type { Account, CeremonyEvent } from "./events.js";

export type Phase = "none" | "accept" | "deal" | "complain" | "acknowledge" | "failed" | "active";

export interface Activation {
  readonly generation: bigint;
  readonly epoch: bigint;
  readonly outcomeHash: Uint8Array;
}

export class CeremonyView {
  ceremony = 0n;
  kind: CeremonyKind = "generation";
  /** Seats of receivers, and coefficients in each dealing. */
  n = 0;
  t = 0;
  phase: Phase = "none";
  /** Counts from 1; 0 before the first {Invited}. What follows is of this attempt. */
  attempt = 0;
  deadline = 0;
  /** By place, from 1 at index 0. */
  invited: readonly (Account | undefined)[] = [];
  readonly keys = new Map<Account, G1Point>();
  /** Accounts of seats 1.. at index 0... Empty before {Seated}. */
  seated: readonly Account[] = [];
  readonly dealings = new Map<number, Dealing>();
  readonly disqualified = new Set<number>();
  /** Dealers that count, ascending. Empty before {Closed}. */
  counted: readonly number[] = [];
  qualified: Uint8Array = new Uint8Array();
  /** Outcome hashes by receiver, since a dealing was disqualified last. */
  readonly acknowledged = new Map<number, Uint8Array>();
  activation: Activation | undefined;

  /** @throws CeremonyError `order`, `sizes` or `ledger-mismatch`; the view is then of no use: read the events again. */
  apply(event: CeremonyEvent): void {
    if (event.name === "CeremonyStarted") return this.#start(event);
    if (event.ceremony !== this.ceremony) {
      throw new CeremonyError("order", `${event.name} is of ceremony ${event.ceremony}, not ${this.ceremony}`);
    }
    if (event.name === "Invited") return this.#invite(event);
    if (event.attempt !== this.attempt) {
      throw new CeremonyError("order", `${event.name} is of attempt ${event.attempt}, not ${this.attempt}`);
    }
    switch (event.name) {
      case "Accepted":
        this.#expect(event.name, "accept");
        this.keys.set(sameCase(event.account), g1FromEip2537(event.key));
        return;
      case "Seated":
        this.#expect(event.name, "accept");
        this.seated = event.accounts.map(sameCase);
        return this.#open("deal", event.deadline);
      case "Dealt":
        this.#expect(event.name, "deal");
        this.dealings.set(event.dealer, readDealing(event, this.kind, this.n, this.t));
        return;
      case "Dealings":
        this.#expect(event.name, "deal");
        this.#expectDealings(event.dealt);
        return this.#open("complain", event.deadline);
      case "ComplaintUpheld":
      case "CommitmentMalformed":
        this.#expect(event.name, "complain");
        this.disqualified.add(event.dealer);
        this.acknowledged.clear();
        return;
      case "ComplaintRefuted":
        return this.#expect(event.name, "complain");
      case "Closed":
        this.#expect(event.name, "complain");
        return this.#close(event);
      case "Acknowledged":
        if (this.phase !== "complain") this.#expect(event.name, "acknowledge");
        this.acknowledged.set(event.receiver, event.outcomeHash);
        return;
      case "AttemptFailed":
        this.phase = "failed";
        return;
      case "Activated":
        this.#expect(event.name, "acknowledge");
        this.activation = event;
        this.phase = "active";
        return;
    }
  }

  /** Seat of a receiver, or `undefined`. */
  seatOf(account: Account): number | undefined {
    const index = this.seated.indexOf(sameCase(account));
    return index < 0 ? undefined : index + 1;
  }

  /** Place among the invited, or `undefined`. */
  placeOf(account: Account): number | undefined {
    const index = this.invited.indexOf(sameCase(account));
    return index < 0 ? undefined : index + 1;
  }

  keyOf(account: Account): G1Point | undefined {
    return this.keys.get(sameCase(account));
  }

  /** One-time keys in seat order, `undefined` for empty seats. */
  receivingKeys(): (G1Point | undefined)[] {
    return Array.from({ length: this.n }, (_, i) => this.keys.get(this.seated[i] ?? ""));
  }

  /** Dealers whose dealing nobody has shown to be bad, ascending. */
  goodDealers(): number[] {
    return [...this.dealings.keys()].filter((dealer) => !this.disqualified.has(dealer)).toSorted((a, b) => a - b);
  }

  /** How many receivers acknowledged this outcome. */
  acknowledgementsOf(outcome: Uint8Array): number {
    return [...this.acknowledged.values()].filter((hash) => equalBytes(hash, outcome)).length;
  }

  #start(event: Extract<CeremonyEvent, { name: "CeremonyStarted" }>): void {
    if (this.phase !== "none") throw new CeremonyError("order", `ceremony ${this.ceremony} has started already`);
    const { n, t } = quorumOf(event.seats);
    if (t !== event.threshold) {
      throw new CeremonyError("sizes", `the ledger has threshold ${event.threshold} for ${n} seats, not ${t}`);
    }
    Object.assign(this, { ceremony: event.ceremony, kind: event.kind, n, t });
  }

  #invite(event: Extract<CeremonyEvent, { name: "Invited" }>): void {
    const again = this.phase === "accept" && event.attempt === this.attempt;
    const next = (this.phase === "none" || this.phase === "failed") && event.attempt === this.attempt + 1;
    if (!again && !next) throw new CeremonyError("order", `Invited to attempt ${event.attempt} after ${this.attempt}`);
    if (next) {
      this.attempt = event.attempt;
      this.seated = [];
      this.counted = [];
      this.qualified = new Uint8Array();
      for (const collection of [this.keys, this.dealings, this.disqualified, this.acknowledged]) {
        collection.clear();
      }
    }
    this.invited = event.accounts.map((account) => account && sameCase(account));
    this.#open("accept", event.deadline);
  }

  #close(event: Extract<CeremonyEvent, { name: "Closed" }>): void {
    const own = qualifiedHash(this.ceremony, this.attempt, event.counted);
    if (!equalBytes(own, event.qualifiedHash)) {
      throw new CeremonyError("ledger-mismatch", `seats ${event.counted.join(", ")} do not hash to the qualified hash`);
    }
    this.#expectDealings(event.counted);
    this.counted = event.counted;
    this.qualified = event.qualifiedHash;
    this.#open("acknowledge", event.deadline);
  }

  #open(phase: Phase, deadline: number): void {
    this.phase = phase;
    this.deadline = deadline;
  }

  #expect(name: string, phase: Phase): void {
    if (this.phase !== phase) throw new CeremonyError("order", `${name} belongs to phase ${phase}, not ${this.phase}`);
  }

  #expectDealings(dealers: readonly number[]): void {
    const missing = dealers.find((dealer) => !this.dealings.has(dealer));
    if (missing !== undefined) throw new CeremonyError("order", `the dealing of seat ${missing} was not read`);
  }
}

/** Addresses come in checksum case or not; one form compares. */
export function sameCase(account: Account): Account {
  return account.toLowerCase();
}

/** The dealing, if its bytes are those that the ledger hashed. */
function readDealing(
  event: Extract<CeremonyEvent, { name: "Dealt" }>,
  kind: CeremonyKind,
  n: number,
  t: number,
): Dealing {
  const from = `the dealing of seat ${event.dealer}`;
  let dealing: Dealing;
  try {
    dealing = parseDealing(event.dealing, kind, n, t);
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new CeremonyError("ledger-mismatch", `${from} is not what the contract takes: ask another node`, cause);
  }
  const same =
    equalBytes(keccak_256(g1ToEip2537(dealing.ephemeralKey)), event.ephemeralHash) &&
    equalBytes(keccak_256(concatBytes(...dealing.g1Commitments)), event.g1Hash) &&
    equalBytes(keccak_256(concatBytes(...dealing.edCommitments)), event.edHash) &&
    equalBytes(sealedRoot(dealing), event.sealedRoot);
  if (!same) throw new CeremonyError("ledger-mismatch", `${from} does not have the ledger's hashes: ask another node`);
  return dealing;
}

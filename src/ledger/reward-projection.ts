/** The reward pool as its events tell it: who paid in, who earned what, and what is owed (docs/protocol.md, section 15). All amounts are wei. */
import type { LedgerEvent } from "./events.js";

export interface Payment {
  readonly payer: string;
  readonly grantId: bigint;
  readonly amount: bigint;
  readonly blockNumber: number;
}

/** What an account earned in all, and has not claimed yet. */
export interface Earnings {
  readonly earned: bigint;
  readonly owed: bigint;
}

/** Whether a mesh with these parameters takes money for its members, as RewardPool.sol decides: what is never measured is never paid. */
export function paysRewards(parameters: {
  readonly rewardBps: bigint;
  readonly epochSeconds: bigint;
  readonly probesPerEpoch: bigint;
}): boolean {
  const { rewardBps, epochSeconds, probesPerEpoch } = parameters;
  return rewardBps !== 0n && epochSeconds !== 0n && probesPerEpoch !== 0n;
}

const NOTHING: Earnings = { earned: 0n, owed: 0n };

export class RewardProjection {
  readonly payments: Payment[] = [];
  /** In the pool for epochs to come. */
  unallotted = 0n;
  totalOwed = 0n;
  totalClaimed = 0n;
  /** The last epoch that was given anything. */
  lastEpoch = 0n;
  readonly #earnings = new Map<string, Earnings>();
  readonly #byEpoch = new Map<bigint, Map<string, bigint>>();

  apply({ name, args, blockNumber }: Extract<LedgerEvent, { contract: "rewards" }>): void {
    switch (name) {
      case "PaidIn": {
        const { payer, grantId, amount } = args;
        this.payments.push({ payer, grantId, amount, blockNumber });
        this.unallotted += amount;
        return;
      }
      case "Earned": {
        const { account, epoch, amount } = args;
        const { earned, owed } = this.earningsOf(account);
        this.#earnings.set(account.toLowerCase(), { earned: earned + amount, owed: owed + amount });
        const ofEpoch = this.#byEpoch.get(epoch) ?? new Map<string, bigint>();
        this.#byEpoch.set(epoch, ofEpoch.set(account.toLowerCase(), amount));
        this.lastEpoch = epoch;
        this.unallotted -= amount;
        this.totalOwed += amount;
        return;
      }
      case "Claimed": {
        const { account, amount } = args;
        const { earned, owed } = this.earningsOf(account);
        this.#earnings.set(account.toLowerCase(), { earned, owed: owed - amount });
        this.totalOwed -= amount;
        this.totalClaimed += amount;
        return;
      }
      default:
    }
  }

  earningsOf(account: string): Earnings {
    return this.#earnings.get(account.toLowerCase()) ?? NOTHING;
  }

  /** What an account earned for an epoch. */
  earnedIn(epoch: bigint, account: string): bigint {
    return this.#byEpoch.get(epoch)?.get(account.toLowerCase()) ?? 0n;
  }
}

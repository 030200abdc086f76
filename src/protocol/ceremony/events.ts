/**
 * Events of the KeyCeremony contract as the engine takes them (contracts/interfaces/IKeyCeremony.sol, same names). Feed
 * them in the order of the ledger, from finalised blocks only, each once. Bitmaps are seats in ascending order here.
 */
import type { CeremonyKind } from "../../crypto/outcome.js";
import type { GroupName } from "../../crypto/group.js";

/** An account's address: `0x` and 40 hex digits, any case. */
export type Account = string;

interface OfAttempt {
  readonly ceremony: bigint;
  readonly attempt: number;
}

interface OpensPhase extends OfAttempt {
  /** Last second of the phase that begins, Unix time. */
  readonly deadline: number;
}

export type CeremonyEvent =
  | {
      readonly name: "CeremonyStarted";
      readonly ceremony: bigint;
      readonly kind: CeremonyKind;
      readonly seats: number;
      readonly threshold: number;
    }
  /** `accounts` by place; `undefined` where there is no candidate. */
  | (OpensPhase & { readonly name: "Invited"; readonly accounts: readonly (Account | undefined)[] })
  /** `key` in its 128 bytes (EIP-2537). */
  | (OfAttempt & { readonly name: "Accepted"; readonly account: Account; readonly key: Uint8Array })
  | (OpensPhase & { readonly name: "Seated"; readonly accounts: readonly Account[] })
  /** `dealing` from the transaction's input; the hashes from the event. */
  | (OfAttempt & {
      readonly name: "Dealt";
      readonly dealer: number;
      readonly dealing: Uint8Array;
      readonly ephemeralHash: Uint8Array;
      readonly g1Hash: Uint8Array;
      readonly edHash: Uint8Array;
      readonly sealedRoot: Uint8Array;
    })
  | (OpensPhase & { readonly name: "Dealings"; readonly dealt: readonly number[] })
  | (OfAttempt & {
      readonly name: "ComplaintUpheld" | "ComplaintRefuted";
      readonly dealer: number;
      readonly receiver: number;
      readonly defect: GroupName;
    })
  | (OfAttempt & {
      readonly name: "CommitmentMalformed";
      readonly dealer: number;
      readonly defect: GroupName;
      readonly index: number;
    })
  | (OpensPhase & { readonly name: "Closed"; readonly counted: readonly number[]; readonly qualifiedHash: Uint8Array })
  | (OfAttempt & { readonly name: "Acknowledged"; readonly receiver: number; readonly outcomeHash: Uint8Array })
  | (OfAttempt & { readonly name: "AttemptFailed" })
  | (OfAttempt & {
      readonly name: "Activated";
      readonly generation: bigint;
      readonly epoch: bigint;
      readonly outcomeHash: Uint8Array;
    });

/** The bitmap of `seats`, with bit `1 << seat`. */
export function bitmapOf(seats: readonly number[]): bigint {
  return seats.reduce((bitmap, seat) => bitmap | (1n << BigInt(seat)), 0n);
}

/** Seats of a bitmap with bit `1 << seat`, ascending. */
export function seatsOf(bitmap: bigint): number[] {
  const seats: number[] = [];
  for (let seat = 0; bitmap >> BigInt(seat) !== 0n; seat++) if ((bitmap >> BigInt(seat)) & 1n) seats.push(seat);
  return seats;
}

/**
 * What a member is to do: calls of the KeyCeremony contract with their arguments, and one signature. All can be repeated:
 * the ledger takes each once, and a step stops asking for it when the ledger shows it.
 */
import type { Malformation } from "../../crypto/malformation.js";
import type { Opening } from "../../crypto/opening.js";
import type { GroupKeys } from "../../crypto/outcome.js";
import type { GroupName } from "../../crypto/group.js";

interface OfAttempt {
  readonly ceremony: bigint;
  readonly attempt: number;
}

export type CeremonyEffect =
  /** `key`: 128 bytes (EIP-2537). */
  | (OfAttempt & { readonly name: "accept"; readonly seat: number; readonly key: Uint8Array })
  /** `opening`: Merkle path of the dealer's verification keys in a resharing, else empty. */
  | (OfAttempt & {
      readonly name: "deal";
      readonly seat: number;
      readonly dealing: Uint8Array;
      readonly opening: readonly Uint8Array[];
    })
  | (OfAttempt & {
      readonly name: "complain";
      readonly dealer: number;
      readonly receiver: number;
      readonly defect: GroupName;
      readonly opening: Opening;
    })
  | (OfAttempt & { readonly name: "malformed"; readonly dealer: number; readonly malformation: Malformation })
  /** `dealings`: seats of all dealers whose dealing is good so far, ascending. */
  | (OfAttempt & {
      readonly name: "acknowledge";
      readonly receiver: number;
      readonly dealings: readonly number[];
      readonly outcomeHash: Uint8Array;
    })
  /** Sign `digest` with the held G1 share, exchange partial signatures, and call `activate` when `ready`. */
  | (OfAttempt & {
      readonly name: "sign-activation";
      readonly receiver: number;
      readonly outcome: GroupKeys;
      readonly verificationRoot: Uint8Array;
      /** 32-byte EIP-712 digest of the statement Activation. */
      readonly digest: Uint8Array;
      /** Enough receivers have acknowledged this outcome. */
      readonly ready: boolean;
    })
  | { readonly name: "advance"; readonly ceremony: bigint };

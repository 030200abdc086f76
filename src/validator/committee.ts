/** The committee in office, as its ceremony made it: who has which seat, and under which keys their parts verify. */
import type { SharedBlsKey } from "../crypto/threshold-bls.js";
import type { SharedEdKey } from "../crypto/frost.js";
import type { GroupKeys } from "../crypto/outcome.js";
import type { Office } from "../ledger/projection.js";
import { type Quorum, quorumOf } from "../statements/quorum.js";

export interface Committee {
  readonly generation: number;
  readonly epoch: number;
  readonly quorum: Quorum;
  readonly keys: GroupKeys;
  /** Accounts by seat; an empty seat has none. */
  readonly accounts: ReadonlyMap<number, string>;
  readonly blsKey: SharedBlsKey;
  readonly edKey: SharedEdKey;
}

export function committeeOf(
  office: { readonly generation: number; readonly epoch: number },
  keys: GroupKeys,
  accounts: readonly string[],
): Committee {
  const quorum = quorumOf(keys.verificationKeys.length);
  const seats = keys.verificationKeys.map(({ seat }) => seat);
  const pick = (key: "g1" | "ed25519"): Map<number, Uint8Array> =>
    new Map(keys.verificationKeys.map((verification) => [verification.seat, verification[key]]));
  return {
    ...office,
    quorum,
    keys,
    accounts: new Map(
      seats.flatMap((seat) => (accounts[seat - 1] === undefined ? [] : [[seat, accounts[seat - 1]]])) as [
        number,
        string,
      ][],
    ),
    blsKey: { groupKey: keys.bls, t: quorum.t, verificationKeys: pick("g1") },
    edKey: { groupKey: keys.ed25519, t: quorum.t, n: quorum.n, verificationKeys: pick("ed25519") },
  };
}

/** The seat of an account; undefined for who has none. */
export function seatOf(accounts: ReadonlyMap<number, string>, account: string): number | undefined {
  return [...accounts].find(([, one]) => one.toLowerCase() === account.toLowerCase())?.[0];
}

/** Names an office, in files and between members: one that goes back to the committee before has its name of then. */
export function officeName({ generation, epoch, ceremony }: Office): string {
  return `${generation}/${epoch}/${ceremony}`;
}

/**
 * What a receiver makes of a dealing: its two shares, or the way in which the dealing is bad. Every way has a proof that
 * the contract checks (`opening.ts`; a malformed commitment proves itself).
 */
import { CryptoError } from "./errors.js";
import type { Dealing } from "./dealing.js";
import {
  commit,
  decodeScalar,
  ed,
  g1,
  type EdPoint,
  type G1Point,
  type Group,
  type GroupName,
  type GroupPoint,
} from "./group.js";
import { evaluateCommitments } from "./lagrange.js";
import { unsealShares, wipe, type SharePair } from "./sealing.js";
import type { CeremonyContext } from "./transcript.js";

/** The commitments of a dealing as points. Ed25519 ones may carry a component of small order. */
export interface Commitments {
  readonly g1: readonly G1Point[];
  readonly ed25519: readonly EdPoint[];
}

/** A commitment that is no point: anybody can show it to the ledger. */
export interface MalformedCommitment {
  readonly kind: GroupName;
  /** Its place among the dealing's commitments of that kind, from 0. */
  readonly index: number;
}

function decodeAll<P extends GroupPoint<P>>(
  group: Group<P>,
  encoded: readonly Uint8Array[],
): P[] | MalformedCommitment {
  const points: P[] = [];
  for (const [index, bytes] of encoded.entries()) {
    try {
      points.push(group.decode(bytes));
    } catch (error) {
      if (error instanceof CryptoError) return { kind: group.name, index };
      throw error;
    }
  }
  return points;
}

type Committing = Pick<Dealing, "g1Commitments" | "edCommitments">;

/** Decoding is most of the work on a dealing, and whoever judges one derives keys from it later. */
const decoded = new WeakMap<Committing, Commitments | MalformedCommitment>();

/** The commitments of a dealing, or the first that does not decode. A dealing is not changed once it was decoded. */
export function decodeCommitments(dealing: Committing): Commitments | MalformedCommitment {
  const known = decoded.get(dealing);
  if (known !== undefined) return known;
  const commitments = decodeAnew(dealing);
  decoded.set(dealing, commitments);
  return commitments;
}

function decodeAnew(dealing: Committing): Commitments | MalformedCommitment {
  const g1Points = decodeAll(g1, dealing.g1Commitments);
  if ("kind" in g1Points) return g1Points;
  const edPoints = decodeAll(ed, dealing.edCommitments);
  if ("kind" in edPoints) return edPoints;
  return { g1: g1Points, ed25519: edPoints };
}

/**
 * Whether `share` (32 bytes) is f(seat) for the committed f. Components of small order do not count, on the ledger neither:
 * they are cleared from the keys (`outcome.ts`), so they change nothing.
 */
export function isShareOf<P extends GroupPoint<P>>(
  group: Group<P>,
  committed: readonly P[],
  seat: number,
  share: Uint8Array,
): boolean {
  let scalar: bigint;
  try {
    scalar = decodeScalar(group, share);
  } catch {
    return false;
  }
  return commit(group, scalar).equals(group.clear(evaluateCommitments(group, committed, seat)));
}

export type Judgement =
  | { readonly verdict: "good"; readonly shares: SharePair }
  | { readonly verdict: "bad-share"; readonly kind: GroupName; readonly shared: G1Point }
  | ({ readonly verdict: "malformed" } & MalformedCommitment);

/** Judges the dealing of `dealer` as receiver `seat`, whose one-time secret is `secret`. */
export function judgeDealing(
  context: CeremonyContext,
  dealer: number,
  dealing: Dealing,
  seat: number,
  secret: bigint,
): Judgement {
  const sealed = dealing.sealedShares[seat - 1];
  if (sealed === undefined) throw new CryptoError("seats", `the dealing has no share for seat ${seat}`);
  const committed = decodeCommitments(dealing);
  if ("kind" in committed) return { verdict: "malformed", ...committed };

  const shared = dealing.ephemeralKey.multiply(secret);
  const shares = unsealShares(context, dealer, seat, shared, sealed);
  if (isShareOf(g1, committed.g1, seat, shares.g1)) {
    if (isShareOf(ed, committed.ed25519, seat, shares.ed25519)) return { verdict: "good", shares };
    wipe(shares);
    return { verdict: "bad-share", kind: "ed25519", shared };
  }
  wipe(shares);
  return { verdict: "bad-share", kind: "g1", shared };
}

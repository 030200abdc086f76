/**
 * Opening of one sealed share before the contract (docs/protocol.md, section 4.3): the receiver reveals S = k*E and proves
 * that log_G K = log_E S (Chaum and Pedersen 1992), so that it can show what it was sent, and cannot show anything else.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { TAG } from "../statements/tags.js";
import { concatBytes, type Randomness } from "./bytes.js";
import type { Dealing } from "./dealing.js";
import { CryptoError } from "./errors.js";
import { g1, randomScalar, type G1Point, type GroupName } from "./group.js";
import { decodeCommitments } from "./judging.js";
import { merklePath } from "./merkle.js";
import { xHint, yHint } from "./points.js";
import { sealedLeaves } from "./sealing.js";
import { challenge, type CeremonyContext } from "./transcript.js";

export interface OpeningProof {
  readonly challenge: bigint;
  readonly response: bigint;
}

/** The points of an opening: K receiver's one-time key, E dealer's, S what they share. */
export interface OpeningPoints {
  readonly receiverKey: G1Point;
  readonly ephemeralKey: G1Point;
  readonly shared: G1Point;
}

function openingChallenge(
  context: CeremonyContext,
  dealer: number,
  receiver: number,
  points: OpeningPoints,
  announced: readonly G1Point[],
): bigint {
  const { receiverKey, ephemeralKey, shared } = points;
  return challenge(TAG.shareOpening, context, [dealer, receiver], [receiverKey, ephemeralKey, shared, ...announced]);
}

/** `secret` = k, the logarithm of the receiver's one-time key. */
export function proveOpening(
  context: CeremonyContext,
  dealer: number,
  receiver: number,
  points: OpeningPoints,
  secret: bigint,
  random: Randomness,
): OpeningProof {
  const a = randomScalar(g1, random);
  const announced = [g1.base.multiply(a), points.ephemeralKey.multiply(a)];
  const c = openingChallenge(context, dealer, receiver, points, announced);
  return { challenge: c, response: (a + c * secret) % g1.order };
}

export function verifyOpening(
  context: CeremonyContext,
  dealer: number,
  receiver: number,
  points: OpeningPoints,
  proof: OpeningProof,
): boolean {
  if (proof.challenge >= g1.order || proof.response >= g1.order) return false;
  const minusC = (g1.order - proof.challenge) % g1.order;
  const announced = [
    g1.base.multiplyUnsafe(proof.response).add(points.receiverKey.multiplyUnsafe(minusC)),
    points.ephemeralKey.multiplyUnsafe(proof.response).add(points.shared.multiplyUnsafe(minusC)),
  ];
  return openingChallenge(context, dealer, receiver, points, announced) === proof.challenge;
}

/** What a receiver shows to have its share judged: the fields of the contract's `Opening`, in its encodings. */
export interface Opening {
  readonly points: OpeningPoints;
  readonly proof: OpeningProof;
  /** Commitments of the key complained about, as dealt: t of 48 or of 32 bytes. */
  readonly commitments: Uint8Array;
  /** keccak256 of the other key's. */
  readonly otherCommitments: Uint8Array;
  readonly sealedShare: Uint8Array;
  /** Of the receiver's leaf in the tree over the sealed shares, bottom-up. */
  readonly path: readonly Uint8Array[];
  /** `g1`: y of C_1 .. C_(t-1), 48 bytes each. `ed25519`: x of C_0 .. C_(t-1), 32 bytes each, big-endian. */
  readonly hints: Uint8Array;
}

/** @throws CryptoError `point` if a commitment does not decode: that is shown by itself (`malformation.ts`). */
export function openShare(
  context: CeremonyContext,
  dealer: number,
  dealing: Dealing,
  receiver: number,
  secret: bigint,
  kind: GroupName,
  random: Randomness,
): Opening {
  const committed = decodeCommitments(dealing);
  if ("kind" in committed) {
    const { kind: group, index } = committed;
    throw new CryptoError("point", `commitment ${index} of ${group} does not decode: show that instead`, [dealer]);
  }
  const sealedShare = dealing.sealedShares[receiver - 1];
  if (sealedShare === undefined) throw new CryptoError("seats", `the dealing has no share for seat ${receiver}`);
  const { ephemeralKey } = dealing;
  const points = { receiverKey: g1.base.multiply(secret), ephemeralKey, shared: ephemeralKey.multiply(secret) };
  return {
    points,
    proof: proveOpening(context, dealer, receiver, points, secret, random),
    ...splitCommitments(dealing, kind),
    sealedShare,
    path: merklePath(keccak_256, sealedLeaves(dealing.sealedShares), receiver - 1),
    hints: concatBytes(...(kind === "g1" ? committed.g1.slice(1).map(yHint) : committed.ed25519.map(xHint))),
  };
}

/** Commitments of one kind, and keccak256 of those of the other: together they show that they are the dealing's. */
export function splitCommitments(
  dealing: Pick<Dealing, "g1Commitments" | "edCommitments">,
  kind: GroupName,
): { readonly commitments: Uint8Array; readonly otherCommitments: Uint8Array } {
  const [ofG1, ofEd] = [concatBytes(...dealing.g1Commitments), concatBytes(...dealing.edCommitments)];
  return kind === "g1"
    ? { commitments: ofG1, otherCommitments: keccak_256(ofEd) }
    : { commitments: ofEd, otherCommitments: keccak_256(ofG1) };
}

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

/** Arguments of a complaint about one share. */
export interface Complaint {
  readonly kind: GroupName;
  readonly dealer: number;
  readonly receiver: number;
  readonly points: OpeningPoints;
  readonly proof: OpeningProof;
  /** t of 48 bytes, as dealt. */
  readonly g1Commitments: Uint8Array;
  /** t of 32 bytes, as dealt. */
  readonly edCommitments: Uint8Array;
  readonly sealedShare: Uint8Array;
  /** Of the receiver's leaf in the tree over the sealed shares, bottom-up. */
  readonly path: readonly Uint8Array[];
  /** `g1`: y of each G1 commitment, 48 bytes each. `ed25519`: x of each Ed25519 commitment, 32 bytes each, big-endian. */
  readonly hints: Uint8Array;
}

/** @throws CryptoError `point` if a commitment does not decode: that is shown by itself, not by a complaint. */
export function makeComplaint(
  context: CeremonyContext,
  dealer: number,
  dealing: Dealing,
  receiver: number,
  secret: bigint,
  kind: GroupName,
  random: Randomness,
): Complaint {
  const committed = decodeCommitments(dealing);
  if ("kind" in committed) {
    const { kind: group, index } = committed;
    throw new CryptoError("point", `commitment ${index} of ${group} does not decode: show that instead`, [dealer]);
  }
  const { ephemeralKey } = dealing;
  const points = { receiverKey: g1.base.multiply(secret), ephemeralKey, shared: ephemeralKey.multiply(secret) };
  return {
    kind,
    dealer,
    receiver,
    points,
    proof: proveOpening(context, dealer, receiver, points, secret, random),
    g1Commitments: concatBytes(...dealing.g1Commitments),
    edCommitments: concatBytes(...dealing.edCommitments),
    sealedShare: dealing.sealedShares[receiver - 1] as Uint8Array,
    path: merklePath(keccak_256, sealedLeaves(dealing.sealedShares), receiver - 1),
    hints: concatBytes(...(kind === "g1" ? committed.g1.map(yHint) : committed.ed25519.map(xHint))),
  };
}

/**
 * A dealing: one dealer's contribution to both keys, as the bytes that it posts (docs/protocol.md, section 4.2).
 *
 * The dealer shares f (G1) and h (Ed25519) of degree t - 1, commits to their coefficients (Feldman 1987), seals f(j), h(j)
 * to each receiver j's one-time key with its own one-time key E = e*G, and proves that it knows e and f(0) (Schnorr 1991):
 * a copied E would let a cheat make honest receivers open another dealer's shares, and a C_0 chosen after the others' would
 * fix the group key.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { MAXIMUM_COMMITTEE } from "../statements/quorum.js";
import { TAG } from "../statements/tags.js";
import { bytesToNumberBE, chunks, concatBytes, equalBytes, expectLength, toBytes, type Randomness } from "./bytes.js";
import { CryptoError } from "./errors.js";
import { commit, ed, encodeScalar, g1, randomScalar, type G1Point } from "./group.js";
import { commitments, evaluate, randomPolynomial } from "./lagrange.js";
import { merkleRoot } from "./merkle.js";
import { packG1, unpackG1, yHint } from "./points.js";
import { SEALED_LENGTH, sealedLeaves, sealShares, wipe } from "./sealing.js";
import { challenge, type CeremonyContext } from "./transcript.js";

/** Proof of knowledge of e and f(0) under one challenge. */
export interface DealingProof {
  readonly challenge: bigint;
  readonly ephemeralResponse: bigint;
  readonly constantResponse: bigint;
}

/** A dealing taken apart. Commitments stay bytes: the ledger takes them unread, so they may not decode (`malformed`). */
export interface Dealing {
  readonly ephemeralKey: G1Point;
  readonly constant: G1Point;
  readonly proof: DealingProof;
  /** t of 48 bytes. */
  readonly g1Commitments: readonly Uint8Array[];
  /** t of 32 bytes. */
  readonly edCommitments: readonly Uint8Array[];
  /** One of 64 bytes for each seat, in seat order. */
  readonly sealedShares: readonly Uint8Array[];
}

/** Bytes in front of the commitments: E 96, y of C_0 48, challenge and two responses 32 each. */
const HEADER_LENGTH = 96 + 48 + 3 * 32;

export function dealingLength(n: number, t: number): number {
  return HEADER_LENGTH + t * (48 + 32) + n * SEALED_LENGTH;
}

export interface DealingInput {
  readonly context: CeremonyContext;
  /** Seat of the dealer: in a resharing, that in the old committee. */
  readonly dealer: number;
  readonly t: number;
  /** One-time receiving keys in seat order; `undefined` where the seat is empty. */
  readonly receivers: readonly (G1Point | undefined)[];
  /** Resharing: the dealer's own shares of both keys, which become f(0) and h(0). Key generation: left out. */
  readonly constants?: { readonly g1: bigint; readonly ed25519: bigint };
  readonly random: Randomness;
}

/** The bytes to post. The polynomials and e are gone when this returns: the same dealing cannot be made again. */
export function makeDealing(input: DealingInput): Uint8Array {
  const { context, dealer, t, receivers, constants, random } = input;
  expectSizes(receivers.length, t);
  const f = randomPolynomial(g1, t, random, constants?.g1);
  const h = randomPolynomial(ed, t, random, constants?.ed25519);
  if (f[0] === 0n || h[0] === 0n)
    throw new CryptoError("scalar", "a share of zero is no key: nothing can be dealt of it");
  const ephemeral = randomScalar(g1, random);
  const ephemeralKey = commit(g1, ephemeral);
  const committed = commitments(g1, f);
  const constant = committed[0] as G1Point;

  const sealedShares = receivers.map((key, i) => {
    if (key === undefined) return new Uint8Array(SEALED_LENGTH);
    const seat = i + 1;
    const shares = {
      g1: encodeScalar(evaluate(f, seat, g1.order)),
      ed25519: encodeScalar(evaluate(h, seat, ed.order)),
    };
    const sealed = sealShares(context, dealer, seat, key.multiply(ephemeral), shares);
    wipe(shares);
    return sealed;
  });
  const dealing = {
    ephemeralKey,
    constant,
    proof: proveDealing(context, dealer, [ephemeral, f[0] as bigint], [ephemeralKey, constant], random),
    g1Commitments: committed.map((point) => point.toBytes()),
    edCommitments: commitments(ed, h).map((point) => point.toBytes()),
    sealedShares,
  };
  f.fill(0n);
  h.fill(0n);
  return encodeDealing(dealing);
}

export function encodeDealing(dealing: Dealing): Uint8Array {
  const { ephemeralKey, constant, proof } = dealing;
  return concatBytes(
    packG1(ephemeralKey),
    yHint(constant),
    toBytes(proof.challenge, 32),
    toBytes(proof.ephemeralResponse, 32),
    toBytes(proof.constantResponse, 32),
    ...dealing.g1Commitments,
    ...dealing.edCommitments,
    ...dealing.sealedShares,
  );
}

/**
 * Takes a dealing for `n` seats with threshold `t` apart. Checks what the contract checks but the proof: the length, that
 * E and C_0 are points of the subgroup and not infinity, that both encodings of C_0 agree, scalars below the order.
 * @throws CryptoError `length`, `point` or `scalar`
 */
export function parseDealing(bytes: Uint8Array, n: number, t: number): Dealing {
  expectSizes(n, t);
  expectLength(bytes, dealingLength(n, t), `a dealing for ${n} seats with threshold ${t}`);
  const [g1Start, edStart, sealedStart] = [HEADER_LENGTH, HEADER_LENGTH + 48 * t, HEADER_LENGTH + 80 * t];
  const g1Commitments = chunks(bytes.subarray(g1Start, edStart), 48);
  const constant = g1.decode(g1Commitments[0] as Uint8Array);
  if (constant.is0() || !equalBytes(yHint(constant), bytes.subarray(96, 144))) {
    throw new CryptoError("point", "C_0 is infinity, or its two encodings in the dealing disagree");
  }
  const scalars = chunks(bytes.subarray(144, HEADER_LENGTH), 32).map(bytesToNumberBE) as [bigint, bigint, bigint];
  if (scalars.some((scalar) => scalar >= g1.order)) {
    throw new CryptoError("scalar", "a scalar of the dealing's proof is not below the group's order");
  }
  return {
    ephemeralKey: unpackG1(bytes.subarray(0, 96)),
    constant,
    proof: { challenge: scalars[0], ephemeralResponse: scalars[1], constantResponse: scalars[2] },
    g1Commitments,
    edCommitments: chunks(bytes.subarray(edStart, sealedStart), 32),
    sealedShares: chunks(bytes.subarray(sealedStart), SEALED_LENGTH),
  };
}

/** Root of the tree over the sealed shares. */
export function sealedRoot(dealing: Pick<Dealing, "sealedShares">): Uint8Array {
  return merkleRoot(keccak_256, sealedLeaves(dealing.sealedShares));
}

/** Schnorr proofs of knowledge of `secrets` = [e, f(0)], logarithms of `points` = [E, C_0], under one challenge. */
export function proveDealing(
  context: CeremonyContext,
  dealer: number,
  secrets: readonly [bigint, bigint],
  points: readonly [G1Point, G1Point],
  random: Randomness,
): DealingProof {
  const [k0, k1] = [randomScalar(g1, random), randomScalar(g1, random)];
  const c = challenge(TAG.dealingProof, context, [dealer], [...points, commit(g1, k0), commit(g1, k1)]);
  return {
    challenge: c,
    ephemeralResponse: (k0 + c * secrets[0]) % g1.order,
    constantResponse: (k1 + c * secrets[1]) % g1.order,
  };
}

export function verifyDealingProof(context: CeremonyContext, dealer: number, dealing: Dealing): boolean {
  const { ephemeralKey, constant, proof } = dealing;
  const minusC = (g1.order - proof.challenge) % g1.order;
  const announced = (response: bigint, point: G1Point) =>
    g1.base.multiplyUnsafe(response).add(point.multiplyUnsafe(minusC));
  const points = [
    ephemeralKey,
    constant,
    announced(proof.ephemeralResponse, ephemeralKey),
    announced(proof.constantResponse, constant),
  ];
  return challenge(TAG.dealingProof, context, [dealer], points) === proof.challenge;
}

function expectSizes(n: number, t: number): void {
  if (!Number.isInteger(n) || !Number.isInteger(t) || t < 1 || t > n || n > MAXIMUM_COMMITTEE) {
    throw new CryptoError("seats", `no dealing has threshold ${t} of ${n} seats (at most ${MAXIMUM_COMMITTEE})`);
  }
}

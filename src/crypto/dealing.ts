/**
 * A dealing: one dealer's contribution to both keys, as the bytes that it posts (docs/protocol.md, section 4.2).
 *
 * The dealer shares f (G1) and h (Ed25519) of degree t - 1, commits to their coefficients (Feldman 1987), seals f(j), h(j)
 * to each receiver j's one-time key with its own one-time key E = e*G, and proves that it knows e, and f(0) where new keys are made
 * (Schnorr 1991): a copied E would let a cheat make honest receivers open another dealer's shares, and a C_0 chosen after the others'
 * would fix the group key. In a resharing nobody chooses: C_0 is the dealer's verification key in the committee in office.
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
import type { CeremonyKind } from "./outcome.js";
import { SEALED_LENGTH, sealedLeaves, sealShares, wipe } from "./sealing.js";
import { challenge, type CeremonyContext } from "./transcript.js";

/** Proof of knowledge of e, for new keys of f(0) too, under one challenge. */
export interface DealingProof {
  readonly challenge: bigint;
  /** s_E, and s_0 for new keys. */
  readonly responses: readonly bigint[];
}

/** A dealing taken apart. Commitments stay bytes: the ledger takes them unread, so they may not decode (`malformed`). */
export interface Dealing {
  readonly ephemeralKey: G1Point;
  /** C_0 of new keys, whose y the dealing has. */
  readonly constant?: G1Point;
  readonly proof: DealingProof;
  /** t of 48 bytes. */
  readonly g1Commitments: readonly Uint8Array[];
  /** t of 32 bytes. */
  readonly edCommitments: readonly Uint8Array[];
  /** One of 64 bytes for each seat, in seat order. */
  readonly sealedShares: readonly Uint8Array[];
}

const EPHEMERAL_LENGTH = 96;
/** Bytes in front of the commitments: E, challenge and response 32 each; for new keys y of C_0 48 and another response. */
const HEADER_LENGTH = { resharing: EPHEMERAL_LENGTH + 2 * 32, generation: EPHEMERAL_LENGTH + 3 * 32 + 48 } as const;

export function dealingLength(kind: CeremonyKind, n: number, t: number): number {
  return HEADER_LENGTH[kind] + t * (48 + 32) + n * SEALED_LENGTH;
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
  const proven = constants === undefined ? [ephemeral, f[0] as bigint] : [ephemeral];
  const dealing = {
    ephemeralKey,
    ...(constants === undefined ? { constant: committed[0] as G1Point } : {}),
    proof: proveDealing(context, dealer, proven, random),
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
  const [ephemeralResponse = 0n, constantResponse = 0n] = proof.responses;
  return concatBytes(
    packG1(ephemeralKey),
    toBytes(proof.challenge, 32),
    toBytes(ephemeralResponse, 32),
    ...(constant === undefined ? [] : [yHint(constant), toBytes(constantResponse, 32)]),
    ...dealing.g1Commitments,
    ...dealing.edCommitments,
    ...dealing.sealedShares,
  );
}

/**
 * Takes a dealing for `n` seats with threshold `t` apart. Checks what the contract checks but the proof: the length, that E is a
 * point of the subgroup and not infinity, scalars below the order; for new keys that C_0 is such a point and its encodings agree.
 * @throws CryptoError `length`, `point` or `scalar`
 */
export function parseDealing(bytes: Uint8Array, kind: CeremonyKind, n: number, t: number): Dealing {
  expectSizes(n, t);
  expectLength(bytes, dealingLength(kind, n, t), `a dealing of a ${kind} for ${n} seats with threshold ${t}`);
  const g1Start = HEADER_LENGTH[kind];
  const [edStart, sealedStart] = [g1Start + 48 * t, g1Start + 80 * t];
  const g1Commitments = chunks(bytes.subarray(g1Start, edStart), 48);
  const ephemeralKey = unpackG1(bytes.subarray(0, EPHEMERAL_LENGTH));
  const scalarAt = (at: number): bigint => {
    const scalar = bytesToNumberBE(bytes.subarray(at, at + 32));
    if (scalar < g1.order) return scalar;
    throw new CryptoError("scalar", "a scalar of the dealing's proof is not below the group's order");
  };
  const [c, ephemeralResponse] = [scalarAt(96), scalarAt(128)];
  const rest = {
    g1Commitments,
    edCommitments: chunks(bytes.subarray(edStart, sealedStart), 32),
    sealedShares: chunks(bytes.subarray(sealedStart), SEALED_LENGTH),
  };
  if (kind === "resharing") return { ephemeralKey, proof: { challenge: c, responses: [ephemeralResponse] }, ...rest };

  const constant = g1.decode(g1Commitments[0] as Uint8Array);
  if (constant.is0() || !equalBytes(yHint(constant), bytes.subarray(160, 208))) {
    throw new CryptoError("point", "C_0 is infinity, or its two encodings in the dealing disagree");
  }
  return { ephemeralKey, constant, proof: { challenge: c, responses: [ephemeralResponse, scalarAt(208)] }, ...rest };
}

/** Root of the tree over the sealed shares. */
export function sealedRoot(dealing: Pick<Dealing, "sealedShares">): Uint8Array {
  return merkleRoot(keccak_256, sealedLeaves(dealing.sealedShares));
}

/** Schnorr proofs of knowledge of `secrets` = [e], or [e, f(0)] for new keys, under one challenge. */
export function proveDealing(
  context: CeremonyContext,
  dealer: number,
  secrets: readonly bigint[],
  random: Randomness,
): DealingProof {
  const nonces = secrets.map(() => randomScalar(g1, random));
  const points = [...secrets, ...nonces].map((scalar) => commit(g1, scalar));
  const c = challenge(TAG.dealingProof, context, [dealer], points);
  return { challenge: c, responses: secrets.map((secret, i) => ((nonces[i] as bigint) + c * secret) % g1.order) };
}

export function verifyDealingProof(context: CeremonyContext, dealer: number, dealing: Dealing): boolean {
  const { ephemeralKey, constant, proof } = dealing;
  const minusC = (g1.order - proof.challenge) % g1.order;
  const points = constant === undefined ? [ephemeralKey] : [ephemeralKey, constant];
  const announced = points.map((point, i) =>
    g1.base.multiplyUnsafe(proof.responses[i] ?? 0n).add(point.multiplyUnsafe(minusC)),
  );
  return challenge(TAG.dealingProof, context, [dealer], [...points, ...announced]) === proof.challenge;
}

function expectSizes(n: number, t: number): void {
  if (!Number.isInteger(n) || !Number.isInteger(t) || t < 1 || t > n || n > MAXIMUM_COMMITTEE) {
    throw new CryptoError("seats", `no dealing has threshold ${t} of ${n} seats (at most ${MAXIMUM_COMMITTEE})`);
  }
}

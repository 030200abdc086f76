/**
 * Witnesses that a commitment does not decode, which a contract checks with a few multiplications (`Malformation` of
 * IKeyCeremony). The decoding itself, square roots included, would cost it too much.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

import { bytesToNumberBE, toBytes } from "./bytes.js";
import type { Dealing } from "./dealing.js";
import { CryptoError } from "./errors.js";
import type { GroupName } from "./group.js";
import type { MalformedCommitment } from "./judging.js";
import { splitCommitments } from "./opening.js";
import { g1ToEip2537 } from "./points.js";
import { sealedLeaves } from "./sealing.js";
import { merkleRoot } from "./merkle.js";

const Fp = bls12_381.fields.Fp;
const Fq = ed25519.Point.Fp;
const D = ed25519.Point.CURVE().d;

/** Fields of the contract's `Malformation`. */
export interface Malformation {
  readonly kind: GroupName;
  readonly index: number;
  /** keccak256 of E in its 128 bytes. */
  readonly ephemeralHash: Uint8Array;
  readonly commitments: Uint8Array;
  readonly otherCommitments: Uint8Array;
  readonly sealedRoot: Uint8Array;
  readonly witness: Uint8Array;
}

/** @param malformed as `decodeCommitments` found it */
export function showMalformed(dealing: Dealing, malformed: MalformedCommitment): Malformation {
  const { kind, index } = malformed;
  const list = kind === "g1" ? dealing.g1Commitments : dealing.edCommitments;
  const commitment = list[index];
  if (commitment === undefined) throw new CryptoError("seats", `the dealing has no commitment ${index} of ${kind}`);
  return {
    kind,
    index,
    ephemeralHash: keccak_256(g1ToEip2537(dealing.ephemeralKey)),
    ...splitCommitments(dealing, kind),
    sealedRoot: merkleRoot(keccak_256, sealedLeaves(dealing.sealedShares)),
    witness: kind === "g1" ? g1Witness(commitment) : edWitness(commitment),
  };
}

/**
 * Empty where flags or range give it away. Else 48 bytes y: y^2 = -(x^3 + 4), so that x^3 + 4 is no square (-1 is none
 * modulo p); or y^2 = x^3 + 4, and the point is outside the subgroup.
 */
export function g1Witness(commitment: Uint8Array): Uint8Array {
  const flags = (commitment[0] as number) >> 5;
  const x = bytesToNumberBE(commitment.with(0, (commitment[0] as number) & 0x1f));
  const [compressed, infinity] = [(flags & 4) !== 0, (flags & 2) !== 0];
  if (!compressed || infinity || x >= Fp.ORDER) return new Uint8Array();
  const square = Fp.add(Fp.mul(Fp.sqr(x), x), 4n);
  return toBytes(squareRoot(Fp, square) ?? (squareRoot(Fp, Fp.neg(square)) as bigint), 48);
}

/**
 * Empty where the range gives it away, or x = 0 with the sign set. Else 32 bytes w, big-endian, with
 * w^2 = 2 (y^2 - 1) (d y^2 + 1), so that (y^2 - 1) / (d y^2 + 1) is no square (2 is none modulo 2^255 - 19).
 */
export function edWitness(commitment: Uint8Array): Uint8Array {
  const y = bytesToNumberBE(commitment.with(31, (commitment[31] as number) & 0x7f).reverse());
  if (y >= Fq.ORDER) return new Uint8Array();
  const ySquared = Fq.sqr(y);
  const numerator = Fq.sub(ySquared, 1n);
  if (Fq.is0(numerator)) return new Uint8Array();
  const denominator = Fq.add(Fq.mul(D, ySquared), 1n);
  const root = squareRoot(Fq, Fq.mul(2n, Fq.mul(numerator, denominator)));
  if (root === undefined) throw new CryptoError("point", "the Ed25519 commitment decodes: there is nothing to show");
  return toBytes(root, 32);
}

function squareRoot(field: typeof Fp, square: bigint): bigint | undefined {
  try {
    return field.sqrt(square);
  } catch {
    return undefined;
  }
}

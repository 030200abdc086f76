/**
 * Swarm signatures: t partial signatures, each an ordinary BLS signature by a share of the group key, interpolate to the
 * group key's own signature (Boldyreva 2003). It is unique: whichever t members sign, the bytes are the same.
 */
import { type Bls, nobleBls } from "./bls.js";
import { CryptoError } from "./errors.js";
import { g1 } from "./group.js";
import { lagrangeAtZero } from "./lagrange.js";

/** A member's signature under its share. */
export interface PartialSignature {
  readonly seat: number;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

/** What the public knows of a key in shares. */
export interface SharedBlsKey {
  /** 48 bytes. */
  readonly groupKey: Uint8Array;
  readonly t: number;
  /** V_j = share_j * G, 48 bytes, by seat. */
  readonly verificationKeys: ReadonlyMap<number, Uint8Array>;
}

/**
 * Interpolates the given partial signatures, which must be of at least t seats, at zero. Does not verify them: see
 * `assembleSignature`. Seats are public, so the time may depend on them.
 * @throws CryptoError `seats`, `length` or `point`
 */
export function combinePartials(
  partials: readonly PartialSignature[],
  bls: Pick<Bls, "weightedSum"> = nobleBls,
): Uint8Array {
  if (partials.length === 0) throw new CryptoError("seats", "no partial signatures were given");
  const lambdas = lagrangeAtZero(
    partials.map(({ seat }) => seat),
    g1.order,
  );
  return bls.weightedSum(
    partials.map(({ signature }) => signature),
    lambdas,
  );
}

/** Whether the partial signature verifies under its seat's verification key. */
export function verifyPartial(bls: Bls, key: SharedBlsKey, message: Uint8Array, partial: PartialSignature): boolean {
  const verificationKey = key.verificationKeys.get(partial.seat);
  return verificationKey !== undefined && bls.verify(verificationKey, message, partial.signature);
}

export interface AssembledSignature {
  /** The swarm signature, verified. 96 bytes. */
  readonly signature: Uint8Array;
  /** Seats whose partial signature was looked at and does not verify. */
  readonly culprits: readonly number[];
}

/**
 * Makes the swarm signature of the first t partial signatures and verifies it once; only if that fails is every partial
 * signature checked and the bad ones left out.
 * @throws CryptoError `seats` if fewer than t good ones are left, with the culprits
 */
export function assembleSignature(
  bls: Bls,
  key: SharedBlsKey,
  message: Uint8Array,
  partials: readonly PartialSignature[],
): AssembledSignature {
  const bySeat = new Map(partials.map((partial) => [partial.seat, partial]));
  const first = [...bySeat.values()].slice(0, key.t);
  const optimistic = first.length === key.t ? combineOrNothing(bls, first) : undefined;
  if (optimistic !== undefined && bls.verify(key.groupKey, message, optimistic)) {
    return { signature: optimistic, culprits: [] };
  }

  const good = partials.filter((partial) => verifyPartial(bls, key, message, partial));
  const goodSeats = new Set(good.map(({ seat }) => seat));
  const culprits = [...bySeat.keys()].filter((seat) => !goodSeats.has(seat));
  const chosen = [...new Map(good.map((partial) => [partial.seat, partial])).values()].slice(0, key.t);
  if (chosen.length < key.t) {
    const reason = `${chosen.length} good partial signatures, ${key.t} are needed: ask other members`;
    throw new CryptoError("seats", reason, culprits);
  }
  const signature = combinePartials(chosen, bls);
  // Fails only if group key and verification keys do not belong together.
  if (!bls.verify(key.groupKey, message, signature)) {
    throw new CryptoError("proof", "the verification keys are not those of the group key: check the committee list");
  }
  return { signature, culprits };
}

function combineOrNothing(bls: Bls, partials: readonly PartialSignature[]): Uint8Array | undefined {
  try {
    return combinePartials(partials, bls);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

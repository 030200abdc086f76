/** What went wrong in `src/crypto`. Every function here throws this and nothing else on bad input. */
export type CryptoErrorCode =
  /** Bytes of another length than the format has. */
  | "length"
  /** Bytes that are no point of the group: not canonical, not on the curve, or outside the prime-order subgroup. */
  | "point"
  /** An integer outside the scalar field, or zero where zero gives a secret away. */
  | "scalar"
  /** A proof, signature or share that does not verify. */
  | "proof"
  /** Seats or indexes that are out of range, repeated, too few or too many. */
  | "seats"
  /** A value that may be used once was used again. */
  | "used";

/** `culprits` names the seats at fault where the mathematics can tell. */
export class CryptoError extends Error {
  readonly code: CryptoErrorCode;
  readonly culprits: readonly number[];

  constructor(code: CryptoErrorCode, message: string, culprits: readonly number[] = [], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CryptoError";
    this.code = code;
    this.culprits = culprits;
  }
}

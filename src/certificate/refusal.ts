/** Why something was not believed: one error type for everything that this folder decodes or verifies. */

/**
 * - `malformed`: not the one encoding that the protocol allows; `field` names the place.
 * - `wrong-kind`: a well-formed object of another type, or under another algorithm, than was asked for.
 * - `bad-signature`: signature and signer, bytes, or mesh (chain, contract) do not belong together.
 * - `wrong-mesh`: a bundle of another mesh, or under another root, than the caller pinned.
 * - `generation-old`, `generation-unknown`: under group keys that were replaced, or that the bundle does not have yet.
 * - `not-yet-valid`, `expired`: outside the validity period.
 * - `head-stale`, `head-future`, `head-rollback`: the revocation list's head has expired, is from the future, or is older than one seen before.
 * - `revoked`: the revocation list says so. `not-listed`: the list or manifest proof does not cover this device.
 * - `wrong-challenge`, `wrong-audience`, `wrong-certificate`: an answer to somebody else, or with another certificate.
 * - `out-of-scope`: valid, but not here.
 */
export type RefusalCode =
  | "malformed"
  | "wrong-kind"
  | "bad-signature"
  | "wrong-mesh"
  | "generation-old"
  | "generation-unknown"
  | "not-yet-valid"
  | "expired"
  | "head-stale"
  | "head-future"
  | "head-rollback"
  | "revoked"
  | "not-listed"
  | "wrong-challenge"
  | "wrong-audience"
  | "wrong-certificate"
  | "out-of-scope";

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  /** Dotted path of the field that was wrong, where one field was. */
  readonly field: string | undefined;

  constructor(code: RefusalCode, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
  }
}

/** A refusal of bytes that are not the one allowed encoding. */
export function malformed(field: string, problem: string, cause?: unknown): Refusal {
  return new Refusal("malformed", `${field}: ${problem}`, { field, cause });
}

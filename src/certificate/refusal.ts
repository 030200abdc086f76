/** Why something was not believed: one error type for everything that this folder decodes or verifies. */
import { SwarmkeepError } from "../statements/errors.js";

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
 * - `wrong-class`: of a class of devices that may not do this.
 * - `out-of-scope`: valid, but not here.
 * - `name-not-allowed`: a name in an X.509 certificate that this device or member may not bear.
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
  | "wrong-class"
  | "out-of-scope"
  | "name-not-allowed";

const ADVICE: Readonly<Record<RefusalCode, string>> = {
  malformed: "Have the sender build it as docs/protocol.md describes, byte for byte.",
  "wrong-kind": "Send the object, key or algorithm that belongs here.",
  "bad-signature":
    "Check that signer and verifier have the same mesh, chain and contracts; if they do, it is a forgery.",
  "wrong-mesh": "Fetch the bundle of the mesh that this device was set up for.",
  "generation-old": "Have the sender fetch the newest bundle and renew.",
  "generation-unknown": "Fetch a newer trust bundle here.",
  "not-yet-valid": "Check both clocks.",
  expired: "Have its holder renew.",
  "head-stale": "Have the presenter fetch a newer revocation proof.",
  "head-future": "Set this clock.",
  "head-rollback": "Have the presenter fetch a newer revocation proof.",
  revoked: "Nobody has to admit it; its registrar knows why it was revoked.",
  "not-listed": "Have the sender fetch a proof for its own index.",
  "wrong-challenge": "Answer the challenge of this connection.",
  "wrong-audience": "Answer with the audience that the verifier named.",
  "wrong-certificate": "Show the certificate that the answer was made with.",
  "wrong-class": "Have a gateway ask: its class is in the manifest that its registrar made.",
  "out-of-scope": "Ask for a certificate whose scope covers this place.",
  "name-not-allowed": "Ask for names below the device's own, as docs/protocol.md section 6.3 has them, or for none.",
};

export interface RefusalOptions {
  readonly field?: string;
  /** What to do, where more is known than the code says. */
  readonly advice?: string;
  readonly cause?: unknown;
}

export class Refusal extends SwarmkeepError {
  override readonly name = "Refusal";
  declare readonly code: RefusalCode;
  /** Dotted path of the field that was wrong, where one field was. */
  readonly field: string | undefined;

  constructor(code: RefusalCode, message: string, { field, advice = ADVICE[code], cause }: RefusalOptions = {}) {
    const details = field === undefined ? {} : { field };
    super(message, { kind: "refused", code, advice, details, cause });
    this.field = field;
  }
}

/** A refusal of bytes that are not the one allowed encoding. */
export function malformed(field: string, problem: string, cause?: unknown): Refusal {
  return new Refusal("malformed", `${field}: ${problem}`, { field, cause });
}

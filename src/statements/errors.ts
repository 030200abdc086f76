/** The base of errors that reach a person: what happened, what to do next, and which values were wrong. */

/**
 * Whose move it is after an error:
 * - `usage`: the caller asked for something that cannot be asked for.
 * - `environment`: this machine is not as it has to be: a file, a disk, a port, a passphrase.
 * - `refused`: somebody with the right to say no said no.
 * - `network`: another machine could not be reached, or did not behave as its protocol says; waiting may help.
 * - `internal`: a fault of this program.
 */
export type ErrorKind = "usage" | "environment" | "refused" | "network" | "internal";

export interface ErrorOptions {
  readonly kind: ErrorKind;
  /** Kebab-case and stable: programs compare it. */
  readonly code: string;
  /** What the reader should do next, in one sentence. */
  readonly advice: string;
  /** The values that were wrong; never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class SwarmkeepError extends Error {
  override readonly name: string = "SwarmkeepError";
  readonly kind: ErrorKind;
  readonly code: string;
  readonly advice: string;
  readonly details: Readonly<Record<string, unknown>>;

  /** @param message what happened, in one clear sentence without a final full stop. */
  constructor(message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.code = options.code;
    this.advice = options.advice;
    this.details = options.details ?? {};
  }
}

/** What a device is told by whoever does not serve it any more. */
export function deviceRevoked(index: number): SwarmkeepError {
  return new SwarmkeepError(`device ${index} is revoked or held`, {
    kind: "refused",
    code: "revoked",
    advice: "Ask the fleet's registrar which of both: a hold can be released, a revocation is for good.",
    details: { index },
  });
}

/** What goes wrong with a keystore of either standard. */
import { SwarmkeepError } from "./errors.js";

export function keystoreDamaged(path: string, problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} cannot be used: ${problem}`, {
    kind: "environment",
    code: "keystore-damaged",
    advice: "Check that the path names the right file, or restore it from a backup.",
    details: { path },
    cause,
  });
}

export function keystoreWrongPassphrase(path: string, cause: unknown): SwarmkeepError {
  return new SwarmkeepError(`the passphrase does not open ${path}`, {
    kind: "environment",
    code: "wrong-passphrase",
    advice: "Give the passphrase with which the keystore was made.",
    details: { path },
    cause,
  });
}

/** Values of options that several commands share. */
import { SwarmkeepError } from "../runtime/errors.js";
import {
  COSE_ALG,
  type GroupAlgorithm,
  KEY_TYPE,
  type KeyType,
  REVOCATION_REASON,
  type RevocationReason,
} from "../statements/cose.js";

/** The value of `names` under `text`. @throws SwarmkeepError `bad-choice` */
function choose<T>(names: Readonly<Record<string, T>>, text: string, option: string): T {
  const found = Object.entries(names).find(([name]) => name === text);
  if (found !== undefined) return found[1];
  throw new SwarmkeepError(`${option} takes ${Object.keys(names).join(" or ")}, not ${JSON.stringify(text)}`, {
    kind: "usage",
    code: "bad-choice",
    advice: "Give one of them.",
    details: { option, text },
  });
}

export function parseAlgorithm(text: string): GroupAlgorithm {
  return choose({ bls: COSE_ALG.bls, ed25519: COSE_ALG.eddsa }, text, "--alg");
}

export function parseKeyType(text: string): KeyType {
  return choose(KEY_TYPE, text, "--new-key");
}

/** Names as in RFC 5280, section 5.3.1. */
export function parseReason(text: string): RevocationReason {
  return choose<RevocationReason>(REVOCATION_REASON, text, "--reason");
}

/** For an option that may be given several times. */
export function collectValidator(endpoint: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), endpoint];
}

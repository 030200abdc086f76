/** The file that says in which token a key is, and by what name the key is known, so that another one in its place is noticed. */
import { SwarmkeepError } from "../runtime/errors.js";
import type { TokenPlace } from "../runtime/pkcs11.js";

const FORMAT = "swarmkeep-token/1";

export interface TokenFile {
  readonly place: TokenPlace;
  /** Of the key: an address, or a hash that follows from it. */
  readonly name: string;
}

export function formatTokenFile({ place, name }: TokenFile): string {
  return `${JSON.stringify({ format: FORMAT, ...place, name }, undefined, 2)}\n`;
}

/** @throws SwarmkeepError `folder-damaged`, naming the path */
export function parseTokenFile(content: Uint8Array, path: string): TokenFile {
  try {
    const file = JSON.parse(Buffer.from(content).toString("utf8")) as Record<string, unknown>;
    const { format, module, token, key, name } = file;
    const isText = (value: unknown): value is string =>
      typeof value === "string" && value !== "" && value.length < 4_096;
    if (format === FORMAT && isText(module) && isText(token) && isText(key) && isText(name)) {
      return { place: { module, token, key }, name };
    }
  } catch {
    // Told below.
  }
  throw new SwarmkeepError(`${path} is not what this program writes`, {
    kind: "environment",
    code: "folder-damaged",
    advice: "Restore it from a backup: it says in which token the key is.",
    details: { path },
  });
}

/**
 * Published test vectors: the folder that the environment variable SWARMKEEP_VECTORS names. Where it is not set, tests that
 * need them are skipped with a line that says so; where it is and a file is missing, they fail.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.env["SWARMKEEP_VECTORS"];

/** Runs `define` if the vectors are there. `what` names them. */
export function withVectors(what: string, define: () => void): void {
  if (root === undefined) it.skip(`${what}: set SWARMKEEP_VECTORS to the folder of published vectors to run these`);
  else define();
}

export function readVector<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(root as string, ...path), "utf8")) as T;
}

/** A vector that is not JSON. */
export function readVectorBytes(...path: readonly string[]): Uint8Array {
  return readFileSync(join(root as string, ...path));
}

/** Every JSON file of a folder, by name. Fails if there are none. */
export function readVectors<T>(...path: readonly string[]): { name: string; vector: T }[] {
  const files = readdirSync(join(root as string, ...path)).filter((name) => name.endsWith(".json"));
  if (files.length === 0) throw new Error(`no vectors in ${path.join("/")}`);
  return files.map((name) => ({ name: name.slice(0, -5), vector: readVector<T>(...path, name) }));
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/^0x/, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

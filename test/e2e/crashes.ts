/** Validators that are killed at one named place after another (src/runtime/failpoint.ts) while their mesh is founded. */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { LocalMesh } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";

/** Where each of seven validators dies, one after another, from its first start to its first heads. */
export const FOUNDING_FAILPOINTS: readonly (readonly string[])[] = [
  ["journal.before-segment", "ceremony.before-persist", "voting.after-append"],
  ["journal.after-segment", "ceremony.after-persist", "voting.before-append"],
  ["ceremony.before-send", "journal.before-write", "presence.after-write"],
  ["atomic-file.before-write", "atomic-file.after-write", "journal.before-sync"],
  ["atomic-file.before-rename", "atomic-file.after-rename", "journal.after-sync"],
  ["atomic-file.after-sync", "client.before-send", "server.before-send"],
  ["client.after-answer", "server.before-handle", "presence.before-write"],
];

/** Where validators die while a device enrols. */
export const ISSUING_FAILPOINTS = ["issued.before-append", "issued.after-append", "issuing.before-answer"] as const;

/** Where validators die around a handover (rotation.test.ts, soak.test.ts). */
export const ROTATION_FAILPOINTS = [
  "ceremony.before-erase",
  "ceremony.after-erase",
  "inheritance.before-write",
  "inheritance.after-write",
] as const;

/** Those that a validator does not come to within a day, if ever; test/runtime/kill.test.ts kills a process at each. */
export const NOT_IN_A_VALIDATOR = [
  "atomic-file.before-erase",
  "atomic-file.after-erase",
  "journal.before-prune",
  "journal.before-truncate",
  "store.before-sync",
  "uses.before-append",
  "uses.after-append",
] as const;

/** Deaths by failpoint, by validator. */
export const deaths = new Map<number, string[]>();
let rounds: Promise<unknown> = Promise.resolve();

/** Resolves when every validator has died wherever it had to. */
export function allDied(): Promise<unknown> {
  return rounds;
}

export async function startWithCrashes(mesh: LocalMesh): Promise<void> {
  const all = mesh.validators.map((validator, i) => dieAt(validator, FOUNDING_FAILPOINTS[i] ?? []));
  rounds = Promise.all(all);
  rounds.catch(() => undefined);
}

/** Runs a validator, killed at each of the places in turn, and in the end unarmed. */
async function dieAt(validator: ValidatorProcess, failpoints: readonly string[]): Promise<void> {
  const { number } = validator.place;
  for (const failpoint of failpoints) {
    const how = await validator.spawn({ failpoint }).ended;
    if (how !== "SIGKILL") throw new Error(`validator ${number} ended with ${how} on its way to ${failpoint}`);
    deaths.set(number, [...(deaths.get(number) ?? []), failpoint]);
  }
  await validator.start();
}

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));

/** All failpoints of the sources, each with the folder of `src` that has it. */
export function failpointsInSources(): Map<string, string> {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return new Map(
    files.flatMap((file) =>
      [...readFileSync(`${SOURCES}${file}`, "utf8").matchAll(/^(?!\s*\*).*failpoint\("([^"]+)"\)/gm)].map(
        (match) => [match[1] as string, file.split("/")[0] as string] as const,
      ),
    ),
  );
}

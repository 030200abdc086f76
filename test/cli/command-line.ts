/** Runs the built command line as its users do, in a process of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

export const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
export const PASSPHRASE = "correct horse battery staple";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function swarmkeep(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = { SWARMKEEP_PASSPHRASE: PASSPHRASE },
): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SWARMKEEP_"));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...words], {
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
    child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Exit codes by the kind of error (src/runtime/errors.ts). */
export const EXIT = { usage: 2, environment: 3, refused: 4, network: 5 } as const;

/** That a command failed as people can bear it: one sentence and one advice, its code, no stack, nothing on stdout. */
export function expectSentence({ code, stdout, stderr }: Outcome, kind: keyof typeof EXIT, errorCode: string): void {
  expect(stderr, stderr).to.contain(`(${errorCode})`);
  expect(code, stderr).to.equal(EXIT[kind]);
  expect(stdout).to.equal("");
  const [sentence = "", advice = "", ...rest] = stderr.trimEnd().split("\n");
  expect(sentence).to.match(/^error: \S/);
  expect(advice).to.match(/^ {2}\S/);
  expect(rest, stderr).to.deep.equal([]);
  expect(stderr).not.to.match(/\n\s+at /);
}

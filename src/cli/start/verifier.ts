/**
 * A verifier as a process of its own, which loads `src/certificate` and the arithmetic for it: no network, no chain library. It reads one
 * question as JSON from standard input (bytes in hexadecimal) and writes its verdict as JSON.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import {
  HeadMemory,
  type HeadMark,
  nobleSignatures,
  verifyBundle,
  verifyPresentation,
} from "../../certificate/index.js";
import { type Bls, nobleBls } from "../../crypto/bls.js";

/** What the verifier is given. */
export interface Question {
  readonly rootFingerprint: Uint8Array;
  readonly bundle: Uint8Array;
  readonly presentation: Uint8Array;
  readonly challenge: Uint8Array;
  readonly audience: string;
  readonly scope: string;
  /** The newest revocation head that this verifier has seen. */
  readonly seen: HeadMark | undefined;
}

export type Verdict =
  | {
      readonly accepted: true;
      readonly index: number;
      readonly scope: string;
      readonly head: HeadMark;
      /** Of the whole check, the bundle included. */
      readonly milliseconds: number;
    }
  | { readonly accepted: false; readonly code: string; readonly message: string; readonly milliseconds: number };

/** Asks a verifier in a process of its own. */
export function askVerifier(question: Question): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: ["pipe", "pipe", "inherit"] });
    let answer = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (answer += part));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(answer) as Verdict);
      else reject(new Error(`the verifier ended with exit code ${code}`));
    });
    const fields = Object.entries(question).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? bytesToHex(Uint8Array.from(value)) : value,
    ]);
    child.stdin.end(JSON.stringify(Object.fromEntries(fields)));
  });
}

/** Native where its library loads on this machine, the portable one elsewhere. */
async function loadBls(): Promise<Bls> {
  return import("../../runtime/blst.js").then(
    ({ blstBls }) => blstBls,
    () => nobleBls,
  );
}

function judge(input: string, bls: Bls): Verdict {
  const fields = JSON.parse(input) as Record<string, string> & { seen?: HeadMark };
  const bytes = (name: string): Uint8Array => hexToBytes(fields[name] ?? "");
  const begun = performance.now();
  const checks = { bls, device: nobleSignatures };
  const now = Math.floor(Date.now() / 1000);
  const trust = verifyBundle(bytes("bundle"), { rootFingerprint: bytes("rootFingerprint"), now }, checks);
  const result = verifyPresentation({
    trust,
    presentation: bytes("presentation"),
    challenge: bytes("challenge"),
    audience: fields["audience"] ?? "",
    scope: fields["scope"] ?? "",
    now,
    memory: new HeadMemory(fields.seen, () => undefined),
    checks,
  });
  const milliseconds = performance.now() - begun;
  if (!result.accepted) {
    return { accepted: false, code: result.refusal.code, message: result.refusal.message, milliseconds };
  }
  const { index, scope, head } = result;
  return { accepted: true, index, scope, head: { number: head.number, issued: head.issued }, milliseconds };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(JSON.stringify(judge(readFileSync(0, "utf8"), await loadBls())));
}

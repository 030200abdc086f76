/** Asks the judge, which is a worker of its own: it is ended when it takes too long, and begun anew for the next case. */
import type { Trust } from "../views/certificates/view.js";
import { ask } from "./data.js";
import type { Case, Verdict } from "./verdict.js";

/** A pairing in JavaScript takes some hundredths of a second; a slow phone is given its time. */
const PATIENCE_MILLISECONDS = 15_000;
/** The largest object of the protocol, a trust bundle, has 100,000 bytes; twice that in hexadecimal or as PEM. */
export const MAXIMUM_INPUT = 250_000;

export async function judge(given: Omit<Case, "trust">): Promise<Verdict> {
  const trust = await ask<Trust>("/trust");
  const worker = new Worker(new URL("./judge.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Verdict>((resolve) => {
      const refuse = (words: string): void =>
        resolve({ accepted: false, code: "no-verdict", words, checks: [], facts: [], times: [] });
      setTimeout(() => refuse("Checking it took too long, and was ended."), PATIENCE_MILLISECONDS);
      worker.addEventListener("error", () => refuse("It could not be checked in this browser."));
      worker.addEventListener("message", ({ data }: MessageEvent<Verdict>) => resolve(data));
      worker.postMessage({ ...given, trust } satisfies Case);
    });
  } finally {
    worker.terminate();
  }
}

const PEM = /-----BEGIN [A-Z0-9 ]{1,40}-----([A-Za-z0-9+/=\s]+)-----END/;

/** Bytes of a pasted text in hexadecimal: hexadecimal digits, Base64, or PEM. Undefined for anything else. */
export function hexOf(text: string): string | undefined {
  const compact = text.replace(/\s+/g, "");
  const digits = compact.replace(/^0x/i, "");
  if (digits.length > 0 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits)) return digits.toLowerCase();
  const base64 = PEM.exec(text)?.[1]?.replace(/\s+/g, "") ?? compact.replace(/-/g, "+").replace(/_/g, "/");
  if (base64.length < 8 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  try {
    return hexOfBytes(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

export function hexOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A file is bytes, unless all of it is a text that says them. */
export function hexOfFile(bytes: Uint8Array): string {
  const isText = bytes.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127));
  return (isText ? hexOf(new TextDecoder().decode(bytes)) : undefined) ?? hexOfBytes(bytes);
}

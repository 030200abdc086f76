/** Public keys of devices that were made elsewhere, in any of the forms in which factories have them. */
import { createPublicKey } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";

import type { DeviceKey } from "../certificate/cose-key.js";
import { verifyCertificateRequest } from "../certificate/pkcs10.js";
import { isEd25519Key } from "../crypto/points.js";
import { deviceKeyOf } from "../device/identity.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { KEY_TYPE } from "../statements/cose.js";

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----/g;

/**
 * Every key in a file: PEM blocks `PUBLIC KEY` and `CERTIFICATE REQUEST` (whose signature is checked), or a line for each key
 * in hexadecimal, 32 bytes for Ed25519 and 33 (SEC 1 compressed) for P-256.
 * @throws SwarmkeepError `bad-public-key`, naming the line or block
 */
export function readPublicKeys(content: Uint8Array, path: string): DeviceKey[] {
  const text = Buffer.from(content).toString("utf8");
  const keys = text.includes("-----BEGIN ") ? pemKeys(text, path) : listedKeys(text, path);
  if (keys.length === 0) throw bad(path, "it has no key in it");
  return keys;
}

function pemKeys(text: string, path: string): DeviceKey[] {
  return [...text.matchAll(BLOCK)].map(([block, label = "", body = ""], i) => {
    try {
      if (label === "PUBLIC KEY") return deviceKeyOf(createPublicKey(block));
      if (label === "CERTIFICATE REQUEST" || label === "NEW CERTIFICATE REQUEST") {
        return verifyCertificateRequest(new Uint8Array(Buffer.from(body, "base64")), nativeSignatures).key;
      }
    } catch (cause) {
      throw bad(path, `block ${i + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    throw bad(path, `block ${i + 1} is a ${label}`);
  });
}

function listedKeys(text: string, path: string): DeviceKey[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, i) => {
    const digits = line.trim();
    const bytes = /^([0-9a-fA-F]{64}|[0-9a-fA-F]{66})$/.test(digits) ? Buffer.from(digits, "hex") : Buffer.alloc(0);
    if (bytes.length === 32 && isEd25519Key(bytes)) return { type: KEY_TYPE.ed25519, bytes: new Uint8Array(bytes) };
    if (bytes.length === 33 && isPoint(bytes)) return { type: KEY_TYPE.p256, bytes: new Uint8Array(bytes) };
    throw bad(path, `line ${i + 1} is no public key`);
  });
}

function isPoint(bytes: Uint8Array): boolean {
  try {
    p256.Point.fromBytes(bytes);
    return true;
  } catch {
    return false;
  }
}

function bad(path: string, problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} cannot be read: ${problem}`, {
    kind: "usage",
    code: "bad-public-key",
    advice: "Give PEM of Ed25519 or P-256 public keys or PKCS#10 requests, or one key a line in hexadecimal digits.",
    details: { path },
    cause,
  });
}

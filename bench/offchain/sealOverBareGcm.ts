/** `seal` of a message in memory against AES-256-GCM of node:crypto over the same bytes, and AES-GCM-SIV of @noble/ciphers beside it. */
import { createCipheriv, randomBytes } from "node:crypto";

import { gcmsiv } from "@noble/ciphers/aes.js";

import { memoryBudget, messageKeys, seal } from "../../src/shards/deterministic-aead.js";
import type { OffchainFigure } from "../figure.js";
import { timeRatio } from "../ratio.js";

const SIZES = { "64B": [64, 400], "4KiB": [4_096, 200], "1MiB": [1 << 20, 4] } as const;

const [key, nonce] = [randomBytes(32), randomBytes(12)];
const keys = messageKeys(randomBytes(32));
const context = { domain: "bench", epoch: 1, associatedData: new Uint8Array() };
const budget = memoryBudget();

function bare(message: Uint8Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()]);
  }
}

function figures(
  name: string,
  unit: string,
  work: (message: Uint8Array, count: number) => Promise<void> | void,
): readonly OffchainFigure[] {
  return Object.entries(SIZES).map(([size, [length, count]]) => {
    const message = new Uint8Array(length).fill(5);
    return {
      operation: `${name}${size}`,
      unit: `x AES-256-GCM of node:crypto, ${size.replace(/(\d)([A-Z])/, "$1 $2")}${unit}`,
      goal: undefined,
      best: undefined,
      source: undefined,
      measure: () =>
        timeRatio({ measured: (times) => work(message, times), unit: (times) => bare(message, times), count }),
    };
  });
}

export const sealOverBareGcm = figures("sealOverBareGcm", "", async (message, count) => {
  for (let i = 0; i < count; i++) await seal(keys, context, message, budget);
});

export const gcmSivOverBareGcm = figures("gcmSivOverBareGcm", ", AES-GCM-SIV of @noble/ciphers", (message, count) => {
  for (let i = 0; i < count; i++) gcmsiv(key, nonce).encrypt(message);
});

/**
 * Generating the shards of devices, three of five by Shamir without one-time keys: against the bare calls of HMAC, AEAD and hash that a
 * device takes, and in memory, for a million devices.
 */
import { createCipheriv, createHash, createHmac, randomBytes } from "node:crypto";

import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, nextChain } from "../../src/shards/derivation.js";
import { EntryTree, entryLeaf } from "../../src/shards/entry.js";
import { generateDevice } from "../../src/shards/generate.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import type { OffchainFigure } from "../figure.js";
import { seconds, timeRatio } from "../ratio.js";

const DEVICES = 1_000_000;
const CHUNK = 256;
const meshId = new Uint8Array(32).fill(7);
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(1), message), close: () => undefined };
const sharing = { scheme: SCHEME.shamir, threshold: 3, shards: 5 } as const;
const oneTime = { count: 0, type: KEY_TYPE.ed25519 };
/** Root, two keys of the device, the stream's key; two for each HKDF, of the stream and of five sealing keys; six names. */
const MACS = 4 + 2 * 6 + 6;

async function generate(
  count: number,
  onEntry: (entry: Uint8Array, i: number) => void = () => undefined,
): Promise<void> {
  const chain = await nextChain(source, meshId, 1);
  for (let device = 0; device < count; device++) {
    const { entry } = await generateDevice({ meshId, device, version: 1 }, { source, chain, sharing, oneTime });
    onEntry(entry, device);
  }
}

function bareCalls(count: number): void {
  const [key, message, piece, nonce] = [randomBytes(32), randomBytes(128), randomBytes(33), new Uint8Array(12)];
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < MACS; k++) createHmac("sha256", key).update(message).digest();
    for (let k = 0; k < sharing.shards; k++) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(message);
      createHash("sha256")
        .update(Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]))
        .digest();
    }
  }
}

const common = { goal: undefined, best: undefined, source: undefined };

export const shardGenerationOverBareCalls: OffchainFigure = {
  ...common,
  operation: "shardGenerationOverBareCalls",
  unit: "x the bare HMAC, AES-GCM and SHA-256 calls of a device",
  measure: () => timeRatio({ measured: (count) => generate(count), unit: bareCalls, count: 100 }),
};

export const shardDevicesPerSecond: OffchainFigure = {
  ...common,
  operation: "shardDevicesPerSecond",
  unit: "devices/s, three of five shards each, on one thread",
  async measure() {
    await generate(200);
    return 2_000 / (await seconds(() => generate(2_000)));
  },
};

export const shardGeneratorPeakMegabytes: OffchainFigure = {
  ...common,
  operation: "shardGeneratorPeakMegabytes",
  unit: "MB resident at most, with the tree over a million devices",
  async measure() {
    const leaves = new Uint8Array(32 * DEVICES);
    await generate(40 * CHUNK, (entry, i) => leaves.set(entryLeaf(entry), 32 * i));
    new EntryTree(leaves).root();
    return process.resourceUsage().maxRSS / 1024;
  },
};

import { createHmac, randomBytes } from "node:crypto";

import { gcmsiv } from "@noble/ciphers/aes.js";
import { expect } from "chai";
import fc from "fast-check";

import {
  CHUNK_LENGTH,
  HEADER_LENGTH,
  type MessageContext,
  inMemory,
  memoryBudget,
  messageKeys,
  open,
  openStream,
  seal,
  sealStream,
  syntheticIv,
} from "../../src/shards/deterministic-aead.js";
import { ShardError } from "../../src/shards/errors.js";
import { TAG } from "../../src/statements/tags.js";
import { readVectorBytes, withVectors } from "../vectors.js";

const keys = messageKeys(new Uint8Array(32).fill(5));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const context: MessageContext = { domain: "telemetry", epoch: 4, associatedData: bytes("meter 7") };
const budget = memoryBudget();

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** A message in pieces of the given sizes, repeated. */
function inPieces(message: Uint8Array, sizes: readonly number[]) {
  return {
    length: message.length,
    *chunks() {
      for (let at = 0, i = 0; at < message.length; i++) {
        const size = sizes[i % sizes.length] as number;
        yield message.subarray(at, at + size);
        at += size;
      }
    },
  };
}

async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).to.be.instanceOf(ShardError).with.property("code", code);
}

describe("the synthetic IV", () => {
  it("is the beginning of HMAC-SHA-256 over tag, domain, epoch, associated data and plaintext, each with its length", async () => {
    const length = (n: number): Buffer => {
      const word = Buffer.alloc(8);
      word.writeBigUInt64BE(BigInt(n));
      return word;
    };
    const expected = createHmac("sha256", keys.iv)
      .update(Buffer.concat([bytes(TAG.syntheticIv), length(9), bytes("telemetry"), length(4)]))
      .update(Buffer.concat([length(7), bytes("meter 7"), length(5), bytes("21.5C")]))
      .digest();
    expect(await syntheticIv(keys, context, inMemory(bytes("21.5C")))).to.deep.equal(expected.subarray(0, 16));
    expect(await syntheticIv(keys, context, inMemory(bytes("21.5C")), 12)).to.deep.equal(expected.subarray(0, 12));
  });

  it("differs with domain, epoch, associated data and plaintext, wherever their boundaries lie", async () => {
    const made = new Set<string>();
    for (const [domain, epoch, associatedData, plaintext] of [
      ["a", 1, "b", "c"],
      ["ab", 1, "", "c"],
      ["a", 1, "bc", ""],
      ["", 1, "ab", "c"],
      ["a", 2, "b", "c"],
      ["a", 1, "", "bc"],
    ] as const) {
      const where = { domain, epoch, associatedData: bytes(associatedData) };
      made.add(Buffer.from(await syntheticIv(keys, where, inMemory(bytes(plaintext)))).toString("hex"));
    }
    expect(made.size).to.equal(6);
  });
});

describe("seal and open", () => {
  it("give back every message, in memory and in pieces, the same bytes each time", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        async (message, sizes) => {
          const sealed = await seal(keys, context, message, budget);
          expect(sealed.length).to.equal(HEADER_LENGTH + message.length + 16);
          expect(await collect(sealStream(keys, context, inPieces(message, sizes), budget))).to.deep.equal(sealed);
          expect(await open(keys, context, sealed)).to.deep.equal(Buffer.from(message));
          const opened = await collect(openStream(keys, context, inPieces(sealed, sizes).chunks()));
          expect(opened).to.deep.equal(Buffer.from(message));
        },
      ),
      { numRuns: 100 },
    );
  });

  for (const length of [CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 3 * CHUNK_LENGTH]) {
    it(`a message of ${length} bytes, in chunks`, async () => {
      const message = randomBytes(length);
      const sealed = await seal(keys, context, message, budget);
      expect(await collect(sealStream(keys, context, inPieces(message, [70_001, 9]), budget))).to.deep.equal(sealed);
      expect(Buffer.from(await open(keys, context, sealed)).equals(message)).to.equal(true);
    });
  }

  it("refuse another key, epoch, domain and associated data", async () => {
    const sealed = await seal(keys, context, bytes("secret"), budget);
    await rejects(open(messageKeys(new Uint8Array(32).fill(6)), context, sealed), "not-sealed");
    for (const change of [{ domain: "telemetri" }, { epoch: 5 }, { associatedData: bytes("meter 8") }]) {
      await rejects(open(keys, { ...context, ...change }, sealed), "not-sealed");
    }
  });

  it("refuse every flipped bit, and every end that is cut off, chunks that are swapped, doubled or left out", async () => {
    const sealed = await seal(keys, context, bytes("secret"), budget);
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const bad = Uint8Array.from(sealed);
      bad[bit >> 3] = (sealed[bit >> 3] as number) ^ (1 << (bit & 7));
      await rejects(open(keys, context, bad), "not-sealed");
    }
    for (let length = 0; length < sealed.length; length++) {
      await rejects(open(keys, context, sealed.subarray(0, length)), "not-sealed");
    }
    const long = await seal(keys, context, randomBytes(3 * CHUNK_LENGTH), budget);
    const chunk = (i: number): Uint8Array =>
      long.subarray(HEADER_LENGTH + i * (CHUNK_LENGTH + 16), HEADER_LENGTH + (i + 1) * (CHUNK_LENGTH + 16));
    const header = long.subarray(0, HEADER_LENGTH);
    for (const order of [[0, 1], [0, 2], [1, 0, 2], [0, 1, 1, 2], [0, 1, 2, 2], [2]]) {
      await rejects(open(keys, context, Buffer.concat([header, ...order.map(chunk)])), "not-sealed");
    }
  });

  it("commit to one key: a header under another key never opens the same chunks", async () => {
    const sealed = await seal(keys, context, bytes("secret"), budget);
    const another = messageKeys(new Uint8Array(32).fill(8));
    const foreign = await seal(another, context, bytes("secret"), budget);
    await rejects(open(another, context, Buffer.concat([foreign.subarray(0, 49), sealed.subarray(49)])), "not-sealed");
    await rejects(open(another, context, Buffer.concat([sealed.subarray(0, 17), foreign.subarray(17)])), "not-sealed");
  });

  it("refuse a source that changes between its two readings", async () => {
    let reading = 0;
    const source = { length: 4, chunks: () => [bytes(reading++ === 0 ? "abcd" : "abce")] };
    await rejects(collect(sealStream(keys, context, source, budget)), "not-sealed");
    const shorter = { length: 5, chunks: () => [bytes("abcd")] };
    await rejects(collect(sealStream(keys, context, shorter, budget)), "not-sealed");
  });

  it("stop at the limit of messages of an epoch, and go on in the next", async () => {
    const two = memoryBudget(2);
    await seal(keys, context, bytes("1"), two);
    await seal(keys, context, bytes("2"), two);
    await rejects(seal(keys, context, bytes("3"), two), "budget-spent");
    await seal(keys, { ...context, epoch: 5 }, bytes("3"), two);
  });
});

withVectors("AES-GCM-SIV", () => {
  it("@noble/ciphers, which the figures compare with, is AES-GCM-SIV (RFC 8452)", () => {
    for (const size of [128, 256]) {
      const text = Buffer.from(readVectorBytes("gcm-siv", `aes_${size}_gcm_siv_tests.txt`)).toString("utf8");
      let cases = 0;
      for (const block of text.split(/\n\s*\n/)) {
        const fields = new Map(
          [...block.matchAll(/^([A-Z]+):[ ]*([0-9a-f]*)$/gm)].map(([, k, v]) => [k, Buffer.from(v ?? "", "hex")]),
        );
        const [key, nonce, plain, ad, ct, tag] = ["KEY", "NONCE", "IN", "AD", "CT", "TAG"].map((name) =>
          fields.get(name),
        );
        if (!key || !nonce || !plain || !ad || !ct || !tag) continue;
        const sealed = gcmsiv(Uint8Array.from(key), Uint8Array.from(nonce), Uint8Array.from(ad)).encrypt(
          Uint8Array.from(plain),
        );
        expect(Buffer.from(sealed)).to.deep.equal(Buffer.concat([ct, tag]));
        cases++;
      }
      expect(cases).to.be.at.least(20);
    }
  });
});

import { randomBytes } from "node:crypto";

import { expect } from "chai";
import fc from "fast-check";
import { combine } from "shamir-secret-sharing";

import { hmac } from "../../src/shards/bytes.js";
import { cidOf, hashOfCid } from "../../src/shards/cid.js";
import {
  type KeySource,
  deviceRoot,
  deviceShardKeys,
  keyStream,
  nextChain,
  sealingKey,
  shardId,
} from "../../src/shards/derivation.js";
import { ShardError } from "../../src/shards/errors.js";
import { openShard, sealShard } from "../../src/shards/shard.js";
import { SCHEME, type Sharing, joinPieces, splitStream, streamLength } from "../../src/shards/splitting.js";
import { fromHex, readVector, withVectors } from "../vectors.js";

const meshId = new Uint8Array(32).fill(7);
const context = { meshId, device: 3, version: 1 };
const other = new Uint8Array(32).fill(9);

function keySource(master: Uint8Array = new Uint8Array(32).fill(1)): KeySource {
  return { mac: (message) => hmac(master, message), close: () => undefined };
}

async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).to.be.instanceOf(ShardError).with.property("code", code);
}

describe("derivation from the master", () => {
  const source = keySource();

  it("gives each device, mesh, version, salt and chain its own", async () => {
    const chain = await nextChain(source, meshId, 1);
    const salt = new Uint8Array(32);
    const seen = new Set<string>();
    const note = (bytes: Uint8Array): void => void seen.add(Buffer.from(bytes).toString("hex"));
    note(await deviceRoot(source, meshId, 3));
    note(await deviceRoot(source, meshId, 4));
    note(await deviceRoot(source, other, 3));
    note(chain);
    note(await nextChain(source, meshId, 2, chain));
    note(await nextChain(source, meshId, 2, other));
    for (const [where, withChain, withSalt] of [
      [context, chain, salt],
      [{ ...context, device: 4 }, chain, salt],
      [{ ...context, version: 2 }, chain, salt],
      [{ ...context, meshId: other }, chain, salt],
      [context, other, salt],
      [context, chain, other],
    ] as const) {
      note(await keyStream(source, where, withChain, withSalt, 32));
    }
    const keys = deviceShardKeys(await deviceRoot(source, meshId, 3));
    for (const [where, withSalt, index] of [
      [context, salt, 0],
      [context, salt, 1],
      [context, other, 0],
      [{ ...context, version: 2 }, salt, 0],
      [{ ...context, meshId: other }, salt, 0],
    ] as const) {
      note(sealingKey(keys.sealing, where, withSalt, index));
    }
    for (const [version, index] of [
      [1, 0],
      [1, 1],
      [2, 0],
      [1, 0xffff],
    ] as const) {
      note(shardId(keys.naming, version, index));
    }
    note(keys.sealing);
    note(keys.naming);
    expect(seen.size).to.equal(23);
  });

  it("a device's root opens its own shards and no other device's", async () => {
    const [mine, theirs] = await Promise.all(
      [3, 4].map(async (i) => deviceShardKeys(await deviceRoot(source, meshId, i))),
    );
    const salt = randomBytes(32);
    const sealed = sealShard(mine!.sealing, context, salt, 0, other);
    expect(openShard(mine!.sealing, context, salt, 0, sealed)).to.deep.equal(other);
    expect(() => openShard(theirs!.sealing, { ...context, device: 4 }, salt, 0, sealed)).to.throw("does not open");
  });
});

describe("a sealed shard", () => {
  const sealing = randomBytes(32);
  const salt = randomBytes(32);
  const piece = randomBytes(33);
  const sealed = sealShard(sealing, context, salt, 2, piece);

  it("opens where it belongs and nowhere else", () => {
    expect(openShard(sealing, context, salt, 2, sealed)).to.deep.equal(new Uint8Array(piece));
    for (const open of [
      () => openShard(sealing, context, salt, 1, sealed),
      () => openShard(sealing, { ...context, device: 4 }, salt, 2, sealed),
      () => openShard(sealing, { ...context, version: 2 }, salt, 2, sealed),
      () => openShard(sealing, { ...context, meshId: other }, salt, 2, sealed),
      () => openShard(sealing, context, other, 2, sealed),
      () => openShard(other, context, salt, 2, sealed),
    ]) {
      expect(open).to.throw(ShardError).with.property("code", "shard-damaged");
    }
  });

  it("does not open flipped, cut off or longer", () => {
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const bad = Uint8Array.from(sealed);
      bad[bit >> 3] = (sealed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => openShard(sealing, context, salt, 2, bad), `bit ${bit}`).to.throw(ShardError);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => openShard(sealing, context, salt, 2, sealed.subarray(0, length)), `${length}`).to.throw(ShardError);
    }
    expect(() => openShard(sealing, context, salt, 2, Buffer.concat([sealed, Buffer.alloc(1)]))).to.throw(ShardError);
  });
});

describe("splitting and joining", () => {
  const sharings = fc.oneof(
    fc.integer({ min: 1, max: 8 }).map((n): Sharing => ({ scheme: SCHEME.segments, threshold: n, shards: n })),
    fc
      .tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 0, max: 4 }))
      .map(([t, more]): Sharing => ({ scheme: SCHEME.shamir, threshold: t, shards: t + more })),
  );

  it("any threshold of pieces gives the same seed, for both schemes", async () => {
    await fc.assert(
      fc.asyncProperty(sharings, fc.infiniteStream(fc.nat()), async (sharing, numbers) => {
        const pieces = await splitStream(randomBytes(streamLength(sharing)), sharing);
        expect(pieces.length).to.equal(sharing.shards);
        const all = pieces.map((piece, index) => [index, piece] as const);
        const whole = await joinPieces(new Map(all), sharing, context);
        const shuffled = all.map((one) => [numbers.next().value as number, one] as const).sort((a, b) => a[0] - b[0]);
        const some = new Map(shuffled.slice(0, sharing.threshold).map(([, one]) => one));
        expect(await joinPieces(some, sharing, context)).to.deep.equal(whole);
        some.delete([...some.keys()][0] as number);
        await rejects(joinPieces(some, sharing, context), "too-few-shards");
      }),
      { numRuns: 60 },
    );
  });

  it("every segment matters, and so do mesh, device and version", async () => {
    const sharing = { scheme: SCHEME.segments, threshold: 3, shards: 3 } as const;
    const pieces = await splitStream(randomBytes(96), sharing);
    const seeds = new Set<string>();
    const note = async (from: readonly Uint8Array[], where = context): Promise<void> => {
      seeds.add(Buffer.from(await joinPieces(new Map(from.entries()), sharing, where)).toString("hex"));
    };
    await note(pieces);
    for (let i = 0; i < 3; i++) await note(pieces.map((piece, j) => (i === j ? piece.map((byte) => byte ^ 1) : piece)));
    await note([pieces[1]!, pieces[0]!, pieces[2]!]);
    for (const where of [
      { ...context, meshId: other },
      { ...context, device: 4 },
      { ...context, version: 2 },
    ]) {
      await note(pieces, where);
    }
    expect(seeds.size).to.equal(8);
  });

  it("refuses numbers that no scheme takes", async () => {
    for (const [scheme, threshold, shards] of [
      [SCHEME.segments, 2, 3],
      [SCHEME.segments, 0, 0],
      [SCHEME.segments, 33, 33],
      [SCHEME.shamir, 1, 3],
      [SCHEME.shamir, 4, 3],
      [SCHEME.shamir, 2.5, 3],
      [3, 2, 3],
    ] as const) {
      await rejects(splitStream(randomBytes(32), { scheme, threshold, shards } as Sharing), "bad-scheme");
    }
  });

  withVectors("published Shamir shares", () => {
    it("every subset of three or more published shares agrees (HashiCorp Vault)", async () => {
      type Published = { threshold: number; shares_hex: string[]; secret_hex: string };
      for (const { threshold, shares_hex, secret_hex } of readVector<Published[]>(
        "shamir",
        "vault-published-shares.json",
      )) {
        const shares = shares_hex.map(fromHex);
        for (let subset = 0; subset < 1 << shares.length; subset++) {
          const chosen = shares.filter((_, i) => (subset >> i) & 1);
          if (chosen.length < threshold) continue;
          expect(Buffer.from(await combine(chosen)).toString("hex")).to.equal(secret_hex);
        }
      }
    });
  });
});

describe("content identifiers", () => {
  it("are those of IPFS: CIDv1, raw, SHA-256, base32", () => {
    // `ipfs add --cid-version 1 --raw-leaves` of "hello world", as the documentation of CIDs has it.
    const hash = Buffer.from("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9", "hex");
    expect(cidOf(hash)).to.equal("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    const empty = Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");
    expect(cidOf(empty)).to.equal("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    expect(hashOfCid(cidOf(hash))).to.deep.equal(new Uint8Array(hash));
  });

  it("have one text each", () => {
    const cid = cidOf(randomBytes(32));
    for (const bad of [
      "",
      "b",
      cid.toUpperCase(),
      cid.slice(1),
      `${cid}a`,
      cid.slice(0, -1),
      cid.slice(0, -1) + "1",
      `z${cid.slice(1)}`,
      `bafybei${cid.slice(7)}`,
    ]) {
      expect(() => hashOfCid(bad), bad).to.throw(ShardError);
    }
    // The last character has bits that stand for nothing: only zeros are taken there.
    const texts = [..."abcdefghijklmnopqrstuvwxyz234567"].filter((character) => {
      try {
        return hashOfCid(cid.slice(0, -1) + character).length === 32;
      } catch {
        return false;
      }
    });
    expect(texts.length).to.be.at.most(16);
    expect(texts).to.include(cid.at(-1));
  });
});

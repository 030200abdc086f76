import { keccak_256 } from "@noble/hashes/sha3.js";
import { expect } from "chai";
import fc from "fast-check";

import {
  type ManifestEntry,
  type ManifestProof,
  ManifestTree,
  checkManifest,
  manifestLeaf,
} from "../../src/certificate/manifest.js";
import { ManifestNodes } from "../../src/certificate/manifest-nodes.js";
import { chunks } from "../../src/crypto/bytes.js";
import { merklePath, merkleRoot } from "../../src/crypto/merkle.js";
import type { Refusal } from "../../src/certificate/refusal.js";
import { ed25519Holder, expectRefusal, hex, p256Holder, seed } from "./fixtures.js";

const BASE = 512;
const entryAt = (position: number): ManifestEntry => ({
  index: BASE + position,
  salt: seed(`salt ${position}`),
  key: position % 2 === 0 ? ed25519Holder(`${position % 4}`).key : p256Holder(`${position % 4}`).key,
  deviceClass: position % 3,
});

function makeTree(count: number): { entries: ManifestEntry[]; tree: ManifestTree } {
  const entries = Array.from({ length: count }, (_, position) => entryAt(position));
  return { entries, tree: new ManifestTree(Buffer.concat(entries.map(manifestLeaf))) };
}

describe("manifest", () => {
  it("has the root and paths of the definition, at any count", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (count, at) => {
        const { entries, tree } = makeTree(count);
        const leaves = entries.map(manifestLeaf);
        const position = at % count;
        expect(hex(tree.root())).to.equal(hex(merkleRoot(keccak_256, leaves)));
        const path = tree.path(position);
        expect(chunks(path, 32).map(hex)).to.deep.equal(merklePath(keccak_256, leaves, position).map(hex));
        checkManifest(entries[position] as ManifestEntry, { root: tree.root(), base: BASE, count, path });
      }),
    );
  });

  it("is judged alike with nodes that were hashed before and without, however paths are altered", () => {
    const { entries, tree } = makeTree(23);
    const proofAt = (position: number) => ({ root: tree.root(), base: BASE, count: 23, path: tree.path(position) });
    const nodes = new ManifestNodes();
    const verdict = (position: number, path: Uint8Array, known?: ManifestNodes): string => {
      try {
        checkManifest(entries[position] as ManifestEntry, { ...proofAt(position), path }, known);
        return "listed";
      } catch (error) {
        return (error as Refusal).code;
      }
    };
    for (const position of [0, 7, 22, 13]) checkManifest(entries[position] as ManifestEntry, proofAt(position), nodes);
    fc.assert(
      fc.property(fc.nat({ max: 22 }), fc.nat(), fc.nat({ max: 3 }), (position, at, flip) => {
        const path = tree.path(position);
        path[at % path.length] = (path[at % path.length] as number) ^ flip;
        expect(verdict(position, path, nodes)).to.equal(verdict(position, path));
        expect(verdict(position, path)).to.equal(flip === 0 ? "listed" : "not-listed");
      }),
    );
  });

  it("has the leaf keccak256(0x00 | u64 index | salt | u8 key type | key | u8 class)", () => {
    const { key } = ed25519Holder();
    const salt = seed("salt");
    const index = Buffer.from("0000010000000002", "hex");
    const plain = Buffer.concat([Buffer.of(0), index, salt, Buffer.of(1), key.bytes, Buffer.of(7)]);
    expect(hex(manifestLeaf({ index: 2 ** 40 + 2, salt, key, deviceClass: 7 }))).to.equal(hex(keccak_256(plain)));
  });

  it("shows no other entry, place or path", () => {
    const { entries, tree } = makeTree(13);
    const proof: ManifestProof = { root: tree.root(), base: BASE, count: 13, path: tree.path(5) };
    const entry = entries[5] as ManifestEntry;
    checkManifest(entry, proof);
    for (const changes of [
      { index: BASE + 6 },
      { index: BASE + 13 },
      { index: BASE - 1 },
      { salt: seed("x") },
      { deviceClass: 9 },
      { key: ed25519Holder("x").key },
    ]) {
      expectRefusal(() => checkManifest({ ...entry, ...changes }, proof), "not-listed");
    }
    for (const changes of [
      { path: proof.path.slice(32) },
      { path: proof.path.slice(1) },
      { path: Buffer.concat([proof.path, seed("x")]) },
      { root: seed("x") },
      { base: BASE + 1 },
      { count: 5 },
    ]) {
      expectRefusal(() => checkManifest(entry, { ...proof, ...changes }), "not-listed");
    }
  });

  it("refuses to be empty, or asked for what it does not have", () => {
    expect(() => new ManifestTree(new Uint8Array())).to.throw(RangeError);
    expect(() => new ManifestTree(new Uint8Array(33))).to.throw(RangeError);
    expect(() => makeTree(3).tree.path(3)).to.throw(RangeError);
  });

  it("of a million devices is built and proves any of them", () => {
    const count = 1_000_000;
    const leaves = new Uint8Array(count * 32);
    const entry = entryAt(0);
    for (let position = 0; position < count; position++) {
      leaves.set(manifestLeaf({ ...entry, index: BASE + position }), position * 32);
    }
    const tree = new ManifestTree(leaves);
    const position = 777_777;
    const proof = { root: tree.root(), base: BASE, count, path: tree.path(position) };
    checkManifest({ ...entry, index: BASE + position }, proof);
    expect(proof.path.length).to.be.at.most(20 * 32);
  });
});

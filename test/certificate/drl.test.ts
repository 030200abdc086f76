import { expect } from "chai";
import fc from "fast-check";

import {
  type DrlProof,
  checkNotRevoked,
  decodeDrlProof,
  decodeSignedDrlHead,
  drlPosition,
  encodeDrlProof,
  encodeSignedDrlHead,
  isListed,
  verifyDrlHead,
} from "../../src/certificate/drl.js";
import { DrlTree, drlDepth, drlLeaf, drlNode } from "../../src/certificate/drl-tree.js";
import { HeadMemory, type HeadMark } from "../../src/certificate/head-memory.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { COSE_ALG } from "../../src/statements/cose.js";
import { NOW, checks, drlTree, expectRefusal, hex, listProof, seed, trust } from "./fixtures.js";

/** The root by the definition, with none of the tree's shortcuts. */
function plainRoot(words: number, word: (position: number) => Uint8Array): Uint8Array {
  let level = Array.from({ length: 2 ** drlDepth(words) }, (_, position) => drlLeaf(position, word(position)));
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      drlNode(level[2 * i] as Uint8Array, level[2 * i + 1] as Uint8Array),
    );
  }
  return level[0] as Uint8Array;
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("tree of the revocation list", () => {
  it("has the root and the proofs of the definition, through any changes and growth", () => {
    const step = fc.record({
      grow: fc.nat(90),
      position: fc.nat(),
      word: fc.oneof(bytes32, fc.constant(new Uint8Array(32))),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const tree = new DrlTree(1);
        const words = new Map<number, Uint8Array>();
        for (const { grow, position, word } of steps) {
          tree.resize(tree.words + grow);
          words.set(position % tree.words, word);
          tree.setWord(position % tree.words, word);
          expect(hex(tree.root())).to.equal(hex(plainRoot(tree.words, (at) => words.get(at) ?? new Uint8Array(32))));
        }
        const position = Math.floor(tree.words / 2);
        const head = { number: 1, root: tree.root(), words: tree.words, issued: 0, expires: 1, blockNumber: 0 };
        const proof: DrlProof = {
          head,
          algorithm: COSE_ALG.bls,
          signature: new Uint8Array(96),
          ...tree.prove(position),
        };
        for (const bit of [0, 7, 255]) {
          const check = (): void => checkNotRevoked(proof, position * 256 + bit);
          if (isListed(proof.word, bit)) expectRefusal(check, "revoked");
          else check();
        }
      }),
      { numRuns: 60 },
    );
  });

  it("refuses words and positions that are none", () => {
    const tree = new DrlTree(4);
    expect(() => tree.setWord(4, new Uint8Array(32))).to.throw(RangeError);
    expect(() => tree.setWord(0, new Uint8Array(31))).to.throw(RangeError);
    expect(() => tree.prove(-1)).to.throw(RangeError);
    expect(() => tree.resize(3)).to.throw(RangeError);
    expect(() => new DrlTree(2 ** 22 + 1)).to.throw(RangeError);
  });
});

describe("proof of not being revoked", () => {
  it("takes at most 520 bytes at 131,072 devices and 620 at 1,048,576, head and signature included", () => {
    expect(listProof({ devices: 131_072 }).length).to.be.at.most(520);
    expect(listProof({ devices: 1_048_576 }).length).to.be.at.most(620);
  });

  it("says so of devices that are listed", () => {
    const tree = drlTree(1_000, [0, 255, 256, 999]);
    for (const index of [0, 255, 256, 999]) {
      expectRefusal(() => checkNotRevoked(decodeDrlProof(listProof({ tree, index })), index), "revoked");
    }
    for (const index of [1, 254, 257, 998]) checkNotRevoked(decodeDrlProof(listProof({ tree, index })), index);
  });

  it("proves nothing about a device in another word, or beyond the list", () => {
    const proof = decodeDrlProof(listProof({ index: 300, devices: 1_000 }));
    expectRefusal(() => checkNotRevoked(proof, 256 * 2), "not-listed");
    expectRefusal(() => checkNotRevoked(proof, 256 * 5), "not-listed");
  });

  it("with another word or path proves nothing", () => {
    const proof = decodeDrlProof(listProof({ index: 300 }));
    for (const field of ["word", "path"] as const) {
      const changed = { ...proof, [field]: proof[field].map((byte, at) => (at === 5 ? byte ^ 1 : byte)) };
      expectRefusal(() => checkNotRevoked(changed, 300), "not-listed");
    }
  });

  it("has a path of exactly the list's depth, and one encoding", () => {
    const proof = decodeDrlProof(listProof());
    expect(decodeDrlProof(encodeDrlProof(proof))).to.deep.equal(proof);
    const short = encodeDrlProof({ ...proof, path: proof.path.subarray(32) });
    expectRefusal(() => decodeDrlProof(short), "malformed", "drlProof.path");
    const empty = encodeDrlProof({ ...proof, head: { ...proof.head, words: 0 } });
    expectRefusal(() => decodeDrlProof(empty), "malformed", "drlProof.head.words");
    const timeless = encodeDrlProof({ ...proof, head: { ...proof.head, expires: proof.head.issued } });
    expectRefusal(() => decodeDrlProof(timeless), "malformed", "drlProof.head.expires");
  });
});

describe("head of the revocation list", () => {
  const memory = (mark?: HeadMark): HeadMemory => new HeadMemory(mark, () => {});
  const verify = (encoded: Uint8Array, clock: number | undefined = NOW, seen = memory()): void =>
    verifyDrlHead(decodeDrlProof(encoded), trust, clock, seen, checks);

  it("verifies under either group key", () => {
    verify(listProof({ devices: 256, index: 0 }));
    verify(listProof({ devices: 256, index: 0, algorithm: COSE_ALG.eddsa }));
  });

  it("travels with both signatures", () => {
    const { head, signature } = decodeDrlProof(listProof({ devices: 256, index: 0 }));
    for (const ed25519 of [null, new Uint8Array(64)]) {
      const signed = { head, bls: signature, ed25519 };
      expect(decodeSignedDrlHead(encodeSignedDrlHead(signed))).to.deep.equal(signed);
    }
  });

  const small = { devices: 256, index: 0 };
  it("that has ended, or is more than a minute ahead, is refused", () => {
    verify(listProof({ ...small, head: { issued: NOW + 60 } }));
    expectRefusal(() => verify(listProof({ ...small, head: { expires: NOW } })), "head-stale");
    expectRefusal(() => verify(listProof({ ...small, head: { issued: NOW + 61 } })), "head-future");
  });

  it("of another contract, or with a changed field, is refused", () => {
    const proof = decodeDrlProof(listProof(small));
    const foreign = { ...trust, revocations: seed("another") };
    expectRefusal(() => verifyDrlHead(proof, foreign, NOW, memory(), checks), "bad-signature");
    for (const change of [
      { number: 7 },
      { words: 2 },
      { issued: 7 },
      { expires: NOW + 901 },
      { blockNumber: 7 },
      { root: seed("r") },
    ]) {
      const changed = { ...proof, head: { ...proof.head, ...change } };
      expectRefusal(() => verifyDrlHead(changed, trust, NOW, memory(), checks), "bad-signature");
    }
  });

  it("older than one that was seen is refused, also after a restart", () => {
    const stored: HeadMark[] = [];
    const seen = new HeadMemory(undefined, (mark) => stored.push(mark));
    verify(listProof({ ...small, head: { number: 8 } }), NOW, seen);
    expectRefusal(() => verify(listProof({ ...small, head: { number: 7 } }), NOW, seen), "head-rollback");
    verify(listProof({ ...small, head: { number: 9, issued: NOW - 10 } }), NOW, seen);
    expect(stored).to.deep.equal([
      { number: 8, issued: NOW - 300 },
      { number: 9, issued: NOW - 10 },
    ]);
    const restarted = memory(stored.at(-1));
    expectRefusal(() => verify(listProof({ ...small, head: { number: 8 } }), NOW, restarted), "head-rollback");
    expectRefusal(() => verify(listProof({ ...small, head: { number: 10 } }), NOW, restarted), "head-rollback");
  });

  it("is not remembered before its signature is verified", () => {
    const seen = memory();
    const proof = decodeDrlProof(listProof({ ...small }));
    const forged = { ...proof, head: { ...proof.head, number: 2 ** 40 } };
    expectRefusal(() => verifyDrlHead(forged, trust, NOW, seen, checks), "bad-signature");
    expect(seen.mark).to.equal(undefined);
  });

  it("with another signature than the one that was verified is verified anew", () => {
    const seen = memory();
    const proof = decodeDrlProof(listProof(small));
    verifyDrlHead(proof, trust, NOW, seen, checks);
    const garbled = { ...proof, signature: new Uint8Array(proof.signature.length).fill(7) };
    expectRefusal(() => verifyDrlHead(garbled, trust, NOW, seen, checks), "bad-signature");
    verifyDrlHead(proof, trust, NOW, seen, { ...checks, bls: { ...checks.bls, verify: () => expect.fail("known") } });
  });

  it("is not believed if it cannot be stored", () => {
    const full = new HeadMemory(undefined, () => {
      throw new Error("disk full");
    });
    expect(() => verify(listProof(small), NOW, full)).to.throw("disk full");
    expect(full.mark).to.equal(undefined);
  });

  it("tells a device without a clock the least that now can be", () => {
    const seen = memory({ number: 5, issued: NOW });
    const verifyBlind = (encoded: Uint8Array): void =>
      verifyDrlHead(decodeDrlProof(encoded), trust, undefined, seen, checks);
    expectRefusal(() => verifyBlind(listProof({ ...small, head: { expires: NOW } })), "head-stale");
    verifyBlind(listProof({ ...small, head: { issued: NOW + 50_000, expires: NOW + 51_000 } }));
    expect(seen.lowerBound(undefined)).to.equal(NOW + 50_000);
  });

  it("is verified once, however many devices show it", () => {
    let calls = 0;
    const counting = { verify: (...all: Parameters<typeof nobleBls.verify>) => (calls++, nobleBls.verify(...all)) };
    const seen = memory();
    const tree = drlTree(1_000, []);
    for (const index of [0, 300, 600]) {
      const proof = decodeDrlProof(listProof({ tree, index }));
      verifyDrlHead(proof, trust, NOW, seen, { ...checks, bls: counting });
    }
    expect(calls).to.equal(1);
    expect(drlPosition(600)).to.deep.equal({ position: 2, bit: 88 });
  });
});

import { keccak_256 } from "@noble/hashes/sha3.js";
import { expect } from "chai";
import fc from "fast-check";

import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { makeDealing } from "../../src/crypto/dealing.js";
import { commit, ed, g1, randomScalar } from "../../src/crypto/group.js";
import { edWitness, g1Witness } from "../../src/crypto/malformation.js";
import { merklePath, merkleRoot } from "../../src/crypto/merkle.js";
import { verificationPath, verificationRoot } from "../../src/crypto/outcome.js";
import { sealedLeaves } from "../../src/crypto/sealing.js";
import type { CeremonyHarness } from "../../typechain-types/index.js";
import { makeReceivers, seeded } from "../crypto/ceremony-fixture.js";
import { deployMesh, present, type CeremonyMesh } from "./ceremony-fixture.js";

/** What a refused dealing for 4 may burn: the two precompile calls at their price, calldata, and little else. */
const REFUSED_DEALING_GAS = 130_000;
/** Bytes of a dealing that the contract itself judges: E, C_0, the proof, and the first G1 commitment. */
const JUDGED = 240 + 48;

function decodes(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

describe("KeyCeremony under random input", () => {
  let mesh: CeremonyMesh;
  let harness: CeremonyHarness;
  let honest: Uint8Array;

  before(async () => {
    mesh = await deployMesh(4);
    const { ethers } = mesh.chain;
    const ed25519 = await ethers.deployContract("Ed25519");
    harness = await ethers.deployContract("CeremonyHarness", [], { libraries: { Ed25519: ed25519.target } });
    await mesh.ceremony.startKeyGeneration();
    await mesh.seatAll();
    honest = mesh.makeDealing(1);
  });

  /** Refused by the contract in its own words, within the gas: not by running out of it. */
  async function expectRefused(bytes: Uint8Array): Promise<void> {
    try {
      await mesh.as(mesh.memberAt(1)).deal.staticCall(1, 1, 1, bytes, [], { gasLimit: REFUSED_DEALING_GAS });
    } catch (error) {
      expect(String(error)).to.match(
        /reverted with custom error '(InvalidLength|ConstantMismatch|InvalidDealingProof|PrecompileRefused)\(/,
      );
      return;
    }
    expect.fail("the contract took a dealing that it must refuse");
  }

  it("takes no garbage for a dealing", async () => {
    const { length } = honest;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ minLength: length, maxLength: length }), fc.uint8Array({ maxLength: 2 * length })),
        expectRefused,
      ),
      { numRuns: 150 },
    );
  });

  it("takes no dealing of which a judged byte was changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: JUDGED - 1 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = honest.slice();
        changed[at] = present(changed[at], "byte") ^ mask;
        await expectRefused(changed);
      }),
      { numRuns: 150 },
    );
  });

  it("calls a G1 commitment malformed exactly if it does not decode", async () => {
    const seen = { good: 0, bad: 0 };
    const encoding = fc.oneof(
      fc.uint8Array({ minLength: 48, maxLength: 48 }),
      fc
        .uint8Array({ minLength: 48, maxLength: 48 })
        .map((b) => Uint8Array.of(0x80 | (present(b[0], "byte") & 0x3f), ...b.slice(1))),
      fc.bigInt({ min: 0n, max: g1.order - 1n }).map((scalar) => commit(g1, scalar).toBytes()),
    );
    await fc.assert(
      fc.asyncProperty(encoding, async (bytes) => {
        const good = decodes(() => g1.decode(bytes));
        seen[good ? "good" : "bad"]++;
        expect(await harness.isProvenG1(bytes, g1Witness(bytes))).to.equal(!good);
      }),
      { numRuns: 150 },
    );
    expect(Math.min(seen.good, seen.bad)).to.be.greaterThan(20);
  });

  it("calls an Ed25519 commitment malformed exactly if it does not decode", async () => {
    const seen = { good: 0, bad: 0 };
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (bytes) => {
        const good = decodes(() => ed.decode(bytes));
        seen[good ? "good" : "bad"]++;
        // There is no witness for a good one: any will do.
        const witness = good ? bytes : edWitness(bytes);
        expect(await harness.isProvenEd25519(bytes, witness)).to.equal(!good);
      }),
      { numRuns: 150 },
    );
    expect(Math.min(seen.good, seen.bad)).to.be.greaterThan(20);
  });

  it("builds and opens the same trees as the members, for every number of seats", async () => {
    const random = seeded("trees");
    for (let seats = 1; seats <= 32; seats++) {
      const shares = Array.from({ length: seats }, () => random(64));
      const leaves = sealedLeaves(shares);
      const root = merkleRoot(keccak_256, leaves);
      const contents = new Uint8Array(shares.flatMap((share) => [...share]));
      expect(BigInt(await harness.rootOf(contents, 64, seats))).to.equal(bytesToNumberBE(root));
      for (const at of new Set([1, Math.ceil(seats / 2), seats])) {
        const path = merklePath(keccak_256, leaves, at - 1);
        const found = await harness.rootFromPath(present(shares[at - 1], "share"), at, seats, path);
        expect(BigInt(found)).to.equal(bytesToNumberBE(root));
      }
    }
  });

  it("resharing: recognises the dealer's own verification keys in its dealing, and nobody else's", async () => {
    const random = seeded("resharing");
    const secrets = Array.from({ length: 7 }, () => ({
      g1: randomScalar(g1, random),
      ed25519: randomScalar(ed, random),
    }));
    const keys = secrets.map((secret, i) => ({
      seat: i + 1,
      g1: commit(g1, secret.g1).toBytes(),
      ed25519: commit(ed, secret.ed25519).toBytes(),
    }));
    const root = verificationRoot(keys);
    const receivers = makeReceivers(7, random).map(({ key }) => key);
    const constants = present(secrets[2], "secret");
    const dealing = makeDealing({ context: mesh.context, dealer: 3, t: 5, receivers, constants, random });
    expect(await harness.dealsVerifiedShare(dealing, 5, 3, 7, verificationPath(keys, 3), root)).to.equal(true);
    expect(await harness.dealsVerifiedShare(dealing, 5, 4, 7, verificationPath(keys, 4), root)).to.equal(false);
    const others = { g1: constants.g1, ed25519: constants.ed25519 + 1n };
    const forged = makeDealing({ context: mesh.context, dealer: 3, t: 5, receivers, constants: others, random });
    expect(await harness.dealsVerifiedShare(forged, 5, 3, 7, verificationPath(keys, 3), root)).to.equal(false);
  });
});

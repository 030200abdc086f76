import { expect } from "chai";
import { AbiCoder, concat, dataSlice, getBytes, keccak256, solidityPacked, toBeHex } from "ethers";

import {
  FAR,
  NO_SIGNATURE,
  PARAMETERS,
  SCOPES,
  addressBytes,
  connection,
  gasOf,
  opened,
  word,
  type Mesh,
} from "./mesh.js";
import { awaitTick } from "./ticks.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** Whole transactions, check of the swarm's signature included. */
const REVOKE_256_DENSE_CEILING = 256_000n;
const REVOKE_256_SCATTERED_CEILING = 6_144_000n;

const ALL = (1n << 256n) - 1n;
const ROOT = keccak256("0x01");
const KEY_COMPROMISE = 1;
const policy = { scopes: SCOPES, maximumLifetime: 86_400, quota: 1, joinMethods: 1, graceSeconds: 0 };
/** The two batches of {@link withDevices}. */
const first = { fleetId: 1n, batch: 0n, manifestRoot: ROOT, base: 0n, count: 300n };
const second = { fleetId: 1n, batch: 1n, manifestRoot: ROOT, base: 512n, count: 65_536n };

/** A mesh with 300 devices from 0, and 65,536 from 512. */
async function withDevices(): Promise<Mesh> {
  const mesh = await opened();
  await mesh.fleets
    .connect(mesh.registrar)
    .registerFleet(1, SCOPES, policy, first.manifestRoot, first.base, first.count);
  await mesh.fleets.connect(mesh.registrar).appendBatch(1, second.manifestRoot, second.base, second.count);
  return mesh;
}

function range(length: number, from = 0): number[] {
  return Array.from({ length }, (_, i) => from + i);
}

/** Entries as the events have them. */
function pack(words: number[], masks: bigint[]): string {
  return concat(words.map((word, i) => concat([toBeHex(word, 4), toBeHex(masks[i] ?? 0n, 32)])));
}

async function sign(mesh: Mesh, words: number[], masks: bigint[], reason = KEY_COMPROMISE, expiry = FAR) {
  return mesh.swarmSign(mesh.revocations, "Revocation", {
    entriesHash: getBytes(keccak256(solidityPacked(["uint32[]", "uint256[]"], [words, masks]))),
    reason,
    expiry,
  });
}

async function revoke(mesh: Mesh, words: number[], masks: bigint[], reason = KEY_COMPROMISE) {
  return mesh.revocations.revoke(words, masks, reason, FAR, await sign(mesh, words, masks, reason));
}

function checkpointOf(number: bigint) {
  return { number, blockNumber: 7n, blockHash: word(8) };
}

async function signCheckpoint(mesh: Mesh, checkpoint: ReturnType<typeof checkpointOf>) {
  const { blockHash, ...rest } = checkpoint;
  return mesh.swarmSign(mesh.revocations, "Checkpoint", { ...rest, blockHash: getBytes(blockHash) });
}

/** A mesh of which tick 9 has come. */
async function atTick9(): Promise<Mesh> {
  const mesh = await opened();
  await awaitTick(connection, mesh.anchor, 9n);
  return mesh;
}

/** Calldata with `words` in place of the ones that it has, which no encoder writes: they may be wider than 32 bits. */
function withRawWords(data: string, placeholders: number[], words: bigint[]): string {
  const found = data.indexOf(concat([placeholders.length, ...placeholders].map((value) => word(value))).slice(2));
  if (found < 0) throw new Error("the calldata does not have these words");
  const [from, to] = [found / 2 - 1 + 32, found / 2 - 1 + 32 * (1 + words.length)];
  return concat([dataSlice(data, 0, from), ...words.map((value) => word(value)), dataSlice(data, to)]);
}

function headOf(number: bigint) {
  return { number, root: word(5), words: 3n, issued: 1_000n, expires: 2_800n, blockNumber: 7n };
}

async function signHead(mesh: Mesh, head: ReturnType<typeof headOf>) {
  return mesh.swarmSign(mesh.revocations, "DrlHead", { ...head, root: getBytes(head.root) });
}

describe("RevocationList", () => {
  describe("final revocation", () => {
    it("sets the bits of the swarm's statement, by anybody's transaction, once", async () => {
      const mesh = await loadFixture(withDevices);
      const signature = await sign(mesh, [0, 2], [0b101n, 1n << 255n]);
      await expect(mesh.revocations.connect(mesh.stranger).revoke([0, 2], [0b101n, 1n << 255n], 1, FAR, signature))
        .to.emit(mesh.revocations, "Revoked")
        .withArgs((digest: string) => digest.length === 66, 1n, pack([0, 2], [0b101n, 1n << 255n]));
      expect(await mesh.revocations.revoked(0)).to.equal(0b101n);
      expect(await mesh.revocations.effectiveRange(0, 3)).to.deep.equal([0b101n, 0n, 1n << 255n]);
      for (const [index, isRevoked] of [
        [0, true],
        [1, false],
        [2, true],
        [3, false],
        [767, true],
        [768, false],
        [1n << 40n, false],
      ] as const) {
        expect(await mesh.revocations.isRevoked(index)).to.equal(isRevoked);
      }
      await expect(
        mesh.revocations.revoke([0, 2], [0b101n, 1n << 255n], 1, FAR, signature),
      ).to.be.revertedWithCustomError(mesh.revocations, "StatementUsed");
    });

    it("adds to what was revoked before", async () => {
      const mesh = await loadFixture(withDevices);
      await revoke(mesh, [0], [0b0011n]);
      await revoke(mesh, [0], [0b0110n]);
      expect(await mesh.revocations.revoked(0)).to.equal(0b0111n);
    });

    it("of 256 devices of one word stays within its gas", async () => {
      const mesh = await loadFixture(withDevices);
      const gas = await gasOf(revoke(mesh, [2], [ALL]));
      expect(gas).to.be.at.most(REVOKE_256_DENSE_CEILING);
    });

    it("of a device in each of 256 words stays within its gas", async () => {
      const mesh = await loadFixture(withDevices);
      const masks = range(256).map((i) => 1n << BigInt(i));
      const gas = await gasOf(revoke(mesh, range(256, 2), masks));
      expect(gas).to.be.at.most(REVOKE_256_SCATTERED_CEILING);
    });

    it("is refused without the swarm's signature over words, masks, reason and expiry", async () => {
      const mesh = await loadFixture(withDevices);
      const signature = await sign(mesh, [0, 2], [1n, 2n]);
      const cases = [
        [[0, 2], [1n, 2n], 1, FAR, NO_SIGNATURE],
        [[0, 3], [1n, 2n], 1, FAR, signature],
        [[0, 2], [1n, 3n], 1, FAR, signature],
        [[0, 2], [1n, 2n], 4, FAR, signature],
        [[0, 2], [1n, 2n], 1, FAR - 1n, signature],
      ] as const;
      for (const [words, masks, reason, expiry, given] of cases) {
        await expect(
          mesh.revocations.revoke([...words], [...masks], reason, expiry, given),
        ).to.be.revertedWithCustomError(mesh.revocations, "InvalidSwarmSignature");
      }
    });

    it("is refused after its expiry", async () => {
      const mesh = await loadFixture(withDevices);
      const expiry = BigInt(await time.latest()) + 50n;
      const signature = await sign(mesh, [0], [1n], KEY_COMPROMISE, expiry);
      await time.setNextBlockTimestamp(expiry + 1n);
      await expect(mesh.revocations.revoke([0], [1n], KEY_COMPROMISE, expiry, signature))
        .to.be.revertedWithCustomError(mesh.revocations, "StatementExpired")
        .withArgs(expiry, expiry + 1n);
    });

    it("takes the reasons of a certificate's end, and no hold", async () => {
      const mesh = await loadFixture(withDevices);
      for (const reason of [2, 6, 7, 8, 11, 255]) {
        await expect(mesh.revocations.revoke([0], [1n], reason, FAR, NO_SIGNATURE))
          .to.be.revertedWithCustomError(mesh.revocations, "InvalidReason")
          .withArgs(BigInt(reason));
      }
      for (const reason of [0, 1, 3, 4, 5, 9, 10]) await revoke(mesh, [0], [1n], reason);
    });

    it("refuses entries that are not strictly increasing words with masks of allocated devices", async () => {
      const mesh = await loadFixture(withDevices);
      const next = second.base + second.count;
      const last = Number(next / 256n);
      const cases: [number[], bigint[], string, unknown[]][] = [
        [[], [], "InvalidEntries", [0n, 0n]],
        [[0], [1n, 1n], "InvalidEntries", [1n, 2n]],
        [[0, 1], [1n], "InvalidEntries", [2n, 1n]],
        [[1, 1], [1n, 1n], "WordsNotIncreasing", [1n]],
        [[0, 2, 1], [1n, 1n, 1n], "WordsNotIncreasing", [1n]],
        [[0, 1], [0n, 1n], "EmptyMask", [0n]],
        [[0, 1], [1n, 0n], "EmptyMask", [1n]],
        [[last], [1n], "IndexNotAllocated", [BigInt(last), next]],
        [[0, 0xffffffff], [1n, 1n], "IndexNotAllocated", [0xffffffffn, next]],
      ];
      for (const [words, masks, error, values] of cases) {
        await expect(revoke(mesh, words, masks), error)
          .to.be.revertedWithCustomError(mesh.revocations, error)
          .withArgs(...values);
      }
      await revoke(mesh, [last - 1], [1n << 255n]);
    });

    it("knows the last allocated device to the bit", async () => {
      const mesh = await loadFixture(opened);
      await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, policy, ROOT, 0, 300);
      await expect(revoke(mesh, [1], [1n << 44n]))
        .to.be.revertedWithCustomError(mesh.revocations, "IndexNotAllocated")
        .withArgs(1n, 300n);
      await revoke(mesh, [1], [1n << 43n]);
    });
  });

  describe("hold", () => {
    it("is set and released by the registrar for devices of its batch, and leaves final revocations", async () => {
      const mesh = await loadFixture(withDevices);
      const revocations = mesh.revocations.connect(mesh.registrar);
      await revoke(mesh, [0], [0b001n]);
      await expect(revocations.hold(first, [0, 1], [0b011n, 1n]))
        .to.emit(mesh.revocations, "Held")
        .withArgs(1n, mesh.registrar.address, pack([0, 1], [0b011n, 1n]));
      expect(await mesh.revocations.held(0)).to.equal(0b011n);
      expect(await mesh.revocations.effective(0)).to.equal(0b011n);
      expect(await mesh.revocations.isRevoked(256)).to.equal(true);

      await expect(revocations.release(first, [0, 1], [0b111n, 1n]))
        .to.emit(mesh.revocations, "Released")
        .withArgs(1n, mesh.registrar.address, pack([0, 1], [0b111n, 1n]));
      expect(await mesh.revocations.effectiveRange(0, 2)).to.deep.equal([0b001n, 0n]);
    });

    it("outlasts the grant: a tenant that left still answers for its devices", async () => {
      const mesh = await loadFixture(withDevices);
      await time.increaseTo(FAR + 1n);
      await mesh.revocations.connect(mesh.registrar).hold(first, [0], [1n]);
      expect(await mesh.revocations.isRevoked(0)).to.equal(true);
    });

    it("is refused to anybody else, by name", async () => {
      const mesh = await loadFixture(withDevices);
      for (const call of ["hold", "release"] as const) {
        await expect(mesh.revocations.connect(mesh.stranger)[call](first, [0], [1n]))
          .to.be.revertedWithCustomError(mesh.revocations, "NotRegistrar")
          .withArgs(mesh.stranger.address, mesh.registrar.address);
      }
    });

    it("is refused for a device outside the batch, or a batch that is not the ledger's", async () => {
      const mesh = await loadFixture(withDevices);
      const revocations = mesh.revocations.connect(mesh.registrar);
      await expect(revocations.hold(first, [1], [1n << 44n]))
        .to.be.revertedWithCustomError(mesh.revocations, "OutsideBatch")
        .withArgs(1n, 0n, 300n);
      await expect(revocations.hold(first, [0, 2], [1n, 1n]))
        .to.be.revertedWithCustomError(mesh.revocations, "OutsideBatch")
        .withArgs(2n, 0n, 300n);
      await expect(revocations.hold(second, [1, 2], [1n, 1n]))
        .to.be.revertedWithCustomError(mesh.revocations, "OutsideBatch")
        .withArgs(1n, 512n, 65_536n);
      await expect(revocations.hold({ ...first, count: 301n }, [1], [1n << 44n]))
        .to.be.revertedWithCustomError(mesh.fleets, "UnknownBatch")
        .withArgs(1n, 0n);
      // The first word bounds the others only because they increase.
      await expect(revocations.hold(second, [3, 1, 4], [1n, 1n, 1n]))
        .to.be.revertedWithCustomError(mesh.revocations, "WordsNotIncreasing")
        .withArgs(1n);
      await expect(revocations.hold(first, [], []))
        .to.be.revertedWithCustomError(mesh.revocations, "InvalidEntries")
        .withArgs(0n, 0n);
      await expect(revocations.release(first, [0], [0n]))
        .to.be.revertedWithCustomError(mesh.revocations, "EmptyMask")
        .withArgs(0n);
    });
  });

  describe("words of more than 32 bits, which only calldata made by hand has", () => {
    const PLACEHOLDERS = [2, 3, 4, 5];
    const MASKS = [1n, 1n, 1n, 1n];
    /** Mostly the first and the last word are of the caller's batch, as the bounds want, and one between is another's, or looks like it. */
    const FORGED = [
      [2n, ALL, 0n, 2n],
      [2n, ALL, 1n << 32n, 2n],
      [2n, 1n << 32n, ALL, 3n],
      [1n << 32n, 2n, 3n, 4n],
      [ALL, 2n, 3n, 4n],
    ];

    /** A mesh where the stranger has a fleet of its own at words 0 and 1, and the registrar one from word 2 on. */
    async function withTwoTenants(): Promise<{ mesh: Mesh; own: typeof first }> {
      const mesh = await opened();
      const scopesHash = getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [SCOPES])));
      const { address: registrar } = mesh.stranger;
      const terms = { indexes: 300n, candidates: 0n, expiry: FAR };
      const statement = { registrar: addressBytes(registrar), scopesHash, ...terms, salt: getBytes(word(1)) };
      const signature = await mesh.swarmSign(mesh.fleets, "Grant", statement);
      await mesh.fleets.giveGrant({ registrar, scopes: SCOPES, ...terms, salt: word(1) }, signature);
      await mesh.fleets.connect(mesh.stranger).registerFleet(2, SCOPES, policy, ROOT, 0n, 300n);
      await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, policy, ROOT, 512n, 65_536n);
      return { mesh, own: { ...second, fleetId: 2n, batch: 0n } };
    }

    for (const call of ["hold", "release"] as const) {
      it(`are refused in a ${call}: they would reach another tenant's devices`, async () => {
        const { mesh, own } = await loadFixture(withTwoTenants);
        const foreign = { ...first, fleetId: 1n };
        await mesh.revocations.connect(mesh.stranger).hold(foreign, [0], [0b110n]);
        const { data } = await mesh.revocations[call].populateTransaction(own, PLACEHOLDERS, MASKS);
        for (const words of FORGED) {
          const forged = withRawWords(data, PLACEHOLDERS, words);
          const sent = mesh.registrar.sendTransaction({ to: mesh.revocations, data: forged });
          await expect(sent, String(words)).to.revert(ethers);
        }
        expect(await mesh.revocations.held(0)).to.equal(0b110n);
      });
    }

    it("are refused in a revocation, whatever the swarm signed", async () => {
      const { mesh } = await loadFixture(withTwoTenants);
      for (const words of FORGED) {
        const entriesHash = getBytes(keccak256(concat([...words, ...MASKS].map((value) => word(value)))));
        const statement = { entriesHash, reason: KEY_COMPROMISE, expiry: FAR };
        const signature = await mesh.swarmSign(mesh.revocations, "Revocation", statement);
        const asked = [PLACEHOLDERS, MASKS, KEY_COMPROMISE, FAR, signature] as const;
        const { data } = await mesh.revocations.revoke.populateTransaction(...asked);
        const forged = withRawWords(data, PLACEHOLDERS, words);
        const sent = mesh.stranger.sendTransaction({ to: mesh.revocations, data: forged });
        await expect(sent, String(words)).to.revert(ethers);
      }
      expect(await mesh.revocations.revoked(0)).to.equal(0n);
    });
  });

  describe("heads and checkpoints", () => {
    it("a newer head replaces the last, and no older or equal one does", async () => {
      const mesh = await loadFixture(atTick9);
      const head = headOf(5n);
      await expect(mesh.revocations.connect(mesh.stranger).postHead(head, await signHead(mesh, head)))
        .to.emit(mesh.revocations, "HeadPosted")
        .withArgs(5n, Object.values(head), (signature: unknown[]) => signature.length === 8);
      expect(await mesh.revocations.latestHead()).to.deep.equal(Object.values(head));
      for (const number of [5n, 4n]) {
        await expect(mesh.revocations.postHead(headOf(number), await signHead(mesh, headOf(number))))
          .to.be.revertedWithCustomError(mesh.revocations, "NotNewer")
          .withArgs(number, 5n);
      }
      await mesh.revocations.postHead(headOf(9n), await signHead(mesh, headOf(9n)));
      expect((await mesh.revocations.latestHead()).number).to.equal(9n);
    });

    it("a head counts with the swarm's signature over every field", async () => {
      const mesh = await loadFixture(atTick9);
      const head = headOf(5n);
      const signature = await signHead(mesh, head);
      for (const change of [
        { number: 6n },
        { root: word(6) },
        { words: 4n },
        { issued: 1_001n },
        { expires: 2_801n },
        { blockNumber: 8n },
      ]) {
        await expect(mesh.revocations.postHead({ ...head, ...change }, signature)).to.be.revertedWithCustomError(
          mesh.revocations,
          "InvalidSwarmSignature",
        );
      }
    });

    it("a newer checkpoint replaces the last, under its own signature and number", async () => {
      const mesh = await loadFixture(atTick9);
      const checkpoint = checkpointOf(3n);
      const signature = await signCheckpoint(mesh, checkpoint);
      for (const change of [{ number: 4n }, { blockNumber: 8n }, { blockHash: word(9) }]) {
        await expect(
          mesh.revocations.postCheckpoint({ ...checkpoint, ...change }, signature),
        ).to.be.revertedWithCustomError(mesh.revocations, "InvalidSwarmSignature");
      }
      await expect(mesh.revocations.postCheckpoint(checkpoint, signature))
        .to.emit(mesh.revocations, "CheckpointPosted")
        .withArgs(3n, Object.values(checkpoint), (signature: unknown[]) => signature.length === 8);
      expect(await mesh.revocations.latestCheckpoint()).to.deep.equal(Object.values(checkpoint));
      await expect(mesh.revocations.postCheckpoint(checkpoint, signature))
        .to.be.revertedWithCustomError(mesh.revocations, "NotNewer")
        .withArgs(3n, 3n);
    });

    it("of a tick that has not come are refused: whoever had the keys once would post the last one there is", async () => {
      const mesh = await loadFixture(atTick9);
      const { revocations, anchor } = mesh;
      for (const number of [10n, 11n, 2n ** 64n - 1n]) {
        const comes = await anchor.tickTime(number);
        const [head, checkpoint] = [headOf(number), checkpointOf(number)];
        await expect(revocations.postHead(head, await signHead(mesh, head)))
          .to.be.revertedWithCustomError(revocations, "TickAhead")
          .withArgs(number, comes);
        await expect(revocations.postCheckpoint(checkpoint, await signCheckpoint(mesh, checkpoint)))
          .to.be.revertedWithCustomError(revocations, "TickAhead")
          .withArgs(number, comes);
      }
    });

    it("of a tick are taken from its second on", async () => {
      const mesh = await loadFixture(atTick9);
      const { revocations, anchor } = mesh;
      const [head, checkpoint] = [headOf(10n), checkpointOf(10n)];
      const [ofHead, ofCheckpoint] = [await signHead(mesh, head), await signCheckpoint(mesh, checkpoint)];
      const comes = await anchor.tickTime(10n);
      expect(comes).to.equal((await anchor.start()) + 10n * BigInt(PARAMETERS.tickSeconds));
      await time.setNextBlockTimestamp(comes - 1n);
      await expect(revocations.postHead(head, ofHead)).to.be.revertedWithCustomError(revocations, "TickAhead");
      await time.setNextBlockTimestamp(comes);
      await revocations.postHead(head, ofHead);
      await revocations.postCheckpoint(checkpoint, ofCheckpoint);
      expect([await revocations.headNumber(), (await revocations.latestCheckpoint()).number]).to.deep.equal([10n, 10n]);
    });
  });
});

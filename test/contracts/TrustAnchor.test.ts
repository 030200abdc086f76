import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import { concat, dataSlice, getBytes, keccak256, toUtf8Bytes } from "ethers";

import {
  FAR,
  NO_SIGNATURE,
  PARAMETERS,
  ROOT_SECRET,
  SCOPES,
  addressBytes,
  connection,
  deployMesh,
  gasOf,
  genesisDigest,
  genesisOf,
  opened,
  rootSign,
  secretOf,
  submit,
  word,
  type Genesis,
  type Mesh,
} from "./mesh.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** The whole transaction: seven members, one registrar. */
const GENESIS_7_CEILING = 1_050_000n;

async function deployed(): Promise<Mesh> {
  return deployMesh(connection);
}

/** Signs and submits a genesis that is expected to be refused. */
async function expectRefusal(mesh: Mesh, genesis: Genesis, error: string, values: unknown[]) {
  await expect(submit(mesh, genesis), error)
    .to.be.revertedWithCustomError(mesh.anchor, error)
    .withArgs(...values);
}

describe("TrustAnchor", () => {
  describe("root key", () => {
    it("is a point of P-256 and names the mesh together with the nonce", async () => {
      const mesh = await loadFixture(deployed);
      const { x, y } = await mesh.anchor.rootKey();
      const encoded = ethers.AbiCoder.defaultAbiCoder().encode(["bytes32[3]"], [[x, y, word(1)]]);
      expect(await mesh.anchor.meshId()).to.equal(keccak256(encoded));
      expect(await mesh.anchor.nonce()).to.equal(word(1));

      await expect(ethers.deployContract("TrustAnchor", [x, word(1), word(1)]))
        .to.be.revertedWithCustomError(mesh.anchor, "InvalidRootKey")
        .withArgs(x, word(1));
    });

    it("signs with a low s: the same signature with a high s is refused", async () => {
      const mesh = await loadFixture(deployed);
      const genesis = await genesisOf(mesh);
      const digest = await genesisDigest(mesh, genesis);
      await expect(mesh.anchor.submitGenesis(genesis, ...rootSign(ROOT_SECRET, digest, true)))
        .to.be.revertedWithCustomError(mesh.anchor, "InvalidRootSignature")
        .withArgs(digest);
      await mesh.anchor.submitGenesis(genesis, ...rootSign(ROOT_SECRET, digest));
    });

    it("verifies as P256VERIFY's published vectors say, but for high s", async function () {
      const folder = process.env["SWARMKEEP_VECTORS"];
      if (folder === undefined) {
        process.stdout.write("      skipped: SWARMKEEP_VECTORS is not set\n");
        return this.skip();
      }
      const file = join(folder, "precompiles", "p256Verify.json");
      expect(existsSync(file), file).to.equal(true);
      const vectors = JSON.parse(readFileSync(file, "utf8")) as { Input: string; Expected: string; Name: string }[];
      const harness = await ethers.deployContract("StatementsHarness");
      const half = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
      let valid = 0;
      for (const { Input, Expected, Name } of vectors) {
        const part = (i: number) => dataSlice(`0x${Input}`, 32 * i, 32 * i + 32);
        const expected = Expected !== "" && BigInt(part(2)) <= half;
        if (expected) valid++;
        expect(await harness.verifyRootHash(part(0), part(1), part(2), part(3), part(4)), Name).to.equal(expected);
        // A valid signature with a high s becomes one that is taken by normalising it.
        if (Expected !== "" && !expected) {
          const low = word(2n * half + 1n - BigInt(part(2)));
          expect(await harness.verifyRootHash(part(0), part(1), low, part(3), part(4)), Name).to.equal(true);
        }
      }
      expect(vectors.length).to.equal(782);
      expect(valid).to.be.greaterThan(300);
    });
  });

  describe("genesis", () => {
    it("begins the mesh, by anybody's transaction, once", async () => {
      const mesh = await loadFixture(deployed);
      const genesis = await genesisOf(mesh);
      const signature = rootSign(ROOT_SECRET, await genesisDigest(mesh, genesis));
      const sent = mesh.anchor.connect(mesh.stranger).submitGenesis(genesis, ...signature);
      await expect(sent)
        .to.emit(mesh.anchor, "GenesisAccepted")
        .withArgs(
          mesh.meshId,
          Object.values(genesis.contracts),
          Object.values(PARAMETERS).map((value) => BigInt(value)),
        );
      expect(await mesh.anchor.start()).to.equal(await time.latest());
      expect(await mesh.anchor.parameters()).to.deep.equal(Object.values(PARAMETERS).map((value) => BigInt(value)));
      expect(await mesh.anchor.contracts()).to.deep.equal(Object.values(genesis.contracts));
      for (const name of ["registry", "ceremony", "groupKeys", "fleets", "revocations"] as const) {
        expect(await mesh.anchor[name]()).to.equal(await mesh[name].getAddress());
      }
      expect(await mesh.registry.candidates()).to.deep.equal(mesh.members.map((member) => member.address));
      await expectRefusal(mesh, genesis, "GenesisAlreadyAccepted", [BigInt(await time.latest())]);
    });

    it("of seven seats stays within its gas", async () => {
      const mesh = await loadFixture(deployed);
      const { members } = await genesisOf(mesh);
      const genesis = await genesisOf(mesh, { committeeSize: 7 }, { members: members.slice(0, 7) });
      const gas = await gasOf(submit(mesh, genesis));
      expect(gas).to.be.at.most(GENESIS_7_CEILING);
    });

    it("counts only as signed by the root key, in every part", async () => {
      const mesh = await loadFixture(deployed);
      const genesis = await genesisOf(mesh);
      const digest = await genesisDigest(mesh, genesis);
      await expect(mesh.anchor.submitGenesis(genesis, ...rootSign(secretOf(12n), digest)))
        .to.be.revertedWithCustomError(mesh.anchor, "InvalidRootSignature")
        .withArgs(digest);
      const signature = rootSign(ROOT_SECRET, digest);
      const changes: Partial<Genesis>[] = [
        { parameters: { ...PARAMETERS, slashBps: 2_001 } },
        { members: [...genesis.members].reverse() },
        { registrars: [] },
      ];
      for (const change of changes) {
        await expect(mesh.anchor.submitGenesis({ ...genesis, ...change }, ...signature)).to.be.revertedWithCustomError(
          mesh.anchor,
          "InvalidRootSignature",
        );
      }
    });

    it("is refused for another mesh of the same root CA", async () => {
      const mesh = await loadFixture(deployed);
      const other = await deployMesh(connection, 2n);
      await expectRefusal(mesh, await genesisOf(mesh, {}, { meshId: other.meshId }), "WrongMesh", [
        other.meshId,
        mesh.meshId,
      ]);
    });

    it("is refused with parameters that no mesh can work with", async () => {
      const mesh = await loadFixture(deployed);
      const cases: Partial<typeof PARAMETERS>[] = [
        { committeeSize: 3 },
        { committeeSize: 33 },
        { admission: 2 },
        { slashBps: 0 },
        { slashBps: 10_001 },
        { minimumStake: 0n },
        { phaseSeconds: 0 },
        { tickSeconds: 0 },
        { headSeconds: 0 },
        { headSeconds: 601 },
        { headLifetimeSeconds: 599 },
        { unbondingSeconds: 4 * 60 + 1_800 },
        { certificatePeriodSeconds: 0 },
        { recoverySeconds: 0 },
        { probationHeads: 0 },
        { probationSeconds: 2 * 600 + 59 },
        { rewardBps: 10_001 },
      ];
      for (const change of cases) {
        const [[name, value]] = Object.entries(change) as [[string, number | bigint]];
        await expectRefusal(mesh, await genesisOf(mesh, change), "InvalidParameter", [name, BigInt(value)]);
      }
    });

    it("is refused with open admission and a committee that such a mesh loses sooner or later", async () => {
      const mesh = await loadFixture(deployed);
      for (const committeeSize of [7, 30]) {
        const genesis = await genesisOf(mesh, { admission: 1, committeeSize });
        await expectRefusal(mesh, genesis, "InvalidParameter", ["committeeSize", BigInt(committeeSize)]);
      }
      const genesis = await genesisOf(mesh, { admission: 1, committeeSize: 31 });
      await expectRefusal(mesh, genesis, "InvalidMemberCount", [8n, 31n, 128n]);
    });

    it("takes parameters at the edge of what works", async () => {
      const mesh = await loadFixture(deployed);
      await submit(
        mesh,
        await genesisOf(mesh, {
          committeeSize: 8,
          slashBps: 10_000,
          minimumStake: 1n,
          tickSeconds: 600,
          headLifetimeSeconds: 600,
          unbondingSeconds: 4 * 60 + 600 + 1_261,
          probationSeconds: 1_260,
          finalityBlocks: 0,
          probesPerEpoch: 0,
          rewardBps: 10_000,
        }),
      );
    });

    it("is refused with members that cannot fill the seats, or too many, or twice the same", async () => {
      const mesh = await loadFixture(deployed);
      const { members } = await genesisOf(mesh);
      await expectRefusal(mesh, await genesisOf(mesh, { committeeSize: 9 }), "InvalidMemberCount", [8n, 9n, 128n]);
      const crowd = Array.from({ length: 129 }, (_, i) => ({ account: mesh.stranger.address, operator: word(i) }));
      await expectRefusal(mesh, await genesisOf(mesh, {}, { members: crowd }), "InvalidMemberCount", [129n, 4n, 128n]);

      const replaced = async (member: { account: string; operator: string }) =>
        submit(mesh, await genesisOf(mesh, {}, { members: [...members.slice(0, 7), member] }));
      const account = mesh.members[0]?.address ?? "";
      await expect(replaced({ account, operator: word(8) }))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(account, 1n, 0n);
      await expect(replaced({ account: mesh.stranger.address, operator: word(3) }))
        .to.be.revertedWithCustomError(mesh.registry, "OperatorTaken")
        .withArgs(word(3), mesh.members[2]?.address);
      const { address: stranger } = mesh.stranger;
      const reserved = ["swarmkeep of", "swarmkeep xy"].map((text) => concat([toUtf8Bytes(text), stranger]));
      for (const wrong of [
        { account: ethers.ZeroAddress, operator: word(8) },
        { account: stranger, operator: ethers.ZeroHash },
        ...reserved.map((operator) => ({ account: stranger, operator })),
      ]) {
        await expect(replaced(wrong))
          .to.be.revertedWithCustomError(mesh.registry, "InvalidMember")
          .withArgs(wrong.account, wrong.operator);
      }
    });

    it("is refused with registrars whose grant no registry would give", async () => {
      const mesh = await loadFixture(deployed);
      const first = { account: mesh.registrar.address, scopes: SCOPES, indexes: 1n, candidates: 0n, expiry: FAR };
      for (const [change, error] of [
        [{ account: ethers.ZeroAddress }, "InvalidGrant"],
        [{ indexes: 0n }, "InvalidGrant"],
        [{ expiry: 1n }, "InvalidGrant"],
        [{ scopes: [] }, "InvalidScopeCount"],
        [{ scopes: ["moon:base"] }, "InvalidScope"],
      ] as const) {
        const registrars = [{ ...first, ...change, scopes: [...("scopes" in change ? change.scopes : SCOPES)] }];
        await expect(submit(mesh, await genesisOf(mesh, {}, { registrars }))).to.be.revertedWithCustomError(
          mesh.fleets,
          error,
        );
      }
    });

    it("is refused with contracts that are missing, foreign, wired to others, or named twice", async () => {
      const mesh = await loadFixture(deployed);
      const other = await deployMesh(connection, 2n);
      const { contracts } = await genesisOf(mesh);
      const keys = await ethers.deployContract("GroupKeys", [mesh.anchor]);
      const fleets = await ethers.deployContract("FleetRegistry", [mesh.anchor, mesh.groupKeys]);
      const registry = await mesh.registry.getAddress();
      for (const [change, refused] of [
        [{ registry: mesh.stranger.address }, mesh.stranger.address],
        [{ ceremony: await other.ceremony.getAddress() }, await other.ceremony.getAddress()],
        [{ revocations: await mesh.anchor.getAddress() }, await mesh.anchor.getAddress()],
        [{ fleets: registry }, registry],
        // Ours, but the registry was deployed with other keys, and the revocation list with other fleets.
        [{ groupKeys: await keys.getAddress() }, registry],
        [{ fleets: await fleets.getAddress() }, await mesh.revocations.getAddress()],
      ] as const) {
        const genesis = await genesisOf(mesh, {}, { contracts: { ...contracts, ...change } });
        await expectRefusal(mesh, genesis, "NotOfThisMesh", [refused]);
      }
    });
  });

  describe("certification of the keys", () => {
    const CERTIFICATE = "0x3082010203";

    async function certification(mesh: Mesh, generation: bigint, certificate = CERTIFICATE) {
      const digest = await mesh.digest(mesh.anchor, "KeyCertification", {
        generation,
        certificateHash: getBytes(keccak256(certificate)),
      });
      return [generation, certificate, ...rootSign(ROOT_SECRET, digest)] as const;
    }

    it("publishes the root CA's certificate, by anybody's transaction, once", async () => {
      const mesh = await loadFixture(opened);
      const call = await certification(mesh, 1n);
      await expect(mesh.anchor.connect(mesh.stranger).certifyKeys(...call))
        .to.emit(mesh.anchor, "KeysCertified")
        .withArgs(1n, keccak256(CERTIFICATE), CERTIFICATE);
      expect(await mesh.anchor.certificateHash(1)).to.equal(keccak256(CERTIFICATE));
      await expect(mesh.anchor.certifyKeys(...call)).to.be.revertedWithCustomError(mesh.anchor, "StatementUsed");

      // A renewed certificate replaces it, and the old statement cannot bring the old one back.
      await mesh.anchor.certifyKeys(...(await certification(mesh, 1n, "0x3001")));
      await expect(mesh.anchor.certifyKeys(...call)).to.be.revertedWithCustomError(mesh.anchor, "StatementUsed");
      expect(await mesh.anchor.certificateHash(1)).to.equal(keccak256("0x3001"));
    });

    it("is refused for keys that do not exist, and before genesis", async () => {
      const mesh = await loadFixture(opened);
      for (const generation of [0n, 2n]) {
        await expect(mesh.anchor.certifyKeys(...(await certification(mesh, generation))))
          .to.be.revertedWithCustomError(mesh.anchor, "UnknownGeneration")
          .withArgs(generation, 1n);
      }
      const fresh = await deployMesh(connection, 3n);
      await expect(fresh.anchor.certifyKeys(...(await certification(fresh, 1n)))).to.be.revertedWithCustomError(
        fresh.anchor,
        "GenesisMissing",
      );
    });

    it("is refused without the root CA's signature over these bytes", async () => {
      const mesh = await loadFixture(opened);
      const [generation, , r, s] = await certification(mesh, 1n);
      await expect(mesh.anchor.certifyKeys(generation, "0x3002", r, s)).to.be.revertedWithCustomError(
        mesh.anchor,
        "InvalidRootSignature",
      );
    });
  });

  describe("successor", () => {
    const NEXT = { chainId: 10n, anchor: "0x00000000000000000000000000000000000000AA", meshId: word(4), expiry: FAR };

    async function sign(mesh: Mesh, next = NEXT) {
      return mesh.swarmSign(mesh.anchor, "Successor", {
        ...next,
        anchor: addressBytes(next.anchor),
        meshId: getBytes(next.meshId),
      });
    }

    it("is named by the swarm, once", async () => {
      const mesh = await loadFixture(opened);
      await expect(mesh.anchor.connect(mesh.stranger).nameSuccessor(NEXT, await sign(mesh)))
        .to.emit(mesh.anchor, "SuccessorNamed")
        .withArgs(10n, NEXT.anchor, NEXT.meshId);
      expect(await mesh.anchor.successor()).to.deep.equal(Object.values(NEXT));
      const other = { ...NEXT, chainId: 11n };
      await expect(mesh.anchor.nameSuccessor(other, await sign(mesh, other)))
        .to.be.revertedWithCustomError(mesh.anchor, "SuccessorAlreadyNamed")
        .withArgs(NEXT.anchor);
    });

    it("is not this anchor, nor nobody", async () => {
      const mesh = await loadFixture(opened);
      for (const next of [
        { ...NEXT, chainId: mesh.chainId, anchor: await mesh.anchor.getAddress() },
        { ...NEXT, anchor: ethers.ZeroAddress },
      ]) {
        await expect(mesh.anchor.nameSuccessor(next, await sign(mesh, next)))
          .to.be.revertedWithCustomError(mesh.anchor, "InvalidSuccessor")
          .withArgs(next.chainId, next.anchor);
      }
    });

    it("is refused without the swarm's signature over every term, after its expiry, and before genesis", async () => {
      const mesh = await loadFixture(opened);
      const signature = await sign(mesh);
      for (const change of [
        { chainId: 11n },
        { anchor: mesh.stranger.address },
        { meshId: word(5) },
        { expiry: FAR - 1n },
      ]) {
        await expect(mesh.anchor.nameSuccessor({ ...NEXT, ...change }, signature)).to.be.revertedWithCustomError(
          mesh.anchor,
          "InvalidSwarmSignature",
        );
      }
      await expect(mesh.anchor.nameSuccessor({ ...NEXT, expiry: 1n }, NO_SIGNATURE)).to.be.revertedWithCustomError(
        mesh.anchor,
        "StatementExpired",
      );
      const fresh = await deployMesh(connection, 3n);
      await expect(fresh.anchor.nameSuccessor(NEXT, NO_SIGNATURE)).to.be.revertedWithCustomError(
        fresh.anchor,
        "GenesisMissing",
      );
    });
  });
});

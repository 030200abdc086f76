import { expect } from "chai";
import { AbiCoder, dataSlice, getBytes, keccak256, type ParamType } from "ethers";

import { DrlTree } from "../../src/certificate/drl-tree.js";
import { MAXIMUM_INDEXES } from "../../src/operator/governance.js";
import { FAR, NO_SIGNATURE, SCOPES, addressBytes, connection, gasOf, opened, word, type Mesh } from "./mesh.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** As the tools have it; the contract is held to it. */
const MOST_INDEXES = BigInt(MAXIMUM_INDEXES);
/** The whole transaction: a fleet of a million devices, whatever was registered before. */
const REGISTER_FLEET_1M_CEILING = 120_000n;
const MILLION = 1_000_000n;
const ROOT = keccak256("0x01");

const policy = {
  scopes: ["grp:city/lamps", "geo:u33dc"],
  maximumLifetime: 86_400,
  quota: 3,
  joinMethods: 15,
  graceSeconds: 3_600,
};

/** A grant that the swarm gives, and its statement's values. */
function grantOf(mesh: Mesh, change: Partial<Parameters<typeof mesh.fleets.giveGrant>[0]> = {}) {
  return {
    registrar: mesh.stranger.address,
    scopes: SCOPES,
    indexes: 1_000n,
    candidates: 0n,
    expiry: FAR,
    salt: word(1),
    ...change,
  };
}

async function sign(mesh: Mesh, grant: ReturnType<typeof grantOf>) {
  return mesh.swarmSign(mesh.fleets, "Grant", {
    registrar: addressBytes(grant.registrar),
    scopesHash: getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [grant.scopes]))),
    indexes: BigInt(grant.indexes),
    candidates: BigInt(grant.candidates),
    expiry: BigInt(grant.expiry),
    salt: getBytes(grant.salt as string),
  });
}

function batchHash(values: readonly (bigint | string)[]): string {
  const types = ["uint64", "uint32", "bytes32", "uint64", "uint64"];
  return keccak256(AbiCoder.defaultAbiCoder().encode(types, values));
}

function asEvent(value: unknown): unknown {
  return typeof value === "number" ? BigInt(value) : value;
}

describe("FleetRegistry", () => {
  const byRegistrar = (mesh: Mesh) => mesh.fleets.connect(mesh.registrar);

  describe("grants", () => {
    it("of genesis are the first, in order", async () => {
      const mesh = await loadFixture(opened);
      const scopesHash = keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [SCOPES]));
      expect(await mesh.fleets.grantCount()).to.equal(1n);
      expect(await mesh.fleets.grantOf(1)).to.deep.equal([mesh.registrar.address, scopesHash, 2_000_000n, 2n, FAR]);
    });

    it("are given by the swarm, by anybody's transaction, once", async () => {
      const mesh = await loadFixture(opened);
      const grant = grantOf(mesh);
      const signature = await sign(mesh, grant);
      await expect(mesh.fleets.giveGrant(grant, signature))
        .to.emit(mesh.fleets, "GrantGiven")
        .withArgs(2n, grant.registrar, SCOPES, 1_000n, 0n, FAR);
      await expect(mesh.fleets.giveGrant(grant, signature)).to.be.revertedWithCustomError(mesh.fleets, "StatementUsed");
      // Equal terms again take another salt.
      const again = grantOf(mesh, { salt: word(2) });
      await mesh.fleets.giveGrant(again, await sign(mesh, again));
      expect(await mesh.fleets.grantCount()).to.equal(3n);
    });

    it("are refused without the swarm's signature over every term", async () => {
      const mesh = await loadFixture(opened);
      const signature = await sign(mesh, grantOf(mesh));
      await expect(mesh.fleets.giveGrant(grantOf(mesh), NO_SIGNATURE)).to.be.revertedWithCustomError(
        mesh.fleets,
        "InvalidSwarmSignature",
      );
      for (const change of [
        { registrar: mesh.registrar.address },
        { scopes: ["grp:city"] },
        { indexes: 1_001n },
        { candidates: 1n },
        { expiry: FAR + 1n },
        { salt: word(9) },
      ]) {
        await expect(mesh.fleets.giveGrant(grantOf(mesh, change), signature)).to.be.revertedWithCustomError(
          mesh.fleets,
          "InvalidSwarmSignature",
        );
      }
    });

    it("are refused after their expiry", async () => {
      const mesh = await loadFixture(opened);
      const expiry = BigInt(await time.latest()) + 100n;
      const grant = grantOf(mesh, { expiry });
      const signature = await sign(mesh, grant);
      await time.setNextBlockTimestamp(expiry + 1n);
      await expect(mesh.fleets.giveGrant(grant, signature))
        .to.be.revertedWithCustomError(mesh.fleets, "StatementExpired")
        .withArgs(expiry, expiry + 1n);
    });

    it("are refused with terms that no grant can have, even if signed", async () => {
      const mesh = await loadFixture(opened);
      const cases: [Partial<ReturnType<typeof grantOf>>, string, unknown[]][] = [
        [{ registrar: ethers.ZeroAddress }, "InvalidGrant", ["registrar", 0n]],
        [{ indexes: 0n }, "InvalidGrant", ["indexes", 0n]],
        [{ indexes: MOST_INDEXES + 1n }, "InvalidGrant", ["indexes", MOST_INDEXES + 1n]],
        [{ expiry: 1n << 40n }, "InvalidGrant", ["expiry", 1n << 40n]],
        [{ scopes: [] }, "InvalidScopeCount", [0n]],
        [{ scopes: Array<string>(9).fill("geo:u") }, "InvalidScopeCount", [9n]],
        [{ scopes: ["grp:city", "geo:a"] }, "InvalidScope", ["geo:a"]],
      ];
      for (const [change, error, values] of cases) {
        const grant = grantOf(mesh, change);
        await expect(mesh.fleets.giveGrant(grant, await sign(mesh, grant)))
          .to.be.revertedWithCustomError(mesh.fleets, error)
          .withArgs(...values);
      }
    });

    it("of genesis come from the anchor alone", async () => {
      const mesh = await loadFixture(opened);
      await expect(mesh.fleets.acceptGenesis([]))
        .to.be.revertedWithCustomError(mesh.fleets, "WrongCaller")
        .withArgs(mesh.members[0]?.address, await mesh.anchor.getAddress());
    });
  });

  describe("a fleet", () => {
    it("of a million devices is registered within its gas", async () => {
      const mesh = await loadFixture(opened);
      const fleets = byRegistrar(mesh);
      for (const [root, base] of [
        [ROOT, 0n],
        [keccak256("0x02"), 1_000_192n],
      ] as const) {
        const gas = await gasOf(fleets.registerFleet(1, SCOPES, policy, root, base, MILLION));
        expect(gas).to.be.at.most(REGISTER_FLEET_1M_CEILING);
      }
    });

    it("costs no more under a grant that was never used, the first of the mesh or not", async () => {
      const mesh = await loadFixture(opened);
      const grant = grantOf(mesh, { indexes: 2n * MILLION });
      await mesh.fleets.giveGrant(grant, await sign(mesh, grant));
      await byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, 0, 1);
      const gas = await gasOf(mesh.fleets.connect(mesh.stranger).registerFleet(2, SCOPES, policy, ROOT, 256, MILLION));
      expect(gas).to.be.at.most(REGISTER_FLEET_1M_CEILING);
    });

    it("leaves the hash of its policy and of its first batch, and tells the rest", async () => {
      const mesh = await loadFixture(opened);
      const sent = byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, 0, 1_000);
      await expect(sent).to.emit(mesh.fleets, "FleetRegistered").withArgs(1n, 1n, Object.values(policy).map(asEvent));
      await expect(sent).to.emit(mesh.fleets, "BatchAppended").withArgs(1n, 0n, ROOT, 0n, 1_000n);

      const policyType = mesh.fleets.interface.getFunction("registerFleet").inputs[2];
      const policyHash = keccak256(AbiCoder.defaultAbiCoder().encode([policyType as ParamType], [policy]));
      expect(await mesh.fleets.fleetOf(1)).to.deep.equal([1n, dataSlice(policyHash, 0, 24), 1n]);
      expect(await mesh.fleets.batchHash(1, 0)).to.equal(batchHash([1n, 0n, ROOT, 0n, 1_000n]));
      expect(await mesh.fleets.nextIndex()).to.equal(1_000n);
      expect(await mesh.fleets.fleetCount()).to.equal(1n);
    });

    it("is registered by the grant's registrar alone", async () => {
      const mesh = await loadFixture(opened);
      await expect(mesh.fleets.connect(mesh.stranger).registerFleet(1, SCOPES, policy, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "NotRegistrar")
        .withArgs(mesh.stranger.address, mesh.registrar.address);
      await expect(byRegistrar(mesh).registerFleet(2, SCOPES, policy, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "UnknownGrant")
        .withArgs(2n);
      await expect(byRegistrar(mesh).registerFleet(1, ["grp:city", "geo:u"], policy, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "WrongGrantScopes")
        .withArgs(1n);
    });

    it("stays inside the scopes of its grant", async () => {
      const mesh = await loadFixture(opened);
      const register = (scopes: string[]) =>
        byRegistrar(mesh).registerFleet(1, SCOPES, { ...policy, scopes }, ROOT, 0, 1);
      for (const scope of ["geo:u3", "geo:u32", "grp:cityhall", "grp:cit", "grp:u33", "geo:v33"]) {
        await expect(register(["geo:u33", scope]))
          .to.be.revertedWithCustomError(mesh.fleets, "ScopeNotGranted")
          .withArgs(scope);
      }
      for (const scope of ["", "geo:", "grp:city/", "grp:City", "geo:u33dcu33dcu33"]) {
        await expect(register([scope]))
          .to.be.revertedWithCustomError(mesh.fleets, "InvalidScope")
          .withArgs(scope);
      }
      for (const count of [0, 9]) {
        await expect(register(Array<string>(count).fill("geo:u33")))
          .to.be.revertedWithCustomError(mesh.fleets, "InvalidScopeCount")
          .withArgs(BigInt(count));
      }
      await register(Array<string>(8).fill("geo:u33dc"));
    });

    it("has a policy that members can follow", async () => {
      const mesh = await loadFixture(opened);
      for (const [field, value] of [
        ["maximumLifetime", 59],
        ["maximumLifetime", 366 * 86_400 + 1],
        ["quota", 0],
        ["joinMethods", 0],
        ["joinMethods", 16],
        ["graceSeconds", 366 * 86_400 + 1],
      ] as const) {
        await expect(byRegistrar(mesh).registerFleet(1, SCOPES, { ...policy, [field]: value }, ROOT, 0, 1))
          .to.be.revertedWithCustomError(mesh.fleets, "InvalidPolicy")
          .withArgs(field, BigInt(value));
      }
      for (const [base, edge] of [
        { maximumLifetime: 60, quota: 1, joinMethods: 1, graceSeconds: 0 },
        { maximumLifetime: 366 * 86_400, quota: 65_535, joinMethods: 8, graceSeconds: 366 * 86_400 },
      ].entries()) {
        await byRegistrar(mesh).registerFleet(1, SCOPES, { ...policy, ...edge }, ROOT, 256 * base, 1);
      }
    });

    it("has a manifest and at least one device", async () => {
      const mesh = await loadFixture(opened);
      await expect(
        byRegistrar(mesh).registerFleet(1, SCOPES, policy, ethers.ZeroHash, 0, 1),
      ).to.be.revertedWithCustomError(mesh.fleets, "InvalidManifestRoot");
      await expect(byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, 0, 0))
        .to.be.revertedWithCustomError(mesh.fleets, "BudgetExceeded")
        .withArgs(0n, 2_000_000n);
    });
  });

  describe("a batch", () => {
    async function fleetOfThree(): Promise<Mesh> {
      const mesh = await opened();
      await byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, 0, 3);
      return mesh;
    }

    it("begins at the next word of the revocation list", async () => {
      const mesh = await loadFixture(fleetOfThree);
      await expect(byRegistrar(mesh).appendBatch(1, ROOT, 256, 256))
        .to.emit(mesh.fleets, "BatchAppended")
        .withArgs(1n, 1n, ROOT, 256n, 256n);
      await expect(byRegistrar(mesh).appendBatch(1, ROOT, 512, 1))
        .to.emit(mesh.fleets, "BatchAppended")
        .withArgs(1n, 2n, ROOT, 512n, 1n);
      expect(await mesh.fleets.nextIndex()).to.equal(513n);
      expect((await mesh.fleets.fleetOf(1)).batches).to.equal(3n);
    });

    it("is refused where another batch took its indexes: its manifest was made for them", async () => {
      const mesh = await loadFixture(fleetOfThree);
      for (const base of [0, 3, 512]) {
        await expect(byRegistrar(mesh).appendBatch(1, ROOT, base, 1))
          .to.be.revertedWithCustomError(mesh.fleets, "BaseMoved")
          .withArgs(BigInt(base), 256n);
        await expect(byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, base, 1))
          .to.be.revertedWithCustomError(mesh.fleets, "BaseMoved")
          .withArgs(BigInt(base), 256n);
      }
      expect((await mesh.fleets.grantOf(1)).remaining).to.equal(1_999_997n);
    });

    it("is appended by the registrar alone, to a fleet that exists", async () => {
      const mesh = await loadFixture(fleetOfThree);
      await expect(mesh.fleets.connect(mesh.stranger).appendBatch(1, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "NotRegistrar")
        .withArgs(mesh.stranger.address, mesh.registrar.address);
      await expect(byRegistrar(mesh).appendBatch(2, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "UnknownFleet")
        .withArgs(2n);
      await expect(byRegistrar(mesh).appendBatch(1, ethers.ZeroHash, 0, 1)).to.be.revertedWithCustomError(
        mesh.fleets,
        "InvalidManifestRoot",
      );
    });

    it("spends the grant's budget to the last device and no further", async () => {
      const mesh = await loadFixture(fleetOfThree);
      await expect(byRegistrar(mesh).appendBatch(1, ROOT, 0, 1_999_998))
        .to.be.revertedWithCustomError(mesh.fleets, "BudgetExceeded")
        .withArgs(1_999_998n, 1_999_997n);
      await byRegistrar(mesh).appendBatch(1, ROOT, 256, 1_999_997);
      expect((await mesh.fleets.grantOf(1)).remaining).to.equal(0n);
      await expect(byRegistrar(mesh).appendBatch(1, ROOT, 0, 1)).to.be.revertedWithCustomError(
        mesh.fleets,
        "BudgetExceeded",
      );
    });

    it("is not appended after the grant's end", async () => {
      const mesh = await loadFixture(fleetOfThree);
      await time.setNextBlockTimestamp(FAR + 1n);
      await expect(byRegistrar(mesh).appendBatch(1, ROOT, 0, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "GrantExpired")
        .withArgs(FAR, FAR + 1n);
    });

    it("is told from one that is not the ledger's", async () => {
      const mesh = await loadFixture(fleetOfThree);
      const batch = { fleetId: 1n, batch: 0n, manifestRoot: ROOT, base: 0n, count: 3n };
      expect(await mesh.fleets.registrarOf(batch)).to.equal(mesh.registrar.address);
      for (const change of [{ batch: 1n }, { fleetId: 2n }, { manifestRoot: word(1) }, { base: 256n }, { count: 4n }]) {
        const changed = { ...batch, ...change };
        await expect(mesh.fleets.registrarOf(changed))
          .to.be.revertedWithCustomError(mesh.fleets, "UnknownBatch")
          .withArgs(changed.fleetId, changed.batch);
      }
    });

    it("never reaches past the longest revocation list that members make heads of, and reaches its end", async () => {
      const mesh = await loadFixture(opened);
      const grant = grantOf(mesh, { indexes: MOST_INDEXES });
      await mesh.fleets.giveGrant(grant, await sign(mesh, grant));
      const fleets = mesh.fleets.connect(mesh.stranger);
      await fleets.registerFleet(2, SCOPES, policy, ROOT, 0, MOST_INDEXES - 256n);
      await expect(byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, MOST_INDEXES - 256n, 257))
        .to.be.revertedWithCustomError(mesh.fleets, "IndexesExhausted")
        .withArgs(MOST_INDEXES - 256n, 257n);
      await byRegistrar(mesh).registerFleet(1, SCOPES, policy, ROOT, MOST_INDEXES - 256n, 255);
      await expect(fleets.appendBatch(1, ROOT, MOST_INDEXES, 1))
        .to.be.revertedWithCustomError(mesh.fleets, "IndexesExhausted")
        .withArgs(MOST_INDEXES - 1n, 1n);

      const words = Math.ceil(Number(await mesh.fleets.nextIndex()) / 256);
      expect(new DrlTree(words).words).to.equal(words);
      expect(() => new DrlTree(words + 1)).to.throw(RangeError);
    });
  });
});

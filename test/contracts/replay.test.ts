import { expect } from "chai";
import { AbiCoder, getBytes, keccak256, solidityPacked } from "ethers";
import { network } from "hardhat";

import {
  domainSeparator,
  statementDigest,
  type StatementName,
  type StatementValues,
} from "../../src/statements/eip712.js";
import { mapHash, mapOf } from "./shard-map-fixture.js";
import {
  FAR,
  GROUP_SECRET,
  SCOPES,
  addressBytes,
  blsSign,
  connection,
  openMesh,
  opened,
  word,
  type Mesh,
} from "./mesh.js";
import { awaitTick } from "./ticks.js";

// One root key and one group key hold all the meshes here, so that nothing but the domain keeps their statements apart.
const { networkHelpers } = connection;
const POLICY = { scopes: SCOPES, maximumLifetime: 86_400, quota: 1, joinMethods: 1, graceSeconds: 0 };
const ROOT = word(9);
const NEXT = { chainId: 10n, anchor: "0x00000000000000000000000000000000000000AA", meshId: word(4), expiry: FAR };
const NOW = BigInt(Math.floor(Date.now() / 1000));
const MAP = mapOf({ validFrom: NOW, validUntil: NOW + 31_000_000n });
type Signature = ReturnType<typeof blsSign>;
type ContractName = "anchor" | "registry" | "fleets" | "revocations" | "shards";

/** Every statement of the swarm: its values, who takes it, and the call that gives it. */
interface Case {
  name: StatementName;
  contract: ContractName;
  values: (mesh: Mesh) => StatementValues;
  call: (mesh: Mesh, signature: Signature) => Promise<unknown>;
}

const cases: Case[] = [
  {
    name: "Successor",
    contract: "anchor",
    values: () => ({ ...NEXT, anchor: addressBytes(NEXT.anchor), meshId: getBytes(NEXT.meshId) }),
    call: (mesh, signature) => mesh.anchor.nameSuccessor(NEXT, signature),
  },
  {
    name: "Admission",
    contract: "registry",
    values: (mesh) => ({ account: addressBytes(mesh.stranger.address), operator: getBytes(word(40)), expiry: FAR }),
    call: (mesh, signature) => mesh.registry.admit(mesh.stranger, word(40), FAR, signature),
  },
  {
    name: "DeviceAdmission",
    contract: "registry",
    values: (mesh) => ({ account: addressBytes(mesh.stranger.address), index: 0n, expiry: FAR }),
    call: (mesh, signature) =>
      mesh.registry
        .connect(mesh.stranger)
        .admitDevice({ fleetId: 1, batch: 0, manifestRoot: ROOT, base: 0, count: 1 }, 0, FAR, signature),
  },
  {
    name: "Grant",
    contract: "fleets",
    values: (mesh) => ({
      registrar: addressBytes(mesh.stranger.address),
      scopesHash: getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [SCOPES]))),
      indexes: 5n,
      candidates: 0n,
      expiry: FAR,
      salt: getBytes(ROOT),
    }),
    call: (mesh, signature) =>
      mesh.fleets.giveGrant(
        { registrar: mesh.stranger, scopes: SCOPES, indexes: 5n, candidates: 0n, expiry: FAR, salt: ROOT },
        signature,
      ),
  },
  {
    name: "Revocation",
    contract: "revocations",
    values: () => ({
      entriesHash: getBytes(keccak256(solidityPacked(["uint32[]", "uint256[]"], [[0], [1n]]))),
      reason: 1,
      expiry: FAR,
    }),
    call: (mesh, signature) => mesh.revocations.revoke([0], [1n], 1, FAR, signature),
  },
  {
    name: "DrlHead",
    contract: "revocations",
    values: () => ({ number: 1n, root: getBytes(ROOT), words: 1n, issued: 1n, expires: 2n, blockNumber: 1n }),
    call: (mesh, signature) =>
      mesh.revocations.postHead(
        { number: 1n, root: ROOT, words: 1n, issued: 1n, expires: 2n, blockNumber: 1n },
        signature,
      ),
  },
  {
    name: "Checkpoint",
    contract: "revocations",
    values: () => ({ number: 1n, blockNumber: 1n, blockHash: getBytes(ROOT) }),
    call: (mesh, signature) =>
      mesh.revocations.postCheckpoint({ number: 1n, blockNumber: 1n, blockHash: ROOT }, signature),
  },
  {
    name: "ShardMapRoot",
    contract: "shards",
    values: () => ({ fleetId: 1n, subject: 0n, mapHash: getBytes(mapHash(MAP, "0x80")), expiry: FAR }),
    call: (mesh, signature) => mesh.shards.rotateBySwarm(1, 0, MAP, "0x80", FAR, signature),
  },
];

/** The fixture's mesh, with a device to revoke. */
async function withDevice(): Promise<Mesh> {
  const mesh = await opened();
  await withHeads(mesh);
  return mesh;
}

/** A device, and a tick of which there can be a head. */
async function withHeads(mesh: Mesh): Promise<void> {
  await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, POLICY, ROOT, 0, 1);
  await awaitTick(connection, mesh.anchor, 1n);
}

async function digestOn(mesh: Mesh, contract: ContractName, test: Case, chainId = mesh.chainId): Promise<Uint8Array> {
  const domain = {
    chainId,
    verifyingContract: getBytes(await mesh[contract].getAddress()),
    meshId: getBytes(mesh.meshId),
  };
  return statementDigest(domainSeparator(domain), test.name, test.values(mesh));
}

describe("a statement of the swarm is not replayed", () => {
  for (const test of cases) {
    const expectRefused = async (mesh: Mesh, digest: Uint8Array) =>
      expect(test.call(mesh, blsSign(GROUP_SECRET, digest)))
        .to.be.revertedWithCustomError(mesh[test.contract], "InvalidSwarmSignature")
        .withArgs(await digestOn(mesh, test.contract, test));

    it(`${test.name}: on another mesh`, async () => {
      const mesh = await networkHelpers.loadFixture(withDevice);
      const other = await openMesh(connection, 2n);
      await withHeads(other);
      const digest = await digestOn(mesh, test.contract, test);
      await expectRefused(other, digest);
      await test.call(mesh, blsSign(GROUP_SECRET, digest));
    });

    it(`${test.name}: on another chain, at the same addresses`, async () => {
      const mesh = await networkHelpers.loadFixture(withDevice);
      await expectRefused(mesh, await digestOn(mesh, test.contract, test, 4_242n));
    });

    it(`${test.name}: on another contract`, async () => {
      const mesh = await networkHelpers.loadFixture(withDevice);
      for (const contract of ["anchor", "registry", "fleets", "revocations", "shards"] as const) {
        if (contract !== test.contract) await expectRefused(mesh, await digestOn(mesh, contract, test));
      }
    });

    it(`${test.name}: as another kind`, async () => {
      const mesh = await networkHelpers.loadFixture(withDevice);
      for (const other of cases.filter(({ name }) => name !== test.name)) {
        await expectRefused(mesh, await digestOn(mesh, test.contract, { ...other }));
      }
    });
  }

  it("a mesh on a chain of another id takes its own statements only", async () => {
    const here = await networkHelpers.loadFixture(withDevice);
    const there = await openMesh(await network.create({ override: { chainId: 4_242 } }));
    expect(there.chainId).to.equal(4_242n);
    const admission = cases.find(({ name }) => name === "Admission") as Case;
    await expect(
      admission.call(there, blsSign(GROUP_SECRET, await digestOn(here, "registry", admission))),
    ).to.be.revertedWithCustomError(there.registry, "InvalidSwarmSignature");
    await admission.call(there, blsSign(GROUP_SECRET, await digestOn(there, "registry", admission)));
  });
});

import { readdirSync } from "node:fs";

import { expect } from "chai";
import { artifacts } from "hardhat";

import MeshModule from "../../deploy/modules/Mesh.js";
import { ROOT_SECRET, connection, genesisDigest, genesisOf, deployMesh, rootPoint, rootSign, word } from "./mesh.js";

/** EIP-170: bytes of code at most. */
const CODE_LIMIT = 24_576;

describe("deployment", () => {
  it("the Ignition module deploys a mesh that a genesis begins", async () => {
    const [rootX, rootY] = rootPoint(ROOT_SECRET);
    const deployed = await connection.ignition.deploy(MeshModule, {
      parameters: { Mesh: { rootX, rootY, nonce: word(77) } },
    });
    const stand = await deployMesh(connection, 77n);
    expect(await deployed.anchor.getFunction("meshId").staticCall()).to.equal(stand.meshId);

    const mesh = { ...stand, ...deployed } as unknown as typeof stand;
    const genesis = await genesisOf(mesh);
    await mesh.anchor.submitGenesis(genesis, ...rootSign(ROOT_SECRET, await genesisDigest(mesh, genesis)));
    expect(await mesh.anchor.start()).to.be.greaterThan(0n);
    expect(await mesh.registry.candidateCount()).to.equal(8n);
    expect(await mesh.fleets.grantCount()).to.equal(1n);
  });

  it("every contract fits the limit of its code", async () => {
    const names = readdirSync("contracts")
      .filter((file) => file.endsWith(".sol"))
      .map((file) => file.slice(0, -4));
    for (const name of names) {
      const { deployedBytecode } = await artifacts.readArtifact(name);
      expect(deployedBytecode.length / 2 - 1, name).to.be.at.most(CODE_LIMIT);
    }
  });
});

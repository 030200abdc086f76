/** What services that verify sources compare: each deployed contract is, to the byte, what this checkout builds from its sources. */
import { join } from "node:path";

import { getVerificationInformation } from "@nomicfoundation/ignition-core";
import { expect } from "chai";
import { Interface, type JsonRpcProvider } from "ethers";
import { artifacts } from "hardhat";

import { CONTRACT_NAMES, CREATED_NAMES } from "../../src/ledger/contracts.js";
import { sharedMesh } from "./harness.js";

type LinkReferences = Readonly<Record<string, Readonly<Record<string, readonly { start: number; length: number }[]>>>>;

/** Bytecode with the addresses of the libraries that it calls. */
function linked(bytecode: string, references: LinkReferences, libraries: Readonly<Record<string, string>>): string {
  let code = bytecode;
  for (const [name, places] of Object.values(references).flatMap((file) => Object.entries(file))) {
    for (const { start, length } of places) {
      const [begin, end] = [2 + 2 * start, 2 + 2 * (start + length)];
      code = code.slice(0, begin) + (libraries[name] ?? "").slice(2).toLowerCase() + code.slice(end);
    }
  }
  return code;
}

describe("verified sources", () => {
  it("the deployment's journal has what Blockscout, Etherscan and Sourcify ask for, and it matches what is on the chain", async () => {
    const mesh = await sharedMesh();
    const provider = mesh.ledger.endpoint.provider as unknown as JsonRpcProvider;
    const journal = join(mesh.folder, "operator", "ignition", "deployments", `mesh-${mesh.mesh.chainId}`);
    const verified: string[] = [];
    for await (const found of getVerificationInformation(journal)) {
      if (typeof found === "string") throw new Error(`the journal has no artifact of ${found}`);
      const { address, contract, constructorArgs, libraries, creationTxHash = "" } = found;
      const { abi, bytecode, linkReferences } = await artifacts.readArtifact(contract);
      const given = new Interface(abi).encodeDeploy(constructorArgs as unknown[]).slice(2);
      const sent = await provider.getTransaction(creationTxHash);
      expect(sent?.data, contract).to.equal(linked(bytecode, linkReferences, libraries) + given);
      expect((await provider.getTransactionReceipt(creationTxHash))?.contractAddress, contract).to.equal(address);
      verified.push(address);
    }
    const { contracts } = mesh.ledger;
    // Other constructors make these: a part of those transactions, in which explorers find them.
    const made: readonly string[] = CREATED_NAMES;
    const deployed = CONTRACT_NAMES.filter((name) => !made.includes(name));
    const addresses = await Promise.all(deployed.map(async (name) => contracts[name].getAddress()));
    expect(verified).to.include.members(addresses);
  });
});

import { expect } from "chai";
import fc from "fast-check";

import { SwarmkeepError } from "../../src/runtime/errors.js";
import { formatMeshFile, parseMeshFile } from "../../src/runtime/mesh-file.js";
import { TEST_MESH } from "./test-mesh-file.js";

function withField(name: string, value: unknown): string {
  return JSON.stringify({ ...(JSON.parse(formatMeshFile(TEST_MESH)) as object), [name]: value });
}

function codeOf(text: string): { code: string; field: unknown } {
  try {
    parseMeshFile(text, "mesh.json");
  } catch (error) {
    if (error instanceof SwarmkeepError) return { code: error.code, field: error.details["field"] };
    throw error;
  }
  throw new Error("it was accepted");
}

describe("mesh file", () => {
  it("comes back as it was written", () => {
    expect(parseMeshFile(formatMeshFile(TEST_MESH), "mesh.json")).to.deep.equal(TEST_MESH);
  });

  for (const [field, value] of Object.entries({
    format: 2,
    meshId: "0x1234",
    chainId: 31337,
    anchor: "0x5FbDB2315678afecb367f032d93F642f64180AA3",
    deployedBlock: -1,
    rpc: ["ftp://example.org"],
    ownNode: "yes",
    rootCertificate: "-----BEGIN CERTIFICATE-----",
    rootFingerprint: "00".repeat(32),
  })) {
    it(`names the field ${field} where it makes no sense`, () => {
      expect(codeOf(withField(field, value))).to.deep.equal({ code: "mesh-file-damaged", field });
      expect(codeOf(withField(field, undefined))).to.deep.equal({ code: "mesh-file-damaged", field });
    });
  }

  it("refuses anything else with a typed error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(codeOf(text).code).to.equal("mesh-file-damaged");
      }),
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";

import { SwarmkeepError } from "../../src/runtime/errors.js";
import { type MeshFile, fingerprintOf, formatMeshFile, parseMeshFile } from "../../src/runtime/mesh-file.js";

const rootCertificate = Uint8Array.from({ length: 301 }, (_, i) => i & 0xff);
const MESH: MeshFile = {
  meshId: new Uint8Array(32).fill(7),
  chainId: 31337n,
  anchor: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  deployedBlock: 12,
  rpc: ["http://127.0.0.1:8545"],
  ownNode: true,
  rootCertificate,
  rootFingerprint: fingerprintOf(rootCertificate),
};

function withField(name: string, value: unknown): string {
  return JSON.stringify({ ...(JSON.parse(formatMeshFile(MESH)) as object), [name]: value });
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
    expect(parseMeshFile(formatMeshFile(MESH), "mesh.json")).to.deep.equal(MESH);
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

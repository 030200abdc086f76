/** A mesh file of a ledger that nobody answers for: for what reads no ledger. */
import { type MeshFile, fingerprintOf } from "../../src/runtime/mesh-file.js";

const rootCertificate = Uint8Array.from({ length: 301 }, (_, i) => i & 0xff);

export const TEST_MESH: MeshFile = {
  meshId: new Uint8Array(32).fill(7),
  chainId: 31337n,
  anchor: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  deployedBlock: 12,
  rpc: ["http://127.0.0.1:9"],
  ownNode: true,
  rootCertificate,
  rootFingerprint: fingerprintOf(rootCertificate),
};

/** What a device staples to its certificate: its word of the revocation list, the path, the head and the swarm's BLS signature. */
import { listProof } from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";

export function drlProofBytes(devices: number, goal: number): OffchainFigure {
  return {
    operation: `drlProofBytes${devices}`,
    unit: "bytes",
    goal,
    best: undefined,
    source: "the whole list elsewhere; CRLite: 26.8 kB for each 6 h",
    measure: async () => listProof({ devices, index: devices - 1 }).length,
  };
}

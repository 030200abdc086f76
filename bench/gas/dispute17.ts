import type { GasFigure } from "../figure.js";
import { gasOfDispute } from "./dispute.js";

/** Of the BLS12-381 half. */
export const dispute17: GasFigure = {
  operation: "dispute17",
  goal: 320_000,
  best: 106_000,
  source: "EthDKG at n = 8; 1.5M at n = 256",
  measure: () => gasOfDispute("g1"),
};

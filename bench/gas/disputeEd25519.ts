import type { GasFigure } from "../figure.js";
import { gasOfDispute } from "./dispute.js";

/** Of the Ed25519 half, for which there is no precompile. */
export const disputeEd25519: GasFigure = {
  operation: "disputeEd25519",
  goal: 320_000,
  best: 500_000,
  source: "one Ed25519 signature check elsewhere",
  measure: () => gasOfDispute("ed25519"),
};

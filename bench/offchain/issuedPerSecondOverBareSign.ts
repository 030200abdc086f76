/**
 * Certificates that one validator signs per second by its whole issuing path (decoding, policy, manifest, the device's
 * signature, its slot on disk, partial signature, evidence), over bare native BLS signatures per second on one thread.
 */
import type { OffchainFigure } from "../figure.js";
import { issuedOverBareSign } from "./issuing-rate.js";

export const issuedPerSecondOverBareSign: OffchainFigure = {
  operation: "issuedPerSecondOverBareSign",
  unit: "certificates for each bare native BLS signature",
  goal: 0.5,
  best: undefined,
  source: "SPIRE: 500 signings/s for each address",

  measure: () => issuedOverBareSign(async ({ requests }) => requests),
};

import type { GasFigure } from "../figure.js";
import { gasOfRevocation } from "./revocation.js";

/** One device, alone: what most revocations are. */
export const revoke1: GasFigure = {
  operation: "revoke1",
  goal: undefined,
  best: 22_100,
  source: "a storage slot per device, without a signature check",
  measure: () => gasOfRevocation([1n << 77n]),
};

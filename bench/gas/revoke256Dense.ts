import type { GasFigure } from "../figure.js";
import { gasOfRevocation } from "./revocation.js";

/** 256 devices of one word. */
export const revoke256Dense: GasFigure = {
  operation: "revoke256Dense",
  goal: 256_000,
  best: 256 * 22_100,
  source: "256 x 22,100, a storage slot per device",
  measure: () => gasOfRevocation([(1n << 256n) - 1n]),
};

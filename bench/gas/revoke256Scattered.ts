import type { GasFigure } from "../figure.js";
import { gasOfRevocation } from "./revocation.js";

/** A device in each of 256 words: the worst case. */
export const revoke256Scattered: GasFigure = {
  operation: "revoke256Scattered",
  goal: 6_144_000,
  best: 256 * 22_100,
  source: "256 x 22,100, a storage slot per device, without a signature check",
  measure: () => gasOfRevocation(Array.from({ length: 256 }, (_, i) => 1n << BigInt(i))),
};

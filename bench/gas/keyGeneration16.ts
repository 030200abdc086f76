import type { GasFigure } from "../figure.js";
import { gasOfKeyGeneration } from "./keyGeneration.js";

export const keyGeneration16: GasFigure = {
  operation: "keyGeneration16",
  goal: undefined,
  best: undefined,
  source: undefined,
  measure: () => gasOfKeyGeneration(16),
};

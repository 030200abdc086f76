import type { GasFigure } from "../figure.js";
import { gasOfKeyGeneration } from "./keyGeneration.js";

export const keyGeneration7: GasFigure = {
  operation: "keyGeneration7",
  goal: undefined,
  best: undefined,
  source: undefined,
  measure: () => gasOfKeyGeneration(7),
};

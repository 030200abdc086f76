import type { GasFigure } from "../figure.js";
import { gasOfRotation } from "./rotation.js";

export const rotation16: GasFigure = {
  operation: "rotation16",
  goal: 5_500_000,
  best: undefined,
  source: "led and manual elsewhere",
  measure: () => gasOfRotation(16),
};

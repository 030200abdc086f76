import type { GasFigure } from "../figure.js";
import { gasOfRotation } from "./rotation.js";

export const rotation16: GasFigure = {
  operation: "rotation16",
  goal: undefined,
  best: undefined,
  source: "aimed at: 5,500,000; led and manual elsewhere",
  measure: () => gasOfRotation(16),
};

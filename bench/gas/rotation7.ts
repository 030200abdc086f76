import type { GasFigure } from "../figure.js";
import { gasOfRotation } from "./rotation.js";

export const rotation7: GasFigure = {
  operation: "rotation7",
  goal: 2_500_000,
  best: undefined,
  source: "led and manual elsewhere",
  measure: () => gasOfRotation(7),
};

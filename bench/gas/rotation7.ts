import type { GasFigure } from "../figure.js";
import { gasOfRotation } from "./rotation.js";

export const rotation7: GasFigure = {
  operation: "rotation7",
  goal: undefined,
  best: undefined,
  source: "aimed at: 2,500,000; led and manual elsewhere",
  measure: () => gasOfRotation(7),
};

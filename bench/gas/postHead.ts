import type { GasFigure } from "../figure.js";
import { gasOfHead } from "./posts.js";

export const postHead: GasFigure = {
  operation: "postHead",
  goal: undefined,
  best: undefined,
  source: undefined,
  measure: gasOfHead,
};

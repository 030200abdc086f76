import type { GasFigure } from "../figure.js";
import { gasOfCheckpoint } from "./posts.js";

export const postCheckpoint: GasFigure = {
  operation: "postCheckpoint",
  goal: undefined,
  best: undefined,
  source: undefined,
  measure: gasOfCheckpoint,
};

import { deploySortition, weightsOf } from "../../test/contracts/sortition-fixture.js";
import type { GasFigure } from "../figure.js";

export const updateWeightOf10000: GasFigure = {
  operation: "updateWeightOf10000",
  goal: 60_000,
  best: undefined,
  source: undefined,
  measure: () => gasOfUpdate(10_000),
};

/** One candidate's weight changes, in the middle of the tree. */
export async function gasOfUpdate(candidates: number): Promise<number> {
  const harness = await deploySortition(weightsOf(candidates));
  const transaction = await harness.update(Math.floor(candidates / 2), 131_071);
  const receipt = await transaction.wait();
  if (receipt === null) throw new Error("no receipt");
  return Number(receipt.gasUsed);
}

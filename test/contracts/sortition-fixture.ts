/** A sum tree on the ledger with many candidates of distinct weights. */
import { connection } from "./mesh.js";

const { ethers } = connection;

/** Leaves set in one transaction, within its limit of gas. */
const BATCH = 400;

/** Distinct for up to 10,000 candidates, and of no order: 7,919 is prime to 131,071. */
export function weightsOf(candidates: number): number[] {
  return Array.from({ length: candidates }, (_, i) => 1 + ((i * 7_919 + 12_345) % 131_071));
}

export async function deploySortition(weights: readonly number[]) {
  const harness = await ethers.deployContract("SortitionHarness");
  for (let first = 0; first < weights.length; first += BATCH) {
    await harness.append(weights.slice(first, first + BATCH));
  }
  return harness;
}

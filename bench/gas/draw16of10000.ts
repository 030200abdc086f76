import { keccak256, toUtf8Bytes } from "ethers";

import { deploySortition, weightsOf } from "../../test/contracts/sortition-fixture.js";
import type { GasFigure } from "../figure.js";

/** Distinct weights; the committee is stored; the check of the beacon is not counted. */
export const draw16of10000: GasFigure = {
  operation: "draw16of10000",
  goal: 300_000,
  best: undefined,
  source: "none verifiable at that size",
  measure: () => gasOfDraw(10_000, 16),
};

/** The dearest of a few beacons, since how many words a draw reads is chance. */
export async function gasOfDraw(candidates: number, seats: number): Promise<number> {
  const harness = await deploySortition(weightsOf(candidates));
  let dearest = 0;
  for (let i = 0; i < 8; i++) {
    // The first one stores into empty slots, as an epoch's does.
    const { gasUsed } = await gasOfOne(i);
    dearest = Math.max(dearest, Number(gasUsed));
  }
  return dearest;

  async function gasOfOne(i: number): Promise<{ gasUsed: bigint }> {
    const transaction = await harness.drawCommittee(keccak256(toUtf8Bytes(`beacon ${i}`)), seats);
    const receipt = await transaction.wait();
    if (receipt === null) throw new Error("no receipt");
    return receipt;
  }
}

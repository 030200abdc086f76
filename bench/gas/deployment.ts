import { deployMesh } from "../../test/contracts/ceremony-fixture.js";
import type { GasFigure } from "../figure.js";

/** All contracts of a mesh and their libraries. */
export const deployment: GasFigure = {
  operation: "deployment",
  goal: undefined,
  best: undefined,
  source: undefined,

  async measure() {
    const { chain } = await deployMesh(4);
    const { provider } = chain.ethers;
    const last = await provider.getBlockNumber();
    let gas = 0n;
    for (let number = 1; number <= last; number++) {
      for (const hash of (await provider.getBlock(number))?.transactions ?? []) {
        const receipt = await provider.getTransactionReceipt(hash);
        if (typeof receipt?.contractAddress === "string") gas += receipt.gasUsed;
      }
    }
    return Number(gas);
  },
};

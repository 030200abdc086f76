import type { Connection } from "../../test/contracts/mesh.js";

/** Gas of all transactions that `act` sends. */
export async function gasSince({ ethers }: Connection, act: () => Promise<unknown>): Promise<number> {
  const before = await ethers.provider.getBlockNumber();
  await act();
  const last = await ethers.provider.getBlockNumber();
  let gas = 0n;
  for (let number = before + 1; number <= last; number++) {
    gas += (await ethers.provider.getBlock(number))?.gasUsed ?? 0n;
  }
  return Number(gas);
}

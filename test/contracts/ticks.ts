/** The mesh's ticks on a test's chain, whose clock goes where the test wants it. */
import type { network } from "hardhat";

import type { TrustAnchor } from "../../typechain-types/index.js";

type Chain = Pick<Awaited<ReturnType<typeof network.create>>, "networkHelpers">;
type Anchor = Pick<TrustAnchor, "tickTime">;

/** Whether the clock has to move on to tick `number`: then the next block is of that second. */
export async function setNextTick({ networkHelpers }: Chain, anchor: Anchor, number: bigint): Promise<boolean> {
  const comes = await anchor.tickTime(number);
  const isAhead = BigInt(await networkHelpers.time.latest()) < comes;
  if (isAhead) await networkHelpers.time.setNextBlockTimestamp(comes);
  return isAhead;
}

/** Moves the clock on to tick `number`, unless that has come. */
export async function awaitTick(chain: Chain, anchor: Anchor, number: bigint): Promise<void> {
  if (await setNextTick(chain, anchor, number)) await chain.networkHelpers.mine();
}

/** The reward pool from outside: what registrars pay in and validators take out (docs/protocol.md, section 15). All amounts are wei. */
import { paysRewards } from "../ledger/reward-projection.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { formatEther } from "../statements/ether.js";
import type { MeshLedger } from "./ledger.js";
import { grantOf } from "./registrar.js";

export interface PaidIn {
  readonly grantId: bigint;
  readonly amount: bigint;
  /** In the pool for epochs to come, with this. */
  readonly unallotted: bigint;
  readonly receipt: Receipt;
}

/**
 * Pays into the pool, for a grant of the sender's account.
 * @throws SwarmkeepError `rewards-off`, `no-grant`, and those of the ledger
 */
export async function payIntoPool(
  ledger: MeshLedger,
  sender: TransactionSender,
  { amount, grantId }: { readonly amount: bigint; readonly grantId: bigint | undefined },
): Promise<PaidIn> {
  await expectRewards(ledger);
  const grant = await grantOf(ledger, sender.address, grantId);
  const { contracts, addresses } = ledger;
  const data = contracts.rewards.interface.encodeFunctionData("payIn", [grant.grantId]);
  const receipt = await sender.send({ to: addresses.rewards, data, value: amount, action: "pay into the reward pool" });
  return { grantId: grant.grantId, amount, unallotted: await contracts.rewards.unallotted(), receipt };
}

/**
 * Takes what the sender's account is owed.
 * @throws SwarmkeepError `nothing-owed`, and those of the ledger
 */
export async function claimRewards(
  ledger: MeshLedger,
  sender: TransactionSender,
): Promise<{ readonly amount: bigint; readonly receipt: Receipt }> {
  const { contracts, addresses } = ledger;
  const amount = await contracts.rewards.owed(sender.address);
  if (amount === 0n) {
    throw new SwarmkeepError(`the account ${sender.address} is owed nothing`, {
      kind: "usage",
      code: "nothing-owed",
      advice:
        "Members earn by epochs in office that were measured, from what registrars paid in: see `swarmkeep validator history`.",
      details: { account: sender.address, unallotted: formatEther(await contracts.rewards.unallotted()) },
    });
  }
  const data = contracts.rewards.interface.encodeFunctionData("claim");
  const receipt = await sender.send({ to: addresses.rewards, data, action: "claim rewards" });
  return { amount, receipt };
}

/** What is paid into a mesh without rewards could never leave the pool: its contract refuses it, and so does this, in words. */
async function expectRewards({ contracts }: MeshLedger): Promise<void> {
  if (paysRewards(await contracts.anchor.parameters())) return;
  throw new SwarmkeepError("this mesh was founded without rewards", {
    kind: "refused",
    code: "rewards-off",
    advice:
      "Its parameter rewardBps is 0, or its committee does not change or is not measured; parameters never change, so there is nobody to pay.",
  });
}

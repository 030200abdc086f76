/** `swarmkeep validator stake | exit | withdraw | unjail`: what an operator does with a validator's stake. */
import type { Command } from "commander";

import { addStake, leaveJail, startExit, withdrawStake } from "../operator/stake.js";
import { formatEther } from "../statements/ether.js";
import { when } from "../statements/time.js";
import { action, parseAmount } from "./command.js";
import { asValidator } from "./sessions.js";

interface StakeOptions {
  readonly mesh: string;
}

export function registerStake(group: Command): void {
  const command = (words: string, description: string): Command =>
    group.command(words).description(description).requiredOption("--mesh <file>", "the mesh file (mesh.json)");

  command("stake", "add to the stake of this validator")
    .requiredOption("--amount <amount>", "with its unit, such as 5ETH")
    .action(
      action<StakeOptions & { readonly amount: string }>(async (context, { mesh, amount }) => {
        const wei = parseAmount(amount, "--amount");
        await asValidator(context, mesh, async (ledger, sender) => {
          const { stake, receipt } = await addStake(ledger, sender, wei);
          const { transactionHash: transaction } = receipt;
          context.print(
            { account: sender.address, stake, transaction },
            `staked       ${formatEther(stake)} now, transaction ${transaction}`,
          );
        });
      }),
    );
  command("exit", "leave the mesh for good: no seat any more, and the stake back after the time of unbonding").action(
    action<StakeOptions>((context, { mesh }) =>
      asValidator(context, mesh, async (ledger, sender) => {
        const { withdrawable, receipt } = await startExit(ledger, sender);
        const { transactionHash: transaction } = receipt;
        const then =
          withdrawable === 0
            ? "a seat binds the stake: once it does not, withdraw starts the time of unbonding"
            : `the stake can be withdrawn from ${when(withdrawable)} on`;
        context.print(
          { account: sender.address, withdrawable, transaction },
          `exiting      ${then}, transaction ${transaction}`,
        );
      }),
    ),
  );
  command(
    "withdraw",
    "take back the stake of a validator that has left; the first time, where it had a seat, start the time of unbonding",
  ).action(
    action<StakeOptions>((context, { mesh }) =>
      asValidator(context, mesh, async (ledger, sender) => {
        const { receipt, ...done } = await withdrawStake(ledger, sender);
        const { transactionHash: transaction } = receipt;
        if ("withdrawable" in done) {
          const { withdrawable } = done;
          context.print(
            { account: sender.address, withdrawable, transaction },
            `unbonding    nothing is paid yet: the time of unbonding has begun, withdraw again from ${when(withdrawable)} on, transaction ${transaction}`,
          );
          return;
        }
        const { amount } = done;
        context.print(
          { account: sender.address, amount, transaction },
          `withdrawn    ${formatEther(amount)} to ${sender.address}, transaction ${transaction}`,
        );
      }),
    ),
  );
  command("unjail", "come back as a candidate when the time in jail is over").action(
    action<StakeOptions>((context, { mesh }) =>
      asValidator(context, mesh, async (ledger, sender) => {
        const { receipt } = await leaveJail(ledger, sender);
        const { transactionHash: transaction } = receipt;
        context.print(
          { account: sender.address, transaction },
          `released     ${sender.address} is a candidate again, transaction ${transaction}`,
        );
      }),
    ),
  );
}

/** `swarmkeep validator stake | exit | withdraw | unjail`: what an operator does with a validator's stake. */
import type { Command } from "commander";

import type { TransactionSender } from "../ledger/sender.js";
import { type MeshLedger, withSender } from "../operator/ledger.js";
import { addStake, leaveJail, startExit, withdrawStake } from "../operator/stake.js";
import { formatEther } from "../statements/ether.js";
import { readAccount } from "../validator/settings.js";
import { type CommandContext, action, parseAmount } from "./command.js";
import { meshFileOf, withLedger } from "./sessions.js";

interface StakeOptions {
  readonly mesh: string;
}

/** What is printed for programs, and for people. */
type Said = readonly [Readonly<Record<string, unknown>>, string];

/** Does something with the account of the validator's folder, and says what came of it. */
async function asValidator(
  context: CommandContext,
  options: StakeOptions,
  work: (ledger: MeshLedger, sender: TransactionSender) => Promise<Said>,
): Promise<void> {
  const mesh = await meshFileOf(context, options.mesh);
  const { privateKey } = await readAccount(context.dataFolder("validator"), await context.passphrase());
  await withLedger(mesh, (ledger) =>
    withSender(ledger.endpoint, privateKey, async (sender) => {
      const [json, text] = await work(ledger, sender);
      context.print({ account: sender.address, ...json }, text);
    }),
  );
}

export function registerStake(group: Command): void {
  const command = (words: string, description: string): Command =>
    group.command(words).description(description).requiredOption("--mesh <file>", "the mesh file (mesh.json)");

  command("stake <amount>", "add to the stake of this validator, such as 5ETH").action(
    action<StakeOptions>(async (context, options, amount) => {
      const wei = parseAmount(amount, "<amount>");
      await asValidator(context, options, async (ledger, sender) => {
        const { stake, receipt } = await addStake(ledger, sender, wei);
        const { transactionHash: transaction } = receipt;
        return [{ stake, transaction }, `staked       ${formatEther(stake)} now, transaction ${transaction}`];
      });
    }),
  );
  command("exit", "leave the mesh for good: no seat any more, and the stake back after the time of unbonding").action(
    action<StakeOptions>((context, options) =>
      asValidator(context, options, async (ledger, sender) => {
        const { withdrawable, receipt } = await startExit(ledger, sender);
        const { transactionHash: transaction } = receipt;
        const until = new Date(1000 * withdrawable).toISOString();
        return [
          { withdrawable, transaction },
          `exiting      the stake can be withdrawn from ${until} on, transaction ${transaction}`,
        ];
      }),
    ),
  );
  command("withdraw", "take back the stake of a validator that has left").action(
    action<StakeOptions>((context, options) =>
      asValidator(context, options, async (ledger, sender) => {
        const { amount, receipt } = await withdrawStake(ledger, sender);
        const { transactionHash: transaction } = receipt;
        return [
          { amount, transaction },
          `withdrawn    ${formatEther(amount)} to ${sender.address}, transaction ${transaction}`,
        ];
      }),
    ),
  );
  command("unjail", "come back as a candidate when the time in jail is over").action(
    action<StakeOptions>((context, options) =>
      asValidator(context, options, async (ledger, sender) => {
        const { receipt } = await leaveJail(ledger, sender);
        const { transactionHash: transaction } = receipt;
        return [{ transaction }, `released     ${sender.address} is a candidate again, transaction ${transaction}`];
      }),
    ),
  );
}

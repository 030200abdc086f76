/** `swarmkeep fleet pay`: a tenant pays the validators, if the mesh has rewards. */
import type { Command } from "commander";

import { withSender } from "../operator/ledger.js";
import { payIntoPool } from "../operator/rewards.js";
import { formatEther } from "../statements/ether.js";
import { type CommandContext, action, parseAmount, parseCount } from "./command.js";
import { withLedger, withRegistrar } from "./sessions.js";

const U32 = 0xffff_ffff;

export function registerPay(group: Command): void {
  group
    .command("pay")
    .description("pay into the pool that the validators in office are rewarded from")
    .requiredOption("--amount <amount>", "with its unit, such as 0.5ETH or 20gwei")
    .option("--grant <number>", "the grant that it is for, where there are several")
    .action(action(pay));
}

async function pay(
  context: CommandContext,
  options: { readonly amount: string; readonly grant?: string },
): Promise<void> {
  const amount = parseAmount(options.amount, "--amount");
  const grantId = options.grant === undefined ? undefined : BigInt(parseCount(options.grant, "--grant", U32));
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, (ledger) =>
      withSender(ledger.endpoint, registrar.wallet, async (sender) => {
        const paid = await payIntoPool(ledger, sender, { amount, grantId });
        const { transactionHash: transaction } = paid.receipt;
        context.print(
          { grantId: paid.grantId, amount, unallotted: paid.unallotted, transaction },
          [
            `paid         ${formatEther(amount)} for grant ${paid.grantId}, transaction ${transaction}`,
            `pool         ${formatEther(paid.unallotted)} for epochs to come`,
          ].join("\n"),
        );
      }),
    ),
  );
}

/** `swarmkeep validator history | claim`: how a validator stands with the swarm, and what it is paid for. */
import type { Command } from "commander";

import { claimRewards } from "../operator/rewards.js";
import { readRotationHistory } from "../operator/rotation-history.js";
import { describeHistory, validatorHistory } from "../operator/validator-history.js";
import { formatEther } from "../statements/ether.js";
import { action } from "./command.js";
import { asValidator, meshFileOf, parseAddress, withLedger } from "./sessions.js";

interface HistoryOptions {
  readonly validator: string;
  readonly mesh?: string;
}

export function registerRewards(group: Command): void {
  group
    .command("history")
    .description("show what the ledger tells of a validator: quality, reputation, epochs in office, rewards, fines")
    .requiredOption("--validator <address>", "account of the validator")
    .option("--mesh <file>", "mesh.json; by default that of the operator's folder")
    .action(
      action<HistoryOptions>(async (context, options) => {
        const account = parseAddress(options.validator, "--validator");
        const mesh = await meshFileOf(context, options.mesh);
        const history = validatorHistory(await withLedger(mesh, readRotationHistory), account);
        context.print(history, describeHistory(history));
      }),
    );
  group
    .command("claim")
    .description("take the rewards that this validator is owed")
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .action(
      action<{ readonly mesh: string }>(async (context, options) => {
        await asValidator(context, options.mesh, async (ledger, sender) => {
          const { amount, receipt } = await claimRewards(ledger, sender);
          const { transactionHash: transaction } = receipt;
          context.print(
            { account: sender.address, amount, transaction },
            `claimed      ${formatEther(amount)} for ${sender.address}, transaction ${transaction}`,
          );
        });
      }),
    );
}

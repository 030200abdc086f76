/** `swarmkeep validator declare-compromise`: a member in office says that the group keys are in wrong hands. */
import type { Command } from "commander";

import { withSender } from "../operator/ledger.js";
import { declareCompromise } from "../operator/recovery.js";
import { readAccount } from "../validator/settings.js";
import { action } from "./command.js";
import { meshFileOf, withLedger } from "./sessions.js";

export function registerDeclare(group: Command): void {
  group
    .command("declare-compromise")
    .description(
      "say on the ledger, as a member in office, that the group keys are in wrong hands, as the root CA does",
    )
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .action(
      action<{ readonly mesh: string }>(async (context, options) => {
        const mesh = await meshFileOf(context, options.mesh);
        const { privateKey } = await readAccount(context.dataFolder("validator"), await context.passphrase());
        await withLedger(mesh, (ledger) =>
          withSender(ledger.endpoint, privateKey, async (sender) => {
            const { transactionHash: transaction } = await declareCompromise(ledger, sender);
            context.print({ transaction }, `declared     transaction ${transaction}`);
          }),
        );
      }),
    );
}

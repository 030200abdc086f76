/** `swarmkeep validator declare-compromise`: a member in office says that the group keys are in wrong hands. */
import type { Command } from "commander";

import { declareCompromise } from "../operator/recovery.js";
import { action } from "./command.js";
import { asValidator } from "./sessions.js";

export function registerDeclare(group: Command): void {
  group
    .command("declare-compromise")
    .description(
      "say on the ledger, as a member in office, that the group keys are in wrong hands, as the root CA does",
    )
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .action(
      action<{ readonly mesh: string }>(async (context, options) => {
        const { transactionHash: transaction } = await asValidator(context, options.mesh, declareCompromise);
        context.print({ transaction }, `declared     transaction ${transaction}`);
      }),
    );
}

/** `swarmkeep validator apply`: a gateway becomes a candidate for the committee, on the word of its certificate. */
import type { Command } from "commander";

import { openDevice } from "../device/open.js";
import { applyAsCandidate } from "../operator/candidacy.js";
import { readPassphrase } from "../runtime/passphrase.js";
import { action } from "./command.js";
import { asValidator } from "./sessions.js";

interface ApplyOptions {
  readonly mesh: string;
  readonly device: string;
  readonly devicePassphraseFile?: string;
}

export function registerApply(group: Command): void {
  group
    .command("apply")
    .description("have the swarm admit this validator as the candidate of a gateway, by the gateway's certificate")
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .requiredOption("--device <folder>", "data folder of the enrolled gateway")
    .option("--device-passphrase-file <file>", "passphrase of that folder; that of the validator's if not given")
    .action(
      action<ApplyOptions>(async (context, options) => {
        const file = options.devicePassphraseFile;
        await asValidator(context, options.mesh, async (ledger, sender) => {
          const passphrase = file === undefined ? await context.passphrase() : await readPassphrase({ file });
          const { agent } = await openDevice(options.device, passphrase);
          try {
            const { index, receipt } = await applyAsCandidate(ledger, agent, sender);
            context.print(
              { account: sender.address, device: index, transaction: receipt.transactionHash },
              [
                `admitted     ${sender.address}, as the candidate of device ${index}`,
                `next         ${context.next(`validator run --mesh ${options.mesh}`)}: registers with its stake`,
              ].join("\n"),
            );
          } finally {
            await agent.close();
          }
        });
      }),
    );
}

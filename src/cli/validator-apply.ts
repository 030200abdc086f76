/** `swarmkeep validator apply`: a gateway becomes a candidate for the committee, on the word of its certificate. */
import type { Command } from "commander";

import { openDevice } from "../device/open.js";
import { applyAsCandidate } from "../operator/candidacy.js";
import { withSender } from "../operator/ledger.js";
import { readPassphrase } from "../runtime/passphrase.js";
import { readAccount } from "../validator/settings.js";
import { action } from "./command.js";
import { meshFileOf, withLedger } from "./sessions.js";

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
        const mesh = await meshFileOf(context, options.mesh);
        const passphrase = await context.passphrase();
        const { privateKey, address } = await readAccount(context.dataFolder("validator"), passphrase);
        const file = options.devicePassphraseFile;
        const { agent } = await openDevice(
          options.device,
          file === undefined ? passphrase : await readPassphrase({ file }),
        );
        try {
          await withLedger(mesh, (ledger) =>
            withSender(ledger.endpoint, privateKey, async (sender) => {
              const { index, receipt } = await applyAsCandidate(ledger, agent, sender);
              context.print(
                { account: address, device: index, transaction: receipt.transactionHash },
                [
                  `admitted     ${address}, as the candidate of device ${index}`,
                  `next         ${context.next(`validator run --mesh ${options.mesh}`)}: registers with its stake`,
                ].join("\n"),
              );
            }),
          );
        } finally {
          await agent.close();
        }
      }),
    );
}

/** `validator approve`: this validator's operator agrees to one exact statement, on this machine (docs/protocol.md, section 8). */
import { join } from "node:path";

import type { Command } from "commander";

import { proposedDigest } from "../operator/proposal.js";
import { parseProposal } from "../operator/proposals.js";
import { makeFolder } from "../runtime/atomic-file.js";
import { hasDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { approve, isApproved } from "../validator/approvals.js";
import { action, readInput } from "./command.js";
import { text } from "./sessions.js";

interface ApproveOptions {
  readonly statement: string;
  readonly yes?: boolean;
}

export function registerApprove(group: Command): void {
  group
    .command("approve")
    .description("agree to a statement, so that this validator signs it when it is asked; without --yes only show it")
    .requiredOption(
      "--statement <file>",
      "as `swarmkeep mesh grant`, `admit`, `succeed`, `rekey`, `resize` or `object` wrote it",
    )
    .option("--yes", "agree")
    .action(
      action<ApproveOptions>(async (context, options) => {
        const proposed = parseProposal(text(await readInput(options.statement, 65_536)));
        const path = context.dataFolder("validator");
        if (!(await hasDataFolder(path))) {
          throw new SwarmkeepError(`there is no validator in ${path}`, {
            kind: "usage",
            code: "no-validator",
            advice: "Run `swarmkeep validator init` first, or name its folder with --data.",
            details: { path },
          });
        }
        const digest = proposedDigest(proposed);
        const folder = await approvalsFolder(path);
        if (options.yes === true) await approve(folder, digest, proposed.request);
        const approved = await isApproved(folder, digest);
        const verdict = approved ? "Approved." : "Not approved yet: run it again with --yes to agree.";
        context.print({ digest, approved }, `${proposed.description}\n${verdict}`);
      }),
    );
}

/** Beside a running validator, which holds the folder's lock: approvals are files of their own. */
async function approvalsFolder(path: string): Promise<string> {
  const folder = join(path, "approvals");
  await makeFolder(folder);
  return folder;
}

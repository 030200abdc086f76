/** `swarmkeep mesh recover`: the root CA's way to new group keys where those in office are lost or in wrong hands. */
import type { Command } from "commander";

import { parseMember } from "../operator/genesis.js";
import { withSender } from "../operator/ledger.js";
import { continueRecovery, requestRecovery } from "../operator/recovery.js";
import { type CommandContext, action, readInput } from "./command.js";
import { text, withLedger, withOperator } from "./sessions.js";

interface RecoverOptions {
  readonly member?: readonly string[];
  readonly compromised?: boolean;
}

export function registerRecover(group: Command): void {
  group
    .command("recover")
    .description("ask by the root CA for new group keys, of these members; then, without --member, go on with it")
    .option("--member <file...>", "member.json of each validator that is to hold the new keys, 4 to 32")
    .option("--compromised", "the keys are in wrong hands, and members in office declare so; without it they are lost")
    .action(action<RecoverOptions>(recover));
}

async function recover(context: CommandContext, { member: paths, compromised }: RecoverOptions): Promise<void> {
  const read = async (path: string): Promise<string> => text(await readInput(path, 65_536));
  const members = await Promise.all((paths ?? []).map(async (path) => parseMember(await read(path), path)));
  await withOperator(context, async (operator) =>
    withLedger(await operator.meshFile(), (ledger) =>
      withSender(ledger.endpoint, operator.privateKey, async (sender) => {
        if (members.length === 0) {
          const step = await continueRecovery(ledger, sender);
          const next =
            step.step === "begun"
              ? "next         the members register; then swarmkeep mesh recover again, which starts the ceremony"
              : "next         wait until `swarmkeep mesh status` shows the next generation, then swarmkeep mesh certify";
          return context.print({ ...step }, [`request      ${step.number}: ${step.step}`, next].join("\n"));
        }
        const isCompromised = compromised === true;
        const { request, receipt } = await requestRecovery(ledger, operator.root, sender, { members, isCompromised });
        const waits = isCompromised
          ? "more than a third of the committee to declare: swarmkeep validator declare-compromise"
          : "the window to end, in which the swarm may cancel it: swarmkeep mesh object";
        context.print(
          { number: request.number, generation: request.generation, transaction: receipt.transactionHash },
          [
            `request      ${request.number}, for new keys in place of generation ${request.generation}`,
            `waits for    ${waits}`,
            "then         swarmkeep mesh recover",
          ].join("\n"),
        );
      }),
    ),
  );
}

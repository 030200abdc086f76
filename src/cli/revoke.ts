/** `swarmkeep revoke`: a registrar revokes, holds or releases devices of its fleets. */
import type { Command } from "commander";

import { MAXIMUM_INDEXES } from "../operator/governance.js";
import { withSender } from "../operator/ledger.js";
import { holdDevices, revokeDevices, revokedAlready } from "../operator/revocation.js";
import { MAXIMUM_REVOKED_AT_ONCE } from "../protocol/api.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { REVOCATION_REASON } from "../statements/cose.js";
import { type CommandContext, action, parseCount } from "./command.js";
import { withLedger, withRegistrar, withValidators } from "./sessions.js";

interface RevokeOptions {
  readonly index: readonly string[];
  readonly reason: string;
  readonly hold?: boolean;
  readonly release?: boolean;
}

/** Reasons that are final; a hold is a transaction of its own. */
const REASONS = Object.keys(REVOCATION_REASON).filter((name) => name !== "certificateHold");

export function register(group: Command): void {
  group
    .description("revoke devices of one's fleets, for ever; or hold and release them")
    .requiredOption("--index <number...>", "indexes of the devices")
    .option("--reason <reason>", REASONS.join(", "), "unspecified")
    .option("--hold", "refuse the devices until they are released")
    .option("--release", "end a hold")
    .action(action(revoke));
}

async function revoke(context: CommandContext, options: RevokeOptions): Promise<void> {
  const indexes = options.index.map((index) => parseCount(index, "--index", MAXIMUM_INDEXES - 1));
  const reason = reasonOf(options.reason);
  if (indexes.length > MAXIMUM_REVOKED_AT_ONCE) {
    throw usage("too-many-devices", `${indexes.length} devices are more than the ${MAXIMUM_REVOKED_AT_ONCE} at once`);
  }
  if (options.hold === true && options.release === true) {
    throw usage("option-conflict", "--hold and --release exclude one another");
  }
  const kind = options.hold === true ? "hold" : options.release === true ? "release" : undefined;
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, (ledger) =>
      withSender(ledger.endpoint, registrar.wallet, async (sender) => {
        if (kind !== undefined) {
          const { transactionHash, gasUsed } = await holdDevices(ledger, sender, kind, indexes);
          const done = kind === "hold" ? "held" : "released";
          return context.print(
            { [done]: indexes, transaction: transactionHash, gasUsed },
            `${done}: ${indexes.join(", ")}`,
          );
        }
        const already = await revokedAlready(ledger, indexes);
        const wanted = indexes.filter((index) => !already.includes(index));
        const before = already.length === 0 ? [] : [`before       ${already.join(", ")}: revoked already`];
        if (wanted.length === 0) return context.print({ revoked: [], already }, before.join("\n"));
        const { receipt, signedAfter, minedAfter } = await withValidators(ledger, (validators) =>
          revokeDevices(ledger, validators, sender, registrar.wallet, { indexes: wanted, reason }),
        );
        const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
        context.print(
          {
            revoked: wanted,
            already,
            transaction: receipt.transactionHash,
            gasUsed: receipt.gasUsed,
            signedAfter,
            minedAfter,
          },
          [
            ...before,
            `revoked      ${wanted.join(", ")}`,
            `signed       by the swarm after ${seconds(signedAfter)}`,
            `on ledger    ${seconds(minedAfter)} later, block ${receipt.blockNumber}, ${receipt.gasUsed} gas`,
            "verifiers    refuse the devices from the next revocation head on",
          ].join("\n"),
        );
      }),
    ),
  );
}

function reasonOf(name: string): number {
  const reason = REASONS.includes(name) ? REVOCATION_REASON[name as keyof typeof REVOCATION_REASON] : undefined;
  if (reason !== undefined) return reason;
  throw usage("bad-reason", `--reason takes ${REASONS.join(", ")}, not ${JSON.stringify(name)}`);
}

function usage(code: string, message: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "usage", code, advice: "See `swarmkeep revoke --help`." });
}

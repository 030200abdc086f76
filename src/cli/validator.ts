/** `swarmkeep validator ...`: one member of the swarm. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";

import { parseListen } from "../net/endpoint.js";
import { openDataFolder } from "../runtime/data-folder.js";
import { createLogger } from "../runtime/log.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readMeshFile } from "../runtime/mesh-file.js";
import {
  SETTINGS_FILE,
  type ValidatorSettings,
  checkSettings,
  initialiseValidator,
  openKeys,
  readSettings,
  writeMemberFile,
} from "../validator/settings.js";
import { action, describe, parseAmount } from "./command.js";
import {
  type IpfsOptions,
  type KeystoreOptions,
  fastKeystore,
  ipfsSettings,
  keystoreCost,
  networkNews,
  withIpfsOptions,
} from "./options.js";
import { registerApply } from "./validator-apply.js";
import { registerApprove } from "./validator-approve.js";
import { registerDeclare } from "./validator-declare.js";
import { registerRewards } from "./validator-rewards.js";
import { registerStake } from "./validator-stake.js";

interface InitOptions extends KeystoreOptions, IpfsOptions {
  readonly operator?: string;
  readonly listen: string;
  readonly endpoint?: string;
  readonly scope: string;
  readonly stake?: string;
  readonly estListen?: string;
  readonly sidePort?: string;
  readonly crlListen?: string;
  readonly postEvery?: string;
}

interface RunOptions {
  readonly mesh: string;
}

const ROLE = "validator";

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

export function register(group: Command): void {
  withIpfsOptions(
    group
      .command("init")
      .description(
        "make the keys and settings of a validator; a second run keeps the keys, and the settings that are not given",
      )
      .option("--operator <name>", "who runs it; a mesh takes one validator of each. None for a gateway that applies")
      .requiredOption("--listen <host:port>", "where it listens")
      .option("--endpoint <host:port>", "where others reach it, for the registry (default: the listening address)")
      .requiredOption("--scope <scope>", "where it stands, such as geo:u33 or grp:city/north")
      .option(
        "--stake <amount>",
        "what it stakes when it registers, such as 2.5ETH (default: the least that the mesh takes)",
      )
      .option("--est-listen <host:port>", "where it serves EST (RFC 7030); nowhere if not given")
      .option("--side-port <port>", "loopback port of /health and /metrics")
      .option("--crl-listen <host:port>", "where it serves certificate revocation lists over plain HTTP")
      .option("--post-every <n>", "each how manieth scheduled revocation head it posts to the ledger; 0 for none"),
  )
    .addOption(fastKeystore())
    .action(
      action<InitOptions>(async (context, options) => {
        // All before the folder is made, and this role's: whoever mistyped may want it for another.
        const sidePort = number(options.sidePort);
        const postEvery = number(options.postEvery);
        const path = context.dataFolder(ROLE);
        // What is not given stays as an earlier run set it.
        const before = existsSync(join(path, SETTINGS_FILE)) ? await readSettings(path) : undefined;
        const isApart = before !== undefined && before.endpoint !== before.listen;
        const settings: ValidatorSettings = {
          ...before,
          listen: options.listen,
          endpoint: options.endpoint ?? (isApart ? before.endpoint : options.listen),
          scope: options.scope,
          ...(options.stake === undefined ? {} : { stakeWei: parseAmount(options.stake, "--stake").toString() }),
          ...(options.estListen === undefined ? {} : { estListen: options.estListen }),
          ...(sidePort === undefined ? {} : { sidePort }),
          ...(options.crlListen === undefined ? {} : { crlListen: options.crlListen }),
          ...(postEvery === undefined ? {} : { postEvery }),
          ...ipfsSettings(options),
        };
        checkSettings(settings);
        expectReachable(settings.endpoint);
        if (options.operator?.trim() === "") throw noOperator();
        const passphrase = await context.passphrase();
        const folder = await openDataFolder(path, ROLE);
        try {
          const news = networkNews(options);
          const account = await initialiseValidator(folder, passphrase, {
            settings,
            cost: keystoreCost(options),
            ipfsNetwork: options.ipfsNetwork,
          });
          const { operator } = options;
          const member = operator === undefined ? { account } : await writeMemberFile(folder, account, operator);
          context.print(
            { folder: folder.path, ...member },
            [describe({ folder: folder.path, ...member }), ...news].join("\n"),
          );
        } finally {
          await folder.close();
        }
      }),
    );

  group
    .command("run")
    .description("run the validator until it is stopped with SIGINT or SIGTERM; logs go to standard error as JSON")
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .action(
      action<RunOptions>(async (context, options) => {
        const mesh = await readMeshFile(options.mesh);
        const path = context.dataFolder(ROLE);
        const settings = await readSettings(path);
        const folder = await openDataFolder(path, ROLE);
        try {
          const keys = await openKeys(folder, await context.passphrase());
          const log = createLogger({ name: ROLE });
          // The other commands do without all that it loads.
          const { startValidator } = await import("../validator/daemon.js");
          const validator = await startValidator({ folder, keys, settings, mesh, log });
          const { server, plain, est, side } = validator.listening;
          context.print({
            ready: true,
            account: validator.account,
            listening: `${server.host}:${server.port}`,
            ...(plain === undefined ? {} : { crl: `${plain.host}:${plain.port}` }),
            ...(est === undefined ? {} : { est: `${est.host}:${est.port}` }),
            ...(side === undefined ? {} : { side: `${side.host}:${side.port}` }),
          });
          const stop = (): void => void validator.stop();
          process.once("SIGINT", stop);
          process.once("SIGTERM", stop);
          try {
            await validator.ended;
          } finally {
            await validator.stop();
          }
        } finally {
          await folder.close();
        }
      }),
    );

  registerApply(group);
  registerApprove(group);
  registerDeclare(group);
  registerRewards(group);
  registerStake(group);
}

/** @throws SwarmkeepError `bad-endpoint` for one at which nobody else reaches anything */
function expectReachable(endpoint: string): void {
  const { host, port } = parseListen(endpoint);
  if (port !== 0 && host !== "0.0.0.0" && host !== "::") return;
  throw new SwarmkeepError(`others cannot reach a validator at ${endpoint}`, {
    kind: "usage",
    code: "bad-endpoint",
    advice: "Give with --endpoint the address and port under which they do.",
    details: { endpoint },
  });
}

function noOperator(): SwarmkeepError {
  return new SwarmkeepError("--operator takes a name", {
    kind: "usage",
    code: "bad-name",
    advice: "Name who runs the validator, or leave the option out for a gateway that applies.",
  });
}

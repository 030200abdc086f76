/** `holder init | run`: a gateway-class device that keeps shards of its fleet's devices. */
import type { Command } from "commander";
import { hexlify } from "ethers";

import { openDataFolder } from "../runtime/data-folder.js";
import { createLogger } from "../runtime/log.js";
import { readMeshFile } from "../runtime/mesh-file.js";
import {
  DEFAULT_QUOTA_BYTES,
  HOLDER_ROLE,
  checkedSettings,
  initialiseHolder,
  openHolder,
} from "../validator/holder-folder.js";
import { startHolder } from "../validator/holder.js";
import { action, parseCount } from "./command.js";
import {
  type IpfsOptions,
  type KeystoreOptions,
  fastKeystore,
  ipfsSettings,
  keystoreCost,
  networkNews,
  withIpfsOptions,
} from "./options.js";

interface InitOptions extends KeystoreOptions, IpfsOptions {
  readonly listen: string;
  readonly endpoint?: string;
  readonly quota: string;
}

export function register(group: Command): void {
  withIpfsOptions(
    group
      .command("init")
      .description("make the TLS key and the settings of a holder; a second run keeps the key and changes the settings")
      .requiredOption("--listen <host:port>", "where it listens")
      .option("--endpoint <host:port>", "where others reach it, for the ledger (default: the listening address)")
      .option("--quota <bytes>", "of shards that it keeps at most", String(DEFAULT_QUOTA_BYTES)),
  )
    .addOption(fastKeystore())
    .action(
      action<InitOptions>(async (context, options) => {
        const { listen, endpoint = listen } = options;
        const quotaBytes = parseCount(options.quota, "--quota");
        const settings = checkedSettings({ listen, endpoint, quotaBytes, ...ipfsSettings(options) });
        const passphrase = await context.passphrase();
        const folder = await openDataFolder(context.dataFolder(HOLDER_ROLE), HOLDER_ROLE);
        try {
          const news = networkNews(options);
          const { pin } = await initialiseHolder(
            folder,
            passphrase,
            settings,
            keystoreCost(options),
            options.ipfsNetwork,
          );
          context.print(
            { folder: folder.path, endpoint, pin: hexlify(pin) },
            [
              `pin          ${hexlify(pin)}`,
              ...news,
              `next         the fleet's registrar: swarmkeep shards offer --device <index> --pin ${hexlify(pin)} --endpoint ${endpoint}`,
            ].join("\n"),
          );
        } finally {
          await folder.close();
        }
      }),
    );

  group
    .command("run")
    .description("keep shards until it is stopped with SIGINT or SIGTERM; logs go to standard error as JSON")
    .requiredOption("--mesh <file>", "the mesh file (mesh.json)")
    .action(
      action<{ readonly mesh: string }>(async (context, options) => {
        const mesh = await readMeshFile(options.mesh);
        const folder = await openDataFolder(context.dataFolder(HOLDER_ROLE), HOLDER_ROLE);
        try {
          const opened = await openHolder(folder, await context.passphrase());
          const holder = await startHolder({ folder, ...opened, mesh, log: createLogger({ name: HOLDER_ROLE }) });
          const { host, port } = holder.server;
          context.print({ ready: true, pin: hexlify(opened.identity.pin), listening: `${host}:${port}` });
          // Its failure is told where the end is awaited.
          const stop = (): void => void holder.stop().catch(() => undefined);
          process.once("SIGINT", stop).once("SIGTERM", stop);
          try {
            await holder.ended;
          } finally {
            await holder.stop();
          }
        } finally {
          await folder.close();
        }
      }),
    );
}

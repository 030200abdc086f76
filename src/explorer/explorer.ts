/** An explorer of one mesh: index, follower and server, started together and ended in order. */
import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { Endpoint } from "../ledger/endpoint.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { Database } from "./database.js";
import { Follower } from "./follower.js";
import { Live } from "./live.js";
import { startExplorerServer } from "./server.js";
import { readStaticFiles } from "./static-files.js";
import type { IndexStatus } from "./status.js";
import { loadViews } from "./views/index.js";

export interface ExplorerOptions {
  /** `http(s)://` or `ws(s)://` of a node. */
  readonly rpc: string;
  /** For news of blocks; default: the same address as WebSocket, and asking each second where there is none. */
  readonly webSocket?: string;
  /** Of the TrustAnchor. */
  readonly anchor: string;
  readonly chainId: bigint;
  /** The block from which the index begins: no event of the mesh may be older. */
  readonly firstBlock?: number;
  /** Where the index is kept; in memory if not given. */
  readonly folder?: Pick<DataFolder, "file">;
  /** Default: loopback. */
  readonly host?: string;
  readonly port: number;
  /** Milliseconds between questions for new blocks where there is no WebSocket. */
  readonly pollMs?: number;
  readonly now?: () => number;
  /** Told of every change of status. */
  readonly onStatus?: (status: IndexStatus) => void;
  /** The built pages. */
  readonly pages?: string;
}

export interface RunningExplorer {
  readonly url: string;
  status(): IndexStatus;
  close(): Promise<void>;
}

const INDEX_FILE = "index.sqlite";
const DEFAULT_POLL = 1_000;

export async function startExplorer(options: ExplorerOptions): Promise<RunningExplorer> {
  const { rpc, anchor, chainId, folder, firstBlock = 0, pollMs = DEFAULT_POLL, onStatus } = options;
  const webSocketUrl = options.webSocket ?? rpc.replace(/^http/, "ws");
  const endpoint = new Endpoint({ url: rpc, webSocketUrl, chainId });
  const database = await Database.open(folder?.file(INDEX_FILE) ?? ":memory:");
  const live = new Live();
  const views = await loadViews();
  const follower = new Follower({
    endpoint,
    anchor,
    database,
    views,
    firstBlock,
    pollMs,
    onChange(status, events) {
      live.tell(status, events);
      onStatus?.(status);
    },
  });
  const { host = "127.0.0.1", port, now } = options;
  const files = readStaticFiles(options.pages ?? pagesFolder());
  try {
    const server = await startExplorerServer({
      host,
      port,
      database,
      follower,
      live,
      files,
      endpoint,
      ...(now === undefined ? {} : { now }),
    });
    const ended = follower.run();
    return {
      url: server.url,
      status: () => follower.status,
      async close() {
        follower.close();
        endpoint.close();
        await server.close();
        await ended;
        database.close();
      },
    };
  } catch (error) {
    follower.close();
    endpoint.close();
    live.close();
    database.close();
    throw error;
  }
}

/** `dist/pages`: beside the built program, and below the checkout where the sources run. */
function pagesFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const pages = [join(folder, "pages"), join(folder, "dist", "pages")].find((path) =>
      existsSync(join(path, "index.html")),
    );
    if (pages !== undefined) return pages;
  }
  return "";
}

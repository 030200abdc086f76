/** `swarmkeep explorer`: the mesh in a browser, from any node that serves its chain. */
import type { Command } from "commander";

import { startExplorer } from "../explorer/explorer.js";
import type { IndexStatus } from "../explorer/status.js";
import { addressesOf } from "../ledger/contracts.js";
import { Endpoint } from "../ledger/endpoint.js";
import { parseEndpoint } from "../net/endpoint.js";
import { type DataFolder, openDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readMeshFile } from "../runtime/mesh-file.js";
import { type CommandContext, action } from "./command.js";
import { checkedRpc } from "./options.js";

interface ExplorerCommandOptions {
  readonly rpc?: string;
  readonly ws?: string;
  readonly anchor?: string;
  readonly mesh?: string;
  readonly fromBlock?: string;
  readonly listen: string;
  readonly memory?: boolean;
}

const ROLE = "explorer";
export const DEFAULT_LISTEN = "127.0.0.1:8480";

export function register(group: Command): void {
  group
    .description("show a mesh in a browser: is it healthy, who did what, what is revoked, what it cost")
    .option("--rpc <url>", "a node of the mesh's chain, http(s) or ws(s)")
    .option("--anchor <address>", "the mesh's TrustAnchor")
    .option("--mesh <file>", "the mesh file (mesh.json), instead of --rpc and --anchor")
    .option("--ws <url>", "where the node tells of new blocks (default: the address of --rpc as WebSocket)")
    .option("--from-block <n>", "the block from which the index begins (default: the mesh file's, else 0)")
    .option("--listen <host:port>", "where it listens", DEFAULT_LISTEN)
    .option("--memory", "keep the index in memory alone")
    .action(action(explore));
}

interface Target {
  readonly rpc: string;
  readonly anchor: string;
  readonly chainId: bigint;
  readonly firstBlock: number;
}

async function targetOf(options: ExplorerCommandOptions): Promise<Target> {
  const { mesh: file, fromBlock } = options;
  if (fromBlock !== undefined && !/^\d{1,12}$/.test(fromBlock)) {
    throw usage(`--from-block takes a block's number, not ${JSON.stringify(fromBlock)}`, "bad-block", "Give a number.");
  }
  const first = fromBlock === undefined ? undefined : Number(fromBlock);
  if (file !== undefined) {
    const { rpc, anchor, chainId, deployedBlock } = await readMeshFile(file);
    return { rpc: options.rpc ?? (rpc[0] as string), anchor, chainId, firstBlock: first ?? deployedBlock };
  }
  const { rpc, anchor } = options;
  if (rpc === undefined || anchor === undefined) {
    throw usage("it is not said which mesh to show", "option-missing", "Give --rpc and --anchor, or --mesh.");
  }
  if (!/^0x[0-9a-f]{40}$/i.test(anchor)) {
    throw usage(
      `--anchor takes an address, not ${JSON.stringify(anchor.slice(0, 80))}`,
      "bad-address",
      "Give 0x and 40 hexadecimal digits.",
    );
  }
  checkedRpc(rpc, ["http", "https", "ws", "wss"]);
  return { rpc, anchor, chainId: await expectMesh(rpc, anchor), firstBlock: first ?? 0 };
}

/** The chain's id, where the mesh is on it. @throws LedgerError those of an endpoint, and `no-mesh` */
async function expectMesh(rpc: string, anchor: string): Promise<bigint> {
  const chainId = await Endpoint.chainIdAt(rpc);
  const endpoint = new Endpoint({ url: rpc, chainId });
  try {
    await addressesOf(anchor, endpoint.provider);
    return chainId;
  } finally {
    endpoint.close();
  }
}

async function explore(context: CommandContext, options: ExplorerCommandOptions): Promise<void> {
  const { host, port } = parseEndpoint(options.listen);
  const target = await targetOf(options);
  let folder: DataFolder | undefined;
  if (options.memory !== true) folder = await openDataFolder(context.dataFolder(ROLE), ROLE);
  let told = "";
  const tell = ({ phase, problem }: IndexStatus): void => {
    if (phase === told) return;
    told = phase;
    if (problem !== undefined) process.stderr.write(`${problem.message}. ${problem.advice}\n`);
  };
  try {
    const explorer = await startExplorer({
      ...target,
      host,
      port,
      onStatus: tell,
      ...(options.ws === undefined ? {} : { webSocket: options.ws }),
      ...(folder === undefined ? {} : { folder }),
    });
    const { url } = explorer;
    context.print({ ready: true, url }, `The explorer of the mesh at ${target.anchor} is at ${url}`);
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
    });
    await explorer.close();
  } finally {
    await folder?.close();
  }
}

function usage(message: string, code: string, advice: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "usage", code, advice });
}

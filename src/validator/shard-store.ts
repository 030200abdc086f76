/**
 * The store of whoever keeps shards, as its folder and settings have it: the embedded one, or one whose shards are in a private IPFS
 * network as well. The secrets of that network's node are sealed in `ipfs.sealed`: its own key's seed and the network key, 32 bytes each.
 */
import { randomBytes } from "node:crypto";

import { parseEndpoint, parseListen } from "../net/endpoint.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { DataFolder } from "../runtime/data-folder.js";
import type { Logger } from "../runtime/log.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type IpfsKeys, expectIpfs, formatNetworkKey, parseNetworkKey } from "../store/ipfs-node.js";
import { openIpfsStore } from "../store/ipfs-store.js";
import { openPackStore } from "../store/pack-store.js";
import type { ShardStore } from "../store/shard-store.js";

/** Where the IPFS node of a holder is. */
export interface IpfsSettings {
  /** `host:port` to listen on; the host is an IP address. */
  readonly listen: string;
  /** `host:port` of other nodes of the network. */
  readonly peers: readonly string[];
}

export interface ShardStoreOptions {
  readonly folder: DataFolder;
  /** Bytes of shards that it keeps at most. */
  readonly quota: number;
  readonly ipfs: { readonly settings: IpfsSettings; readonly keys: IpfsKeys } | undefined;
  readonly meshId: Uint8Array;
  readonly log: Logger;
}

const SEALED_FILE = "ipfs.sealed";
const PURPOSE = "IPFS node";
const MAXIMUM_PEERS = 32;
const NETWORK_KEY_BYTES = 1_024;

/** @throws SwarmkeepError `ipfs-missing`, `ipfs-not-started`, and those of files */
export async function openShardStore(options: ShardStoreOptions): Promise<ShardStore> {
  const { quota, ipfs, meshId, log } = options;
  const folder = await options.folder.folder("shards");
  if (ipfs === undefined) return openPackStore({ folder, quota });
  const { settings, keys } = ipfs;
  const peers = settings.peers.map(parseEndpoint);
  const store = await openIpfsStore({ folder, quota, listen: parseListen(settings.listen), peers, keys, meshId, log });
  log.info({ addresses: store.addresses }, "shards are in a private IPFS network as well");
  return store;
}

/** @throws SwarmkeepError `bad-endpoint`, `bad-number` */
export function checkIpfsSettings(settings: IpfsSettings | null): void {
  const { listen, peers } = settings ?? {};
  parseListen(String(listen));
  if (!Array.isArray(peers) || peers.length > MAXIMUM_PEERS) {
    throw new SwarmkeepError(`an IPFS node is given at most ${MAXIMUM_PEERS} others`, {
      kind: "usage",
      code: "bad-number",
      advice: "Give a few that are seldom away: it learns of the rest from them.",
    });
  }
  for (const peer of peers as readonly string[]) parseEndpoint(String(peer));
}

/**
 * Makes the node's secrets, unless the folder has them and no network key is named. The packages have to be there already.
 * @param networkFile the `swarm.key` of the network; made if there is none, for the first node of a network.
 * @throws SwarmkeepError `ipfs-missing`, `ipfs-network`, and those of files
 */
export async function initialiseIpfs(
  folder: DataFolder,
  sealer: Sealer,
  networkFile: string | undefined,
): Promise<void> {
  await expectIpfs();
  const path = folder.file(SEALED_FILE);
  const known = await sealer.readIfPresent(path, PURPOSE);
  try {
    if (networkFile === undefined) {
      if (known !== undefined) return;
      throw new SwarmkeepError("an IPFS node needs the key of its private network", {
        kind: "usage",
        code: "ipfs-network",
        advice: "Name its swarm.key with --ipfs-network; it is made if there is no such file.",
      });
    }
    const found = await readNetworkKey(networkFile);
    if (found === undefined && known !== undefined) {
      throw new SwarmkeepError(`there is no key of a network at ${networkFile}, and this node has one already`, {
        kind: "usage",
        code: "ipfs-network",
        advice: "Leave --ipfs-network out to keep the network that it is in, or name the swarm.key of another one.",
        details: { path: networkFile },
      });
    }
    const network = found ?? randomBytes(32);
    if (found === undefined) await writeAtomically(networkFile, formatNetworkKey(network));
    const secrets = Buffer.concat([known?.subarray(0, 32) ?? randomBytes(32), network]);
    await sealer.write(path, PURPOSE, secrets).finally(() => (secrets.fill(0), network.fill(0)));
  } finally {
    known?.fill(0);
  }
}

/** The node's secrets. @throws SwarmkeepError `file-missing`, `sealed-file-damaged` */
export async function openIpfsKeys(folder: DataFolder, sealer: Sealer): Promise<IpfsKeys> {
  const secrets = await sealer.read(folder.file(SEALED_FILE), PURPOSE);
  return { seed: secrets.subarray(0, 32), network: secrets.subarray(32, 64) };
}

async function readNetworkKey(path: string): Promise<Uint8Array | undefined> {
  const content = await readIfPresent(path, NETWORK_KEY_BYTES);
  return content && parseNetworkKey(Buffer.from(content).toString("utf8"), path);
}

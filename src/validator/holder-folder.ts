/**
 * The data folder of a gateway-class device that keeps shards:
 *
 * ```
 * holder.json     where it listens, under which address others reach it, and its quota
 * kdf.json        salt of the sealing key
 * tls.sealed      its TLS key, whose pin the fleet's registrar offers on the ledger
 * ipfs.sealed     secrets of its IPFS node, if it has one
 * shards/         the store
 * ```
 */
import { readIfPresent, readLimited, writeAtomically } from "../runtime/atomic-file.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { parseEndpoint, parseListen } from "../net/endpoint.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../net/tls-identity.js";
import { type KdfCost, STRONG_KDF, type Sealer, openSealer } from "../runtime/sealed-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { IpfsKeys } from "../store/ipfs-node.js";
import { type IpfsSettings, checkIpfsSettings, initialiseIpfs, openIpfsKeys } from "./shard-store.js";

export const HOLDER_ROLE = "holder";
const FILE = { settings: "holder.json", kdf: "kdf.json", tls: "tls.sealed" } as const;
const TLS_PURPOSE = "TLS key";
/** Bytes of shards where the settings say nothing else. */
export const DEFAULT_QUOTA_BYTES = 2 ** 30;

export interface HolderSettings {
  /** `host:port` to listen on. */
  readonly listen: string;
  /** `host:port` under which devices and the generator reach it; on the ledger. */
  readonly endpoint: string;
  /** Bytes of shards that it keeps at most. */
  readonly quotaBytes: number;
  /** Absent: its shards are in no IPFS network. */
  readonly ipfs?: IpfsSettings;
}

/** A holder's folder, opened. */
export interface OpenedHolder {
  readonly settings: HolderSettings;
  readonly identity: TlsIdentity;
  readonly ipfsKeys: IpfsKeys | undefined;
}

/** Settings that a person gave. @throws SwarmkeepError `bad-endpoint`, `bad-number` */
export function checkedSettings(settings: HolderSettings): HolderSettings {
  parseListen(settings.listen);
  parseEndpoint(settings.endpoint);
  if (settings.ipfs !== undefined) checkIpfsSettings(settings.ipfs);
  if (settings.quotaBytes > 0) return settings;
  throw new SwarmkeepError("a holder with a quota of 0 bytes keeps nothing", {
    kind: "usage",
    code: "bad-number",
    advice: "Give a larger --quota, or leave it out.",
  });
}

/**
 * Makes keys and settings; a second run keeps the keys.
 * @param ipfsNetwork the file of the private IPFS network's key, where the settings have a node; see `initialiseIpfs`
 * @throws SwarmkeepError `wrong-passphrase`, and those of `checkedSettings` and `initialiseIpfs`
 */
export async function initialiseHolder(
  folder: DataFolder,
  passphrase: string,
  settings: HolderSettings,
  cost: KdfCost = STRONG_KDF,
  ipfsNetwork?: string,
): Promise<TlsIdentity> {
  checkedSettings(settings);
  const sealer = await openSealer(folder.file(FILE.kdf), passphrase, cost);
  try {
    if ((await readIfPresent(folder.file(FILE.tls))) === undefined) {
      const key = await generateTlsKey();
      await sealer.write(folder.file(FILE.tls), TLS_PURPOSE, key).finally(() => key.fill(0));
    }
    if (settings.ipfs !== undefined) await initialiseIpfs(folder, sealer, ipfsNetwork);
    await writeAtomically(folder.file(FILE.settings), `${JSON.stringify(settings, undefined, 2)}\n`);
    return await unsealedIdentity(folder, sealer);
  } finally {
    sealer.wipe();
  }
}

/** @throws SwarmkeepError `no-holder`, `settings-damaged`, `wrong-passphrase`, and those of files */
export async function openHolder(folder: DataFolder, passphrase: string): Promise<OpenedHolder> {
  const path = folder.file(FILE.settings);
  if ((await readIfPresent(path, 65_536)) === undefined) {
    throw new SwarmkeepError(`there is no holder in ${folder.path}`, {
      kind: "usage",
      code: "no-holder",
      advice: "Run `swarmkeep holder init` first, or name its folder with --data.",
      details: { path },
    });
  }
  const settings = parseSettings(path, await readLimited(path, 65_536));
  const sealer = await openSealer(folder.file(FILE.kdf), passphrase);
  try {
    const ipfsKeys = settings.ipfs && (await openIpfsKeys(folder, sealer));
    return { settings, identity: await unsealedIdentity(folder, sealer), ipfsKeys };
  } finally {
    sealer.wipe();
  }
}

async function unsealedIdentity(folder: DataFolder, sealer: Sealer): Promise<TlsIdentity> {
  const pkcs8 = await sealer.read(folder.file(FILE.tls), TLS_PURPOSE);
  return tlsIdentity(pkcs8).finally(() => pkcs8.fill(0));
}

function parseSettings(path: string, content: Uint8Array): HolderSettings {
  let settings: HolderSettings | undefined;
  try {
    settings = JSON.parse(Buffer.from(content).toString("utf8")) as HolderSettings;
  } catch {
    // Told below.
  }
  return checkSettings(path, settings);
}

function checkSettings(path: string, settings: HolderSettings | null | undefined): HolderSettings {
  const { listen, endpoint, quotaBytes } = settings ?? {};
  const isTyped = typeof listen === "string" && typeof endpoint === "string" && Number.isSafeInteger(quotaBytes);
  if (settings && isTyped) return checkedSettings(settings);
  throw new SwarmkeepError(`${path} is not what this program writes`, {
    kind: "environment",
    code: "settings-damaged",
    advice: "Run `swarmkeep holder init` on this folder again; it keeps the key.",
    details: { path },
  });
}

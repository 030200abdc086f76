/**
 * The data folder of a gateway-class device that keeps shards:
 *
 * ```
 * holder.json     where it listens, under which address others reach it, and its quota
 * kdf.json        salt of the sealing key
 * tls.sealed      its TLS key, whose pin the fleet's registrar offers on the ledger
 * shards/         the store
 * ```
 */
import { readIfPresent, readLimited, writeAtomically } from "../runtime/atomic-file.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { parseEndpoint } from "../net/endpoint.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../net/tls-identity.js";
import { type KdfCost, STRONG_KDF, openSealer } from "../runtime/sealed-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import { parseListen } from "./settings.js";

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
}

/** Makes key and settings; a second run keeps the key. @throws SwarmkeepError `bad-endpoint`, `wrong-passphrase` */
export async function initialiseHolder(
  folder: DataFolder,
  passphrase: string,
  settings: HolderSettings,
  cost: KdfCost = STRONG_KDF,
): Promise<TlsIdentity> {
  checkSettings(folder.file(FILE.settings), settings);
  const sealer = await openSealer(folder.file(FILE.kdf), passphrase, cost);
  if ((await readIfPresent(folder.file(FILE.tls))) === undefined) {
    const key = await generateTlsKey();
    await sealer.write(folder.file(FILE.tls), TLS_PURPOSE, key).finally(() => key.fill(0));
  }
  sealer.wipe();
  await writeAtomically(folder.file(FILE.settings), `${JSON.stringify(settings, undefined, 2)}\n`);
  return (await openHolder(folder, passphrase)).identity;
}

/** @throws SwarmkeepError `no-holder`, `settings-damaged`, `wrong-passphrase`, and those of files */
export async function openHolder(
  folder: DataFolder,
  passphrase: string,
): Promise<{ readonly settings: HolderSettings; readonly identity: TlsIdentity }> {
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
    const pkcs8 = await sealer.read(folder.file(FILE.tls), TLS_PURPOSE);
    return { settings, identity: await tlsIdentity(pkcs8).finally(() => pkcs8.fill(0)) };
  } finally {
    sealer.wipe();
  }
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
  const isQuota = Number.isSafeInteger(quotaBytes) && (quotaBytes as number) > 0;
  if (settings && typeof listen === "string" && typeof endpoint === "string" && isQuota) {
    parseListen(listen);
    parseEndpoint(endpoint);
    return settings;
  }
  throw new SwarmkeepError(`${path} is not what this program writes`, {
    kind: "environment",
    code: "settings-damaged",
    advice: "Run `swarmkeep holder init` on this folder again; it keeps the key.",
    details: { path },
  });
}

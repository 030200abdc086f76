/** A validator's data folder: what `validator init` makes, and how `validator run` opens it. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { Wallet, id } from "ethers";

import { blstBls } from "../runtime/blst.js";
import { type AccountKeystoreContent, readAccountKeystore, writeAccountKeystore } from "../runtime/account-keystore.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { readBlsKeystore, writeBlsKeystore } from "../runtime/bls-keystore.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { type KdfCost, type Sealer, STRONG_KDF, openSealer } from "../runtime/sealed-file.js";
import { parseEndpoint, parseListen } from "../net/endpoint.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../net/tls-identity.js";
import { encodeScalar, g1, randomScalar } from "../crypto/group.js";
import { type IpfsSettings, checkIpfsSettings, initialiseIpfs } from "./shard-store.js";
import { SwarmkeepError } from "../statements/errors.js";
import { isScope } from "../statements/scope.js";

/** What an operator decides about one validator. */
export interface ValidatorSettings {
  /** `host:port` to listen on. */
  readonly listen: string;
  /** `host:port` under which others reach it; in the registry. */
  readonly endpoint: string;
  /** Where it stands; in the registry. */
  readonly scope: string;
  /** Wei that it stakes when it registers, in decimal digits; the mesh's minimum if absent. */
  readonly stakeWei?: string;
  /** Loopback port of health and metrics; 0 for any free one, absent for none. */
  readonly sidePort?: number;
  /** `host:port` of the certificate revocation lists over plain HTTP; absent for none. */
  readonly crlListen?: string;
  /** `host:port` to serve EST on, of its own because EST clients speak TLS 1.2; absent for none. */
  readonly estListen?: string;
  /** Bytes of shards that it keeps for devices at most; 1 GiB if absent. */
  readonly shardQuotaBytes?: number;
  /** Absent: its shards are in no IPFS network. */
  readonly ipfs?: IpfsSettings;
  /** Each how manieth scheduled head goes to the ledger; 0 for none, 1 (default) for all. */
  readonly postEvery?: number;
}

/** What the genesis document needs to know of a validator. */
export interface MemberFile {
  readonly account: string;
  /** keccak256 of the operator's name: one candidate per operator. 32 bytes in hex. */
  readonly operator: string;
}

export const SETTINGS_FILE = "validator.json";
export const MEMBER_FILE = "member.json";
const ACCOUNT_FILE = "account.json";
const IDENTITY_FILE = "identity.json";
const TLS_FILE = "tls.sealed";
const KDF_FILE = "kdf.json";
const TLS_PURPOSE = "TLS key";

/** The keys of a validator, unlocked. */
export interface ValidatorKeys {
  readonly wallet: Wallet;
  /** BLS identity key, 32 bytes; wipe after use. */
  readonly blsSecret: Uint8Array;
  readonly tls: TlsIdentity;
  readonly sealer: Sealer;
}

export interface InitialiseOptions {
  readonly settings: ValidatorSettings;
  readonly cost?: KdfCost;
  /** The file of the private IPFS network's key, where the settings have a node; see `initialiseIpfs`. */
  readonly ipfsNetwork?: string | undefined;
}

/**
 * Makes keys and settings in an opened data folder. What is there already is kept: a second run changes the settings only.
 * @returns its account.
 */
export async function initialiseValidator(
  folder: DataFolder,
  passphrase: string,
  { settings, cost = STRONG_KDF, ipfsNetwork }: InitialiseOptions,
): Promise<string> {
  checkSettings(settings);
  const sealer = await openSealer(folder.file(KDF_FILE), passphrase, cost);
  if ((await readIfPresent(folder.file(TLS_FILE))) === undefined) {
    const key = await generateTlsKey();
    await sealer.write(folder.file(TLS_FILE), TLS_PURPOSE, key);
    key.fill(0);
  }
  try {
    if (settings.ipfs !== undefined) await initialiseIpfs(folder, sealer, ipfsNetwork);
  } finally {
    sealer.wipe();
  }
  if ((await readIfPresent(folder.file(IDENTITY_FILE))) === undefined) {
    const secretKey = encodeScalar(randomScalar(g1, (length) => randomBytes(length)));
    const publicKey = blstBls.publicKey(secretKey);
    await writeBlsKeystore(
      folder.file(IDENTITY_FILE),
      passphrase,
      { secretKey, publicKey },
      "Swarmkeep validator",
      cost,
    );
    secretKey.fill(0);
  }
  if ((await readIfPresent(folder.file(ACCOUNT_FILE))) === undefined) {
    const { address, privateKey } = Wallet.createRandom();
    await writeAccountKeystore(folder.file(ACCOUNT_FILE), passphrase, { address, privateKey }, cost);
  }
  const { address } = await readAccountKeystore(folder.file(ACCOUNT_FILE), passphrase);
  await writeAtomically(folder.file(SETTINGS_FILE), `${JSON.stringify(settings, null, 2)}\n`);
  return address;
}

/**
 * Writes what a genesis document or an admission needs to know of a validator. A gateway that applies by its certificate, and a
 * candidate of an open mesh, need none.
 * @param operator its name, as a mesh tells operators apart.
 */
export async function writeMemberFile(folder: DataFolder, account: string, operator: string): Promise<MemberFile> {
  const member: MemberFile = { account, operator: id(operator) };
  await writeAtomically(folder.file(MEMBER_FILE), `${JSON.stringify(member, null, 2)}\n`);
  return member;
}

/** The account alone, also beside a running validator, which holds the folder's lock. @throws SwarmkeepError of the keystore */
export function readAccount(path: string, passphrase: string): Promise<AccountKeystoreContent> {
  return readAccountKeystore(join(path, ACCOUNT_FILE), passphrase);
}

/** Unlocks the keys. @throws SwarmkeepError `wrong-passphrase`, `file-missing` and others of the keystores */
export async function openKeys(folder: DataFolder, passphrase: string): Promise<ValidatorKeys> {
  const sealer = await openSealer(folder.file(KDF_FILE), passphrase);
  const pkcs8 = await sealer.read(folder.file(TLS_FILE), TLS_PURPOSE);
  const tls = await tlsIdentity(pkcs8);
  pkcs8.fill(0);
  const { privateKey } = await readAccountKeystore(folder.file(ACCOUNT_FILE), passphrase);
  const { secretKey } = await readBlsKeystore(folder.file(IDENTITY_FILE), passphrase);
  return { wallet: new Wallet(privateKey), blsSecret: secretKey, tls, sealer };
}

/** @throws SwarmkeepError `no-validator`, `settings-damaged`, `bad-endpoint`, `bad-scope`, and those of files */
export async function readSettings(path: string): Promise<ValidatorSettings> {
  const file = join(path, SETTINGS_FILE);
  const content = await readIfPresent(file, 65_536);
  if (content === undefined) {
    throw new SwarmkeepError(`there is no validator in ${path}`, {
      kind: "usage",
      code: "no-validator",
      advice: "Run `swarmkeep validator init` first, or name its folder with --data.",
      details: { path },
    });
  }
  const text = Buffer.from(content).toString("utf8");
  let settings: ValidatorSettings;
  try {
    settings = { ...(JSON.parse(text) as ValidatorSettings) };
  } catch (cause) {
    throw new SwarmkeepError(`${file} is not JSON`, {
      kind: "environment",
      code: "settings-damaged",
      advice: "Run `swarmkeep validator init` on this folder again; it keeps the keys.",
      cause,
    });
  }
  checkSettings(settings);
  return settings;
}

/** @throws SwarmkeepError `settings-damaged`, `bad-endpoint`, `bad-scope`, and that of IPFS settings */
export function checkSettings(settings: ValidatorSettings): void {
  const { listen, endpoint, scope, stakeWei, sidePort, crlListen, estListen, postEvery, shardQuotaBytes } = settings;
  parseEndpoint(String(endpoint));
  if (settings.ipfs !== undefined) checkIpfsSettings(settings.ipfs);
  for (const address of [crlListen, estListen]) if (address !== undefined) parseListen(String(address));
  const { port } = parseListen(String(listen));
  const isNumber = (value: unknown, maximum: number): boolean =>
    value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maximum);
  if (typeof scope !== "string" || !isScope(scope)) {
    throw new SwarmkeepError(`${JSON.stringify(scope)} is no scope`, {
      kind: "usage",
      code: "bad-scope",
      advice: "Write geo: and a geohash, or grp: and a path such as grp:city/north.",
    });
  }
  const numbers = [
    [port, 65_535],
    [sidePort, 65_535],
    [postEvery, 1_000_000],
    [shardQuotaBytes, Number.MAX_SAFE_INTEGER],
  ] as const;
  const isStake = stakeWei === undefined || /^[0-9]{1,29}$/.test(stakeWei);
  if (!isStake || !numbers.every(([value, maximum]) => isNumber(value, maximum))) {
    throw new SwarmkeepError(`the settings of the validator have a number that is out of range`, {
      kind: "usage",
      code: "settings-damaged",
      advice: "Ports go up to 65535; postEvery is 0 or a number of heads; a stake is a number of wei.",
      details: { listen, sidePort, postEvery, stakeWei },
    });
  }
}

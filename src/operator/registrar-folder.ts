/**
 * The data folder of a registrar (a tenant, or its factory):
 *
 * ```
 * mesh.json        the mesh that it registers devices in
 * account.json     its account, a Web3 keystore: grants name its address
 * token.json       or: the PKCS#11 token that has the account's key, and its address (token-file.ts)
 * seal.json        salt of the sealing key
 * batches/NAME/    a batch of devices (batch-folder.ts)
 * ```
 */
import { type BaseWallet, Wallet } from "ethers";

import { readAccountKeystore, writeAccountKeystore } from "../runtime/account-keystore.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { type DataFolder, hasDataFolder, openDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, readMeshFile, writeMeshFile } from "../runtime/mesh-file.js";
import { readPin } from "../runtime/passphrase.js";
import { type TokenPlace, createTokenSigner } from "../runtime/pkcs11.js";
import { type KdfCost, STRONG_KDF, type Sealer, openSealer } from "../runtime/sealed-file.js";
import { type TokenAccount, openTokenAccount } from "../runtime/token-account.js";
import { type TokenFile, formatTokenFile, parseTokenFile } from "./token-file.js";

export const REGISTRAR_ROLE = "registrar";
const FILE = { seal: "seal.json", account: "account.json", token: "token.json", mesh: "mesh.json" } as const;

export interface RegistrarFolder {
  readonly folder: DataFolder;
  readonly mesh: MeshFile;
  readonly address: string;
  /** Signs for the account. */
  readonly wallet: BaseWallet;
  readonly sealer: Sealer;
  close(): Promise<void>;
}

/** Where its batches of devices are. */
export function batchesFolder({ folder }: Pick<RegistrarFolder, "folder">): string {
  return folder.file("batches");
}

/** Where an account's key is made that never leaves its token. */
export interface AccountToken {
  readonly place: TokenPlace;
  readonly pin: string;
  /** A key with that label that is there already is taken up again; else it is refused. */
  readonly mayExist: boolean;
}

/**
 * Makes the folder and an account, in a keystore or, where one is named, in a token.
 * @throws SwarmkeepError `registrar-exists`, `token-key-exists`, and those of data folders and tokens
 */
export async function createRegistrarFolder(
  path: string,
  passphrase: string,
  mesh: MeshFile,
  cost: KdfCost = STRONG_KDF,
  token?: AccountToken,
): Promise<RegistrarFolder> {
  const folder = await openDataFolder(path, REGISTRAR_ROLE);
  try {
    if (await hasAccount(folder)) {
      throw new SwarmkeepError(`${folder.path} already holds a registrar's account`, {
        kind: "usage",
        code: "registrar-exists",
        advice: "Choose another folder with --data; keys are never overwritten.",
        details: { path: folder.path },
      });
    }
    const made = token && (await madeInToken(token));
    const sealer = await openSealer(folder.file(FILE.seal), passphrase, cost);
    await writeMeshFile(folder.file(FILE.mesh), mesh);
    if (made === undefined) {
      await writeAccountKeystore(folder.file(FILE.account), passphrase, Wallet.createRandom(), cost);
    } else await writeAtomically(folder.file(FILE.token), formatTokenFile(made));
    return await opened(folder, passphrase, sealer, async () => token?.pin ?? readPin());
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/**
 * @param pin asked for where the account's key is in a token
 * @throws SwarmkeepError `no-registrar`, `wrong-passphrase`, `folder-locked`, `wrong-account`, and those of data folders and tokens
 */
export async function openRegistrarFolder(
  path: string,
  passphrase: string,
  pin: () => Promise<string> = readPin,
): Promise<RegistrarFolder> {
  if (!(await hasDataFolder(path))) throw noRegistrar(path);
  const folder = await openDataFolder(path, REGISTRAR_ROLE);
  try {
    if (!(await hasAccount(folder))) throw noRegistrar(path);
    return await opened(folder, passphrase, await openSealer(folder.file(FILE.seal), passphrase), pin);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function hasAccount(folder: DataFolder): Promise<boolean> {
  const files = [FILE.account, FILE.token].map((name) => readIfPresent(folder.file(name)));
  return (await Promise.all(files)).some((content) => content !== undefined);
}

async function madeInToken({ place, pin, mayExist }: AccountToken): Promise<TokenFile> {
  if (!(await createTokenSigner(place, pin)) && !mayExist) {
    throw new SwarmkeepError(`the token ${place.token} has a key labelled ${JSON.stringify(place.key)} already`, {
      kind: "usage",
      code: "token-key-exists",
      advice: "Name it with --key-label to take that account up again, or give another label for a new one.",
      details: { ...place },
    });
  }
  const { wallet, close } = await openTokenAccount(place, pin);
  close();
  return { place, name: wallet.address };
}

async function openAccount(folder: DataFolder, passphrase: string, pin: () => Promise<string>): Promise<TokenAccount> {
  const path = folder.file(FILE.token);
  const content = await readIfPresent(path, 16_384);
  if (content === undefined) {
    const { privateKey } = await readAccountKeystore(folder.file(FILE.account), passphrase);
    return { wallet: new Wallet(privateKey), close: () => undefined };
  }
  const { place, name } = parseTokenFile(content, path);
  const account = await openTokenAccount(place, await pin());
  if (account.wallet.address === name) return account;
  account.close();
  throw new SwarmkeepError(
    `the key ${place.key} in the token ${place.token} is of ${account.wallet.address}, not of ${name}`,
    {
      kind: "environment",
      code: "wrong-account",
      advice: "Plug in the token in which the account was made: the fleets are registered to that one.",
      details: { ...place, address: name },
    },
  );
}

async function opened(
  folder: DataFolder,
  passphrase: string,
  sealer: Sealer,
  pin: () => Promise<string>,
): Promise<RegistrarFolder> {
  const mesh = await readMeshFile(folder.file(FILE.mesh));
  const { wallet, close } = await openAccount(folder, passphrase, pin).catch((error: unknown) => {
    sealer.wipe();
    throw error;
  });
  return {
    folder,
    mesh,
    address: wallet.address,
    wallet,
    sealer,
    async close() {
      close();
      sealer.wipe();
      await folder.close();
    },
  };
}

function noRegistrar(path: string): SwarmkeepError {
  return new SwarmkeepError(`there is no registrar's account in ${path}`, {
    kind: "usage",
    code: "no-registrar",
    advice: "Run `swarmkeep fleet init` first, or name its folder with --data.",
    details: { path },
  });
}

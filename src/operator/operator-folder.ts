/**
 * The data folder of whoever runs a mesh:
 *
 * ```
 * root.pem, root-key.sealed   the root CA (root-ca.ts); no key where it is elsewhere
 * to-sign/                    what a root whose key is elsewhere has to sign
 * account.json                the account that pays, a Web3 keystore
 * mesh-parameters.json        parameters of the genesis, to be edited before the deployment
 * deployment.json             the mesh's nonce, and where its deployment began
 * ignition/                   the deployment's journal
 * genesis.json                the document that the root signed
 * mesh.json                   the public mesh file, once the mesh has begun
 * ```
 */
import { chmod } from "node:fs/promises";

import { Wallet } from "ethers";

import { readAccountKeystore, writeAccountKeystore } from "../runtime/account-keystore.js";
import { readIfPresent, readLimited, writeAtomically } from "../runtime/atomic-file.js";
import { type DataFolder, hasDataFolder, openDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, readMeshFile } from "../runtime/mesh-file.js";
import { type KdfCost, STRONG_KDF, type Sealer, openSealer } from "../runtime/sealed-file.js";
import { type MeshParameters, formatParameters, parseParameters } from "./parameters.js";
import { type RootAuthority, adoptRoot, createRoot, openRoot, requestFolder } from "./root-ca.js";

export const OPERATOR_ROLE = "operator";
const FILE = {
  seal: "seal.json",
  account: "account.json",
  parameters: "mesh-parameters.json",
  mesh: "mesh.json",
} as const;

export interface OperatorFolder {
  readonly folder: DataFolder;
  readonly root: RootAuthority;
  /** The account that pays: `0x` and 64 digits. */
  readonly privateKey: string;
  readonly address: string;
  parameters(): Promise<MeshParameters>;
  /** @throws SwarmkeepError `no-mesh-file` before the deployment is done. */
  meshFile(): Promise<MeshFile>;
  close(): Promise<void>;
}

export interface OperatorOptions {
  /** Common name of the root CA. */
  readonly rootName: string;
  /** A root certificate whose key is elsewhere, PEM. */
  readonly externalRoot?: string | undefined;
  readonly parameters: MeshParameters;
  /** Seconds since 1970. */
  readonly now: number;
  readonly cost?: KdfCost;
}

/** Makes the folder. @throws SwarmkeepError `operator-exists`, `bad-root`, and those of data folders. */
export async function createOperatorFolder(
  path: string,
  passphrase: string,
  options: OperatorOptions,
): Promise<OperatorFolder> {
  const { cost = STRONG_KDF, now, parameters, rootName, externalRoot } = options;
  const folder = await openDataFolder(path, OPERATOR_ROLE);
  try {
    if ((await readIfPresent(folder.file(FILE.account))) !== undefined) {
      throw new SwarmkeepError(`${folder.path} already holds a root CA and an account`, {
        kind: "usage",
        code: "operator-exists",
        advice: "Choose another folder with --data; keys are never overwritten.",
        details: { path: folder.path },
      });
    }
    const sealer = await openSealer(folder.file(FILE.seal), passphrase, cost);
    if (externalRoot === undefined) await createRoot(folder.path, sealer, rootName, now);
    else {
      await adoptRoot(folder.path, externalRoot);
      // Whoever carries files to the key may be another user.
      await folder.folder("to-sign");
      await chmod(requestFolder(folder.path), 0o755);
    }
    await writeAtomically(folder.file(FILE.parameters), formatParameters(parameters));
    await writeAccountKeystore(folder.file(FILE.account), passphrase, Wallet.createRandom(), cost);
    return await opened(folder, passphrase, sealer);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** @throws SwarmkeepError `no-operator`, `wrong-passphrase`, `folder-locked`, and those of data folders. */
export async function openOperatorFolder(path: string, passphrase: string): Promise<OperatorFolder> {
  if (!(await hasDataFolder(path))) throw noOperator(path);
  const folder = await openDataFolder(path, OPERATOR_ROLE);
  try {
    if ((await readIfPresent(folder.file(FILE.account))) === undefined) throw noOperator(path);
    return await opened(folder, passphrase, await openSealer(folder.file(FILE.seal), passphrase));
  } catch (error) {
    await folder.close();
    throw error;
  }
}

function noOperator(path: string): SwarmkeepError {
  return new SwarmkeepError(`there is no root CA and no operator's account in ${path}`, {
    kind: "usage",
    code: "no-operator",
    advice: "Run `swarmkeep mesh init` first, or name its folder with --data.",
    details: { path },
  });
}

async function opened(folder: DataFolder, passphrase: string, sealer: Sealer): Promise<OperatorFolder> {
  const root = await openRoot(folder.path, sealer);
  sealer.wipe();
  const { address, privateKey } = await readAccountKeystore(folder.file(FILE.account), passphrase);
  return {
    folder,
    root,
    address,
    privateKey,
    async parameters() {
      const path = folder.file(FILE.parameters);
      return parseParameters(Buffer.from(await readLimited(path, 65_536)).toString("utf8"), path);
    },
    async meshFile() {
      if ((await readIfPresent(folder.file(FILE.mesh))) !== undefined) return readMeshFile(folder.file(FILE.mesh));
      throw new SwarmkeepError(`${folder.path} holds no mesh yet`, {
        kind: "usage",
        code: "no-mesh-file",
        advice: "Run `swarmkeep mesh deploy` first.",
        details: { path: folder.path },
      });
    },
    close: () => folder.close(),
  };
}

/**
 * The data folder of a registrar (a tenant, or its factory):
 *
 * ```
 * mesh.json        the mesh that it registers devices in
 * account.json     its account, a Web3 keystore: grants name its address
 * seal.json        salt of the sealing key
 * batches/NAME/    a batch of devices (batch-folder.ts)
 * ```
 */
import { Wallet } from "ethers";

import { readAccountKeystore, writeAccountKeystore } from "../runtime/account-keystore.js";
import { readIfPresent } from "../runtime/atomic-file.js";
import { type DataFolder, hasDataFolder, openDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, readMeshFile, writeMeshFile } from "../runtime/mesh-file.js";
import { type KdfCost, STRONG_KDF, type Sealer, openSealer } from "../runtime/sealed-file.js";

export const REGISTRAR_ROLE = "registrar";
const FILE = { seal: "seal.json", account: "account.json", mesh: "mesh.json" } as const;

export interface RegistrarFolder {
  readonly folder: DataFolder;
  readonly mesh: MeshFile;
  readonly address: string;
  /** `0x` and 64 digits. */
  readonly privateKey: string;
  readonly sealer: Sealer;
  close(): Promise<void>;
}

/** Where its batches of devices are. */
export function batchesFolder({ folder }: Pick<RegistrarFolder, "folder">): string {
  return folder.file("batches");
}

/** Makes the folder and an account. @throws SwarmkeepError `registrar-exists`, and those of data folders. */
export async function createRegistrarFolder(
  path: string,
  passphrase: string,
  mesh: MeshFile,
  cost: KdfCost = STRONG_KDF,
): Promise<RegistrarFolder> {
  const folder = await openDataFolder(path, REGISTRAR_ROLE);
  try {
    if ((await readIfPresent(folder.file(FILE.account))) !== undefined) {
      throw new SwarmkeepError(`${folder.path} already holds a registrar's account`, {
        kind: "usage",
        code: "registrar-exists",
        advice: "Choose another folder with --data; keys are never overwritten.",
        details: { path: folder.path },
      });
    }
    const sealer = await openSealer(folder.file(FILE.seal), passphrase, cost);
    await writeMeshFile(folder.file(FILE.mesh), mesh);
    await writeAccountKeystore(folder.file(FILE.account), passphrase, Wallet.createRandom(), cost);
    return await opened(folder, passphrase, sealer);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** @throws SwarmkeepError `no-registrar`, `wrong-passphrase`, `folder-locked`, and those of data folders. */
export async function openRegistrarFolder(path: string, passphrase: string): Promise<RegistrarFolder> {
  if (!(await hasDataFolder(path))) throw noRegistrar(path);
  const folder = await openDataFolder(path, REGISTRAR_ROLE);
  try {
    if ((await readIfPresent(folder.file(FILE.account))) === undefined) throw noRegistrar(path);
    return await opened(folder, passphrase, await openSealer(folder.file(FILE.seal), passphrase));
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function opened(folder: DataFolder, passphrase: string, sealer: Sealer): Promise<RegistrarFolder> {
  const mesh = await readMeshFile(folder.file(FILE.mesh));
  const { address, privateKey } = await readAccountKeystore(folder.file(FILE.account), passphrase);
  return {
    folder,
    mesh,
    address,
    privateKey,
    sealer,
    async close() {
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

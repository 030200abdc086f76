/**
 * Puts the contracts of a mesh on the ledger with Hardhat Ignition, which keeps a journal: a deployment that was interrupted
 * goes on where it was. Hardhat is a development dependency, and is loaded here only.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { hexlify } from "ethers";

import { CONTRACT_NAMES, type MeshAddresses } from "../ledger/contracts.js";
import { SwarmkeepError } from "../runtime/errors.js";

export interface DeploymentRequest {
  readonly rpc: string;
  readonly chainId: bigint;
  /** Pays for the deployment: `0x` and 64 digits. */
  readonly privateKey: string;
  /** Affine coordinates of the root CA's key, 32 bytes each. */
  readonly root: { readonly x: Uint8Array; readonly y: Uint8Array };
  /** 32 random bytes, the same when a deployment is resumed. */
  readonly nonce: Uint8Array;
  /** Where the journal is kept. */
  readonly journalFolder: string;
  /** On a chain of one's own a block is enough; default 5. */
  readonly confirmations?: number;
}

const CONFIG = "hardhat.config.ts";

/** @throws SwarmkeepError `no-hardhat`, `deployment-failed` */
export async function deployContracts(request: DeploymentRequest): Promise<MeshAddresses> {
  const project = projectFolder();
  const { hardhat, module } = await loadHardhat(project);
  const config = await hardhat.importUserConfig(join(project, CONFIG));
  const environment = await hardhat.createHardhatRuntimeEnvironment(
    {
      ...config,
      paths: { ...config.paths, ignition: request.journalFolder },
      networks: {
        ...config.networks,
        mesh: {
          type: "http",
          chainType: "l1",
          chainId: Number(request.chainId),
          url: request.rpc,
          accounts: [request.privateKey],
          ignition: { maxRetries: 10, retryInterval: 500 },
        },
      },
      ignition: {
        ...config.ignition,
        requiredConfirmations: request.confirmations ?? 5,
        blockPollingInterval: request.confirmations === 1 ? 200 : 1_000,
      },
    },
    { network: "mesh" },
    project,
  );
  const connection = await environment.network.create("mesh");
  try {
    const contracts = await connection.ignition.deploy(module, {
      deploymentId: `mesh-${request.chainId}`,
      parameters: {
        Mesh: {
          rootX: hexlify(request.root.x),
          rootY: hexlify(request.root.y),
          nonce: hexlify(request.nonce),
        },
      },
    });
    const addresses = await Promise.all(
      CONTRACT_NAMES.map(async (name) => [name, await contracts[name].getAddress()] as const),
    );
    return Object.fromEntries(addresses) as unknown as MeshAddresses;
  } catch (cause) {
    const said = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ").slice(0, 400);
    throw new SwarmkeepError(`the contracts could not be deployed: ${said}`, {
      kind: "network",
      code: "deployment-failed",
      advice: "Mend the cause and run the command again: it goes on where it stopped.",
      details: { journal: request.journalFolder },
      cause,
    });
  } finally {
    await connection.close();
  }
}

async function loadHardhat(project: string) {
  try {
    const [hardhat, { default: module }] = await Promise.all([
      import("hardhat/hre"),
      import("../../deploy/modules/Mesh.js"),
      import("@nomicfoundation/hardhat-ignition-ethers"),
    ]);
    return { hardhat, module };
  } catch (cause) {
    throw new SwarmkeepError(
      "deploying a mesh takes Hardhat and the contracts' sources, which are not installed here",
      {
        kind: "environment",
        code: "no-hardhat",
        advice: "Run this command in a checkout of the project, after `npm ci` and `npm run build`.",
        details: { project },
        cause,
      },
    );
  }
}

/** The nearest folder above that has the Hardhat configuration: the checkout, from `src` and from `dist` alike. */
function projectFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let at = start; at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, CONFIG))) return at;
  }
  return start;
}

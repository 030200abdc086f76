/**
 * Founds a mesh: contracts, genesis document, root signature, mesh file. Each step sees whether it is done, so that running it
 * again after a crash goes on where it stopped.
 */
import { randomBytes } from "node:crypto";

import { p256 } from "@noble/curves/nist.js";
import { AbiCoder, getBytes, hexlify, keccak256 } from "ethers";

import { TrustAnchor__factory } from "../../typechain-types/index.js";
import type { MeshAddresses } from "../ledger/contracts.js";
import type { Endpoint } from "../ledger/endpoint.js";
import { PUBLIC_FILE, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, fingerprintOf, writeMeshFile } from "../runtime/mesh-file.js";
import { deployContracts } from "./deployment.js";
import {
  type GenesisDocument,
  type GenesisMember,
  type GenesisRegistrar,
  expectMembers,
  genesisDigest,
  genesisStruct,
} from "./genesis.js";
import { firstEndpoint, withSender } from "./ledger.js";
import type { OperatorFolder } from "./operator-folder.js";

export interface FoundingOptions {
  /** Endpoints of the ledger; the first one is deployed through, all go into the mesh file. */
  readonly rpc: readonly string[];
  readonly chainId: bigint;
  readonly ownNode: boolean;
  readonly members: readonly GenesisMember[];
  readonly registrars: readonly GenesisRegistrar[];
  /** Blocks on top of a deployment before it counts; default 5. */
  readonly confirmations?: number;
}

export interface Founded {
  readonly mesh: MeshFile;
  readonly addresses: MeshAddresses;
}

interface DeploymentState {
  readonly chainId: bigint;
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  /** The ledger's height before anything was sent. */
  readonly firstBlock: number;
}

const ADDRESS_BOOK = "deployment.json";

/** @throws SwarmkeepError and LedgerError; each can be mended and the call repeated. */
export async function foundMesh(operator: OperatorFolder, options: FoundingOptions): Promise<Founded> {
  const parameters = await operator.parameters();
  expectMembers(options.members, parameters.committeeSize);
  const endpoint = await firstEndpoint(options.rpc, options.chainId);
  try {
    await expectFunds(endpoint, operator.address);
    const state = await deploymentState(operator, endpoint);
    const { x, y } = rootCoordinates(operator);
    const addresses = await deployContracts({
      rpc: options.rpc[0] as string,
      chainId: options.chainId,
      privateKey: operator.privateKey,
      root: { x, y },
      nonce: state.nonce,
      journalFolder: operator.folder.file("ignition"),
      ...(options.confirmations === undefined ? {} : { confirmations: options.confirmations }),
    });
    const meshId = keccak256(
      AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32", "bytes32"], [x, y, state.nonce].map(hexlify)),
    );
    const { anchor: _, shards: __, generations: ___, recovery: ____, ...contracts } = addresses;
    const { members, registrars } = options;
    await submitGenesis(operator, endpoint, addresses, { meshId, contracts, parameters, members, registrars });

    const mesh: MeshFile = {
      meshId: getBytes(meshId),
      chainId: options.chainId,
      anchor: addresses.anchor,
      deployedBlock: state.firstBlock,
      rpc: options.rpc,
      ownNode: options.ownNode,
      rootCertificate: operator.root.certificate,
      rootFingerprint: fingerprintOf(operator.root.certificate),
    };
    await writeMeshFile(operator.folder.file("mesh.json"), mesh);
    return { mesh, addresses };
  } finally {
    endpoint.close();
  }
}

async function submitGenesis(
  operator: OperatorFolder,
  endpoint: Endpoint,
  { anchor }: MeshAddresses,
  document: GenesisDocument,
): Promise<void> {
  if ((await TrustAnchor__factory.connect(anchor, endpoint.provider).start()) !== 0n) return;
  const text = JSON.stringify(
    document,
    (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
    2,
  );
  await writeAtomically(operator.folder.file("genesis.json"), `${text}\n`, PUBLIC_FILE);
  const signature = await operator.root.sign("genesis", genesisDigest(document, endpoint.chainId, anchor));
  const data = TrustAnchor__factory.createInterface().encodeFunctionData("submitGenesis", [
    genesisStruct(document),
    hexlify(signature.subarray(0, 32)),
    hexlify(signature.subarray(32)),
  ]);
  await withSender(endpoint, operator.privateKey, (sender) =>
    sender.send({ to: anchor, data, action: "accept the genesis document" }),
  );
}

async function deploymentState(operator: OperatorFolder, endpoint: Endpoint): Promise<DeploymentState> {
  const path = operator.folder.file(ADDRESS_BOOK);
  const existing = await readIfPresent(path, 4_096);
  if (existing !== undefined) {
    const state = parseState(existing, path);
    if (state.chainId === endpoint.chainId) return state;
    throw new SwarmkeepError(`this mesh was begun on chain ${state.chainId}, not on ${endpoint.chainId}`, {
      kind: "usage",
      code: "wrong-chain",
      advice: "Go on there, or make another mesh in another folder with `swarmkeep mesh init`.",
      details: { expected: state.chainId, found: endpoint.chainId },
    });
  }
  const state: DeploymentState = {
    chainId: endpoint.chainId,
    nonce: new Uint8Array(randomBytes(32)),
    firstBlock: Number(await endpoint.send("eth_blockNumber")),
  };
  const fields = { ...state, chainId: state.chainId.toString(), nonce: hexlify(state.nonce) };
  await writeAtomically(path, `${JSON.stringify(fields)}\n`);
  return state;
}

function parseState(content: Uint8Array, path: string): DeploymentState {
  try {
    const { chainId, nonce, firstBlock } = JSON.parse(Buffer.from(content).toString("utf8")) as Record<string, unknown>;
    if (typeof chainId !== "string" || typeof nonce !== "string" || !Number.isSafeInteger(firstBlock)) {
      throw new TypeError("a field is missing");
    }
    return { chainId: BigInt(chainId), nonce: getBytes(nonce), firstBlock: firstBlock as number };
  } catch (cause) {
    throw new SwarmkeepError(`${path} is not what this program writes`, {
      kind: "environment",
      code: "operator-folder-damaged",
      advice: "Restore the file from a backup.",
      details: { path },
      cause,
    });
  }
}

function rootCoordinates({ root }: OperatorFolder): { x: Uint8Array; y: Uint8Array } {
  const point = p256.Point.fromBytes(root.key.bytes).toBytes(false);
  return { x: point.slice(1, 33), y: point.slice(33) };
}

async function expectFunds(endpoint: Endpoint, account: string): Promise<void> {
  if (BigInt(String(await endpoint.send("eth_getBalance", [account, "latest"]))) > 0n) return;
  throw new SwarmkeepError(`the account ${account} has no funds on chain ${endpoint.chainId}`, {
    kind: "environment",
    code: "no-funds",
    advice: "Send it enough for about 35 million gas, and run the command again.",
    details: { account, chainId: endpoint.chainId },
  });
}

/**
 * How fast the explorer indexes a mesh: on a chain of a local node of its own, founded as operators found one, whose registrar adds
 * batches to its fleet, among blocks that have nothing of the mesh. Index and node are two processes of one machine, as with `npm start`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Wallet, keccak256, toBeHex, toUtf8Bytes } from "ethers";

import { Chain } from "../../src/explorer/chain.js";
import { Database } from "../../src/explorer/database.js";
import { Decoder } from "../../src/explorer/decoding.js";
import { Indexer } from "../../src/explorer/indexer.js";
import { CORE_TABLES } from "../../src/explorer/schema.js";
import { loadViews } from "../../src/explorer/views/index.js";
import { sendAll } from "../../src/ledger/batch.js";
import { INTERFACES, type MeshAddresses } from "../../src/ledger/contracts.js";
import { Endpoint } from "../../src/ledger/endpoint.js";
import { LOCAL_CHAIN_ID, startLocalNode } from "../../src/ledger/local-node.js";
import { hexNumber } from "../../src/ledger/source.js";
import { fundFromNode } from "../../src/operator/dev-account.js";
import { foundMesh } from "../../src/operator/founding.js";
import { createOperatorFolder } from "../../src/operator/operator-folder.js";
import { LOCAL_PARAMETERS } from "../../src/operator/parameters.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { seconds } from "../ratio.js";

/** Blocks with something of the mesh, its events in each of them, and blocks without after each. */
const BUSY = 400;
const EVENTS = 5;
const EMPTY = 9;
const FAR = 4_000_000_000n;
const INDEXES_OF_A_BATCH = 256;
const SCOPES = ["grp:city"];
const POLICY = { scopes: SCOPES, maximumLifetime: 3_600, quota: 4, joinMethods: 1, graceSeconds: 60 };
const ETHER = 10n ** 18n;

export interface Indexed {
  readonly blocks: number;
  readonly events: number;
  readonly seconds: number;
}

export interface IndexingBench {
  /** Makes the whole index anew. */
  index(): Promise<Indexed>;
  /** One `eth_getLogs` for all that was indexed. */
  getLogs(): Promise<void>;
}

/** Runs `work` beside a chain made for it, and ends everything afterwards. */
export async function withIndexedChain<T>(work: (bench: IndexingBench) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "swarmkeep-bench-"));
  const node = await startLocalNode({ kind: "anvil" });
  const endpoint = new Endpoint({ url: node.url, chainId: LOCAL_CHAIN_ID });
  try {
    const registrar = Wallet.createRandom();
    const addresses = await found(join(folder, "operator"), node.url, endpoint, registrar.address);
    await fill(endpoint, addresses.fleets, registrar);
    const head = await endpoint.send("eth_blockNumber");
    let databases = 0;
    return await work({
      index: () => index(join(folder, `index-${databases++}.sqlite`), endpoint, addresses, Number(head)),
      async getLogs() {
        const filter = { address: Object.values(addresses), fromBlock: "0x0", toBlock: head };
        await endpoint.send("eth_getLogs", [filter]);
      },
    });
  } finally {
    endpoint.close();
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function found(folder: string, rpc: string, endpoint: Endpoint, registrar: string): Promise<MeshAddresses> {
  const operator = await createOperatorFolder(folder, "of a bench", {
    rootName: "Root CA of a bench",
    parameters: { ...LOCAL_PARAMETERS, committeeSize: 4 },
    now: Math.floor(Date.now() / 1000),
    cost: LIGHT_KDF,
  });
  try {
    await fundFromNode(endpoint, [operator.address, registrar], 100n * ETHER);
    const members = [1, 2, 3, 4].map((number) => ({
      account: Wallet.createRandom().address,
      operator: keccak256(toUtf8Bytes(`operator ${number}`)),
    }));
    const registrars = [{ account: registrar, scopes: SCOPES, indexes: 2n ** 30n, candidates: 0n, expiry: FAR }];
    const options = { rpc: [rpc], chainId: LOCAL_CHAIN_ID, ownNode: true, members, registrars, confirmations: 1 };
    return (await foundMesh(operator, options)).addresses;
  } finally {
    await operator.close();
  }
}

async function fill(endpoint: Endpoint, fleets: string, registrar: Wallet | ReturnType<typeof Wallet.createRandom>) {
  let nonce = 0;
  const signed = (data: string): Promise<string> =>
    registrar.signTransaction({
      to: fleets,
      data,
      nonce: nonce++,
      chainId: LOCAL_CHAIN_ID,
      gasLimit: 300_000,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 1n,
      type: 2,
    });
  const { fleets: abi } = INTERFACES;
  let batch = 0;
  for (let block = 0; block < BUSY; block++) {
    const transactions: string[][] = [];
    for (let i = 0; i < EVENTS; i++) {
      const place = [toBeHex(batch + 1, 32), batch * INDEXES_OF_A_BATCH, 1] as const;
      const data =
        batch === 0
          ? abi.encodeFunctionData("registerFleet", [1, SCOPES, POLICY, ...place])
          : abi.encodeFunctionData("appendBatch", [1, ...place]);
      transactions.push([await signed(data)]);
      batch++;
    }
    await sendAll(endpoint, "eth_sendRawTransaction", transactions);
    await endpoint.send("anvil_mine", [hexNumber(1 + EMPTY), "0x1"]);
  }
}

async function index(path: string, endpoint: Endpoint, addresses: MeshAddresses, head: number): Promise<Indexed> {
  const database = await Database.open(path);
  try {
    const views = await loadViews();
    database.exec(CORE_TABLES);
    for (const { tables } of views) if (tables !== undefined) database.exec(tables);
    const options = { chain: new Chain(endpoint), database, decoder: new Decoder(addresses), views, firstBlock: 0 };
    const indexer = new Indexer(options);
    let [blocks, events] = [0, 0];
    const taken = await seconds(async () => {
      while ((indexer.tip()?.number ?? -1) < head) {
        const step = await indexer.advance();
        blocks += step.blocks;
        events += step.events.length;
      }
    });
    return { blocks, events, seconds: taken };
  } finally {
    database.close();
  }
}

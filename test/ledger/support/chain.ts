/** A chain in this process behind real JSON-RPC, and a contract that logs and stores whatever it is told. */
import { network } from "hardhat";

import { Endpoint } from "../../../src/ledger/endpoint.js";

export const CHAIN_ID = 31337n;

export interface TestChain {
  readonly url: string;
  readonly webSocketUrl: string;
  rpc(method: string, ...params: unknown[]): Promise<unknown>;
  /** Mines empty blocks. */
  mine(blocks?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startChain(): Promise<TestChain> {
  const server = await network.createServer("default", "127.0.0.1", 0);
  const { port } = await server.listen();
  const url = `http://127.0.0.1:${port}`;
  const rpc = async (method: string, ...params: unknown[]): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
  return {
    url,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    rpc,
    mine: async (blocks = 1) => {
      await rpc("hardhat_mine", `0x${blocks.toString(16)}`);
    },
    close: () => server.close(),
  };
}

export function endpointOf(url: string, options: { webSocketUrl?: string; timeoutMs?: number } = {}): Endpoint {
  return new Endpoint({ url, chainId: CHAIN_ID, ...options });
}

/**
 * Logs its input with the first word as topic, and stores the second word under the first:
 * CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY, LOG1(0, CALLDATASIZE, word 0), SSTORE(word 0, word 1), STOP.
 */
const RECORDER = "0x6f365f5f375f35365fa16020355f3555005f5260106010f3";

export interface Recorder {
  readonly address: string;
  /** Records (key, value); in a block of its own where each transaction makes one. Returns the transaction's hash. */
  record(key: bigint, value: bigint): Promise<string>;
}

export async function deployRecorder(chain: Pick<TestChain, "rpc">): Promise<Recorder> {
  const [from] = (await chain.rpc("eth_accounts")) as string[];
  const hash = await chain.rpc("eth_sendTransaction", { from, data: RECORDER });
  // For chains that make blocks by the clock; elsewhere an empty block more.
  await chain.rpc("evm_mine");
  const { contractAddress } = (await chain.rpc("eth_getTransactionReceipt", hash)) as { contractAddress: string };
  const word = (value: bigint): string => value.toString(16).padStart(64, "0");
  return {
    address: contractAddress.toLowerCase(),
    record: async (key, value) => {
      const data = `0x${word(key)}${word(value)}`;
      const call = { from, to: contractAddress, data, gas: "0x30000" };
      return (await chain.rpc("eth_sendTransaction", call)) as string;
    },
  };
}

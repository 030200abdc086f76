/**
 * What a validator believes about the chain: one node of its own, or two or more endpoints as long as they agree
 * (docs/protocol.md, section 2.1, finality). Nothing is read above the finalised block. Headers are hashed here, and single
 * storage words are checked by proof, whoever answers.
 */
import { toBeHex } from "ethers";

import type { Endpoint } from "./endpoint.js";
import { LedgerError } from "./errors.js";
import { verifyAccount, verifyHeader, verifyStorage, type VerifiedHeader } from "./state-proof.js";

export interface SourceOptions {
  /** One, declared the validator's own node by being alone, or several that must agree. */
  readonly endpoints: readonly Endpoint[];
  /** Must be true for a single endpoint: somebody else's node alone is not believed. */
  readonly ownNode: boolean;
  /** Genesis parameter: 0 for the `finalized` tag, else blocks below the head. */
  readonly finalityBlocks: number;
}

/** A contract log as JSON-RPC gives it, checked in shape; hex in lower case. */
export interface LedgerLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly transactionHash: string;
  /** Position in the block. */
  readonly logIndex: number;
}

export interface LedgerTransaction {
  readonly hash: string;
  readonly from: string;
  /** Absent where the transaction created a contract. */
  readonly to: string | undefined;
  readonly input: string;
}

export class LedgerSource {
  readonly endpoints: readonly Endpoint[];
  readonly finalityBlocks: number;

  constructor(options: SourceOptions) {
    const { endpoints, ownNode } = options;
    if (endpoints.length === 0 || (endpoints.length === 1 && !ownNode)) {
      const message = `a validator reads the ledger from a node of its own, or from two or more endpoints that agree; ${endpoints.length} given`;
      throw new LedgerError("too-few-endpoints", message);
    }
    this.endpoints = endpoints;
    this.finalityBlocks = options.finalityBlocks;
  }

  /**
   * The newest block that every endpoint holds final.
   * @throws LedgerError `endpoints-disagree` if they hold different blocks there; any other if one of them is away.
   */
  async finalised(): Promise<VerifiedHeader> {
    const newest = await Promise.all(this.endpoints.map((endpoint) => newestFinal(endpoint, this.finalityBlocks)));
    const number = Math.min(...newest.map((header) => header.number));
    return this.#agreed(
      `the hash of block ${number}`,
      async (endpoint, index) => {
        const header = newest[index];
        return header?.number === number ? header : blockOf(endpoint, number);
      },
      (header) => header.hash,
    );
  }

  /** Time of the newest block, final or not, as the first endpoint that answers has it: seconds since 1970. */
  async newestTime(): Promise<number> {
    return this.#any(async (endpoint) => (await headerOf(endpoint, "latest")).timestamp);
  }

  /**
   * A block that is final, by number.
   * @throws LedgerError `endpoints-disagree`, `behind` if an endpoint does not have it, `bad-header`.
   */
  async block(number: number): Promise<VerifiedHeader> {
    return this.#agreed(
      `the hash of block ${number}`,
      (endpoint) => blockOf(endpoint, number),
      (block) => block.hash,
    );
  }

  /**
   * Logs of `addresses` from block `from` to block `to`, both inclusive and final, in the order of the chain.
   * @throws LedgerError `endpoints-disagree` if one hides, adds or alters a log.
   */
  async logs(addresses: readonly string[], from: number, to: number): Promise<readonly LedgerLog[]> {
    return this.#agreed(
      `the logs of blocks ${from} to ${to}`,
      (endpoint) => logsOf(endpoint, addresses, from, to),
      (logs) => JSON.stringify(logs),
    );
  }

  /**
   * Words of a contract's storage at a block, each proven against the block's state root: any one endpoint will do.
   * @throws LedgerError `bad-proof` if an endpoint lies.
   */
  async storage(address: string, slots: readonly bigint[], block: VerifiedHeader): Promise<readonly bigint[]> {
    return this.#any(async (endpoint) => {
      const keys = slots.map((slot) => toBeHex(slot, 32));
      const result = await endpoint.send("eth_getProof", [address, keys, hexNumber(block.number)]);
      const account = verifyAccount(block.stateRoot, address, result);
      const entries = (result as { storageProof?: unknown }).storageProof;
      if (!Array.isArray(entries) || entries.length !== slots.length) {
        throw new LedgerError("bad-proof", `${endpoint.label} proved other slots than the ${slots.length} asked for`);
      }
      return slots.map((slot, index) => verifyStorage(account.storageRoot, slot, entries[index]));
    });
  }

  /** A transaction by hash. What it holds must be checked by whoever asks (a dealing against its hash on the ledger). */
  async transaction(hash: string): Promise<LedgerTransaction> {
    return this.#any(async (endpoint) => {
      const answer = await endpoint.send("eth_getTransactionByHash", [hash]);
      const { from, to, input } = (answer ?? {}) as { from?: unknown; to?: unknown; input?: unknown };
      if (typeof from !== "string" || typeof input !== "string") {
        throw new LedgerError("behind", `${endpoint.label} does not have transaction ${hash}`, { hash });
      }
      return { hash, from: from.toLowerCase(), to: typeof to === "string" ? to.toLowerCase() : undefined, input };
    });
  }

  close(): void {
    for (const endpoint of this.endpoints) endpoint.close();
  }

  /** Asks all and compares. */
  async #agreed<T>(
    what: string,
    ask: (endpoint: Endpoint, index: number) => Promise<T>,
    key: (answer: T) => string,
  ): Promise<T> {
    const answers = await Promise.all(this.endpoints.map(ask));
    const [first, ...others] = answers;
    if (first === undefined) throw new LedgerError("refused", "there is no ledger endpoint");
    for (const [index, other] of others.entries()) {
      if (key(first) === key(other)) continue;
      const labels = [this.endpoints[0]?.label, this.endpoints[index + 1]?.label];
      throw new LedgerError("endpoints-disagree", `the endpoints ${labels[0]} and ${labels[1]} disagree on ${what}`, {
        endpoints: labels,
        what,
      });
    }
    return first;
  }

  /** Asks one after another for what proves itself; the last one's error is thrown. */
  async #any<T>(ask: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const endpoint of this.endpoints) {
      try {
        return await ask(endpoint);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

export function hexNumber(number: number): string {
  return `0x${number.toString(16)}`;
}

/** The newest block that an endpoint holds final. */
async function newestFinal(endpoint: Endpoint, finalityBlocks: number): Promise<VerifiedHeader> {
  if (finalityBlocks === 0) return headerOf(endpoint, "finalized");
  const head = quantity(await endpoint.send("eth_blockNumber"), endpoint, "the head's number");
  return blockOf(endpoint, Math.max(0, head - finalityBlocks));
}

async function blockOf(endpoint: Endpoint, number: number): Promise<VerifiedHeader> {
  const header = await headerOf(endpoint, hexNumber(number));
  if (header.number === number) return header;
  throw new LedgerError("bad-answer", `${endpoint.label} gave block ${header.number} for block ${number}`);
}

/** @param tag a block's number in hex, `finalized` or `latest`. */
async function headerOf(endpoint: Endpoint, tag: string): Promise<VerifiedHeader> {
  const answer = await endpoint.send("eth_getBlockByNumber", [tag, false]);
  if (answer !== null) return verifyHeader(answer);
  throw new LedgerError("behind", `${endpoint.label} does not have block ${tag} yet`, { block: tag });
}

export async function logsOf(
  endpoint: Endpoint,
  addresses: readonly string[],
  from: number,
  to: number,
): Promise<readonly LedgerLog[]> {
  const filter = { address: addresses, fromBlock: hexNumber(from), toBlock: hexNumber(to) };
  const answer = await endpoint.send("eth_getLogs", [filter]);
  if (!Array.isArray(answer))
    throw new LedgerError("bad-answer", `${endpoint.label} answered eth_getLogs with no list`);
  const wanted = new Set(addresses.map((address) => address.toLowerCase()));
  const logs = answer.map((entry: unknown) => logOf(entry, endpoint));
  logs.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  for (const [index, log] of logs.entries()) {
    const before = logs[index - 1];
    const twice = before?.blockNumber === log.blockNumber && before.logIndex === log.logIndex;
    if (twice || log.blockNumber < from || log.blockNumber > to || !wanted.has(log.address)) {
      throw new LedgerError("bad-answer", `${endpoint.label} sent a log that was not asked for, or one twice`, {
        log,
      });
    }
  }
  return logs;
}

function logOf(entry: unknown, endpoint: Endpoint): LedgerLog {
  const log = (entry ?? {}) as Record<string, unknown>;
  const topics = log["topics"];
  if (!Array.isArray(topics) || topics.length > 4 || log["removed"] === true) {
    throw new LedgerError("bad-answer", `${endpoint.label} sent a log without topics, or one that was removed`);
  }
  return {
    address: hex(log["address"], endpoint, 20),
    topics: topics.map((topic: unknown) => hex(topic, endpoint, 32)),
    data: hex(log["data"], endpoint),
    blockNumber: quantity(log["blockNumber"], endpoint, "a log's block"),
    blockHash: hex(log["blockHash"], endpoint, 32),
    transactionHash: hex(log["transactionHash"], endpoint, 32),
    logIndex: quantity(log["logIndex"], endpoint, "a log's index"),
  };
}

function quantity(value: unknown, endpoint: Endpoint, what: string): number {
  const number = typeof value === "string" && /^0x[0-9a-f]{1,13}$/i.test(value) ? Number(value) : undefined;
  if (number === undefined) {
    throw new LedgerError("bad-answer", `${endpoint.label} gave ${String(value)} as ${what}`, { value });
  }
  return number;
}

function hex(value: unknown, endpoint: Endpoint, bytes?: number): string {
  if (typeof value !== "string" || !/^0x([0-9a-f]{2})*$/i.test(value) || (bytes && value.length !== 2 + 2 * bytes)) {
    throw new LedgerError("bad-answer", `${endpoint.label} sent a log with malformed bytes`, { value });
  }
  return value.toLowerCase();
}

/** Blocks, receipts and logs of the chain as the indexer takes them from the node, each checked in shape. */
import { sendAll } from "../ledger/batch.js";
import type { Endpoint } from "../ledger/endpoint.js";
import { LedgerError } from "../ledger/errors.js";
import { LedgerSource, type LedgerLog, hexNumber } from "../ledger/source.js";

export interface ChainTransaction {
  readonly hash: string;
  readonly position: number;
  readonly from: string;
  /** Absent where the transaction creates a contract. */
  readonly to: string | undefined;
  readonly input: string;
  /** Wei. */
  readonly value: bigint;
}

export interface ChainBlock {
  readonly number: number;
  readonly hash: string;
  readonly parent: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly transactions: readonly ChainTransaction[];
}

export interface Receipt {
  readonly ok: boolean;
  readonly gasUsed: number;
  /** Wei for a unit of gas. */
  readonly gasPrice: bigint;
  readonly created: string | undefined;
}

export class Chain {
  readonly endpoint: Endpoint;
  readonly #source: LedgerSource;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.#source = new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 0 });
  }

  /** Number of the newest block. */
  async head(): Promise<number> {
    return Number(await this.endpoint.send("eth_blockNumber"));
  }

  /** Blocks `from` to `to`, as far as the chain has them. @throws LedgerError `bad-answer` */
  async blocks(from: number, to: number): Promise<readonly ChainBlock[]> {
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const lists = numbers.map((number) => [hexNumber(number), true]);
    const answers = await sendAll(this.endpoint, "eth_getBlockByNumber", lists);
    const end = answers.indexOf(null);
    return answers.slice(0, end < 0 ? answers.length : end).map((answer, i) => {
      const block = blockOf(answer, this.endpoint.label);
      if (block.number === from + i) return block;
      throw new LedgerError("bad-answer", `${this.endpoint.label} gave block ${block.number} for block ${from + i}`);
    });
  }

  /** Undefined where the chain does not have it. */
  async hashOf(number: number): Promise<string | undefined> {
    const answer = await this.endpoint.send("eth_getBlockByNumber", [hexNumber(number), false]);
    const hash = (answer as { hash?: unknown } | null)?.hash;
    return typeof hash === "string" ? hash.toLowerCase() : undefined;
  }

  async logs(addresses: readonly string[], from: number, to: number): Promise<readonly LedgerLog[]> {
    return this.#source.logs(addresses, from, to);
  }

  /** Receipts of transactions, in order. @throws LedgerError `behind` where the node does not have one (yet, or any more). */
  async receipts(hashes: readonly string[]): Promise<readonly Receipt[]> {
    const lists = hashes.map((hash) => [hash]);
    const answers = await sendAll(this.endpoint, "eth_getTransactionReceipt", lists);
    return answers.map((answer, i) => receiptOf(answer, String(hashes[i]), this.endpoint.label));
  }
}

function receiptOf(answer: unknown, hash: string, label: string): Receipt {
  if (answer === null) throw new LedgerError("behind", `${label} has no receipt of ${hash}`, { hash });
  const receipt = answer as Record<string, unknown>;
  const created = receipt["contractAddress"];
  return {
    // Before Byzantium receipts had no status; chains with EIP-2537 are long past it.
    ok: receipt["status"] !== "0x0",
    gasUsed: count(receipt["gasUsed"], label, "gasUsed"),
    gasPrice: amount(receipt["effectiveGasPrice"] ?? "0x0", label, "effectiveGasPrice"),
    created: typeof created === "string" ? created.toLowerCase() : undefined,
  };
}

/** @throws LedgerError `bad-answer` */
export function blockOf(answer: unknown, label: string): ChainBlock {
  const block = (answer ?? {}) as Record<string, unknown>;
  const transactions = block["transactions"];
  if (!Array.isArray(transactions)) throw bad(label, "transactions", transactions);
  return {
    number: count(block["number"], label, "number"),
    hash: hash(block["hash"], label, "hash"),
    parent: hash(block["parentHash"], label, "parentHash"),
    time: count(block["timestamp"], label, "timestamp"),
    gasUsed: count(block["gasUsed"], label, "gasUsed"),
    gasLimit: count(block["gasLimit"], label, "gasLimit"),
    transactions: transactions.map((entry: unknown, position) => transactionOf(entry, position, label)),
  };
}

function transactionOf(entry: unknown, position: number, label: string): ChainTransaction {
  const transaction = (entry ?? {}) as Record<string, unknown>;
  const to = transaction["to"];
  return {
    hash: hash(transaction["hash"], label, "hash"),
    position,
    from: matching(transaction["from"], /^0x[0-9a-f]{40}$/i, label, "from"),
    to: typeof to === "string" ? matching(to, /^0x[0-9a-f]{40}$/i, label, "to") : undefined,
    input: matching(transaction["input"], /^0x([0-9a-f]{2})*$/i, label, "input"),
    value: amount(transaction["value"], label, "value"),
  };
}

function matching(value: unknown, pattern: RegExp, label: string, field: string): string {
  if (typeof value !== "string" || !pattern.test(value)) throw bad(label, field, value);
  return value.toLowerCase();
}

function hash(value: unknown, label: string, field: string): string {
  return matching(value, /^0x[0-9a-f]{64}$/i, label, field);
}

function count(value: unknown, label: string, field: string): number {
  return Number(matching(value, /^0x[0-9a-f]{1,13}$/i, label, field));
}

function amount(value: unknown, label: string, field: string): bigint {
  return BigInt(matching(value, /^0x[0-9a-f]{1,64}$/i, label, field));
}

function bad(label: string, field: string, value: unknown): LedgerError {
  const found = (JSON.stringify(value) ?? "nothing").slice(0, 80);
  return new LedgerError("bad-answer", `${label} gave ${found} as ${field} of a block or transaction`, { field });
}

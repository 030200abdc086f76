/**
 * Sends transactions of one account: nonces in order, gas and fees within limits, replaced with a higher fee when they are
 * not taken, awaited by heads. Whether something has to be sent at all, also after a crash, is for the caller to know.
 */
import { Transaction, type BaseWallet, type TransactionRequest } from "ethers";

import type { Endpoint } from "./endpoint.js";
import { LedgerError, isPassing } from "./errors.js";
import { HeadSignal } from "./heads.js";
import { revertError } from "./reverts.js";
import { hexNumber } from "./source.js";

/** EIP-7825: a transaction may not ask for more. */
const MAXIMUM_GAS = 1n << 24n;
/** Nodes replace a transaction only for a tenth more; an eighth clears that after rounding. */
const bumped = (fee: bigint): bigint => fee + fee / 8n + 1n;

export interface SenderOptions {
  readonly endpoint: Endpoint;
  readonly wallet: BaseWallet;
  /** Highest fee per gas in wei, default 500 gwei. */
  readonly maximumFeePerGas?: bigint;
  /** Milliseconds after which a transaction that is not taken is sent again with a higher fee, default 30 000. */
  readonly replaceAfterMs?: number;
  /** Milliseconds between looks where no WebSocket tells of blocks, default 1000. */
  readonly pollMs?: number;
}

export interface Call {
  readonly to: string;
  readonly data: string;
  /** Wei. */
  readonly value?: bigint;
  /** What it does, in the infinitive, for messages: "register the validator". */
  readonly action: string;
  readonly signal?: AbortSignal;
}

export interface Receipt {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly gasUsed: bigint;
}

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

interface Sent {
  readonly request: TransactionRequest;
  readonly fees: Fees;
  readonly hashes: string[];
}

export class TransactionSender {
  readonly address: string;
  readonly #endpoint: Endpoint;
  readonly #wallet: BaseWallet;
  readonly #maximumFee: bigint;
  readonly #replaceAfterMs: number;
  readonly #heads: HeadSignal;
  readonly #waiting = new Set<() => void>();
  /** Broadcasting is one at a time, so that nonces are taken in order. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Nonces below this are in blocks. */
  #settled = 0;
  /** Nonces of transactions that are waited for, and sent again until they are in a block. */
  readonly #underWay = new Set<number>();
  #closed = false;

  constructor(options: SenderOptions) {
    this.#endpoint = options.endpoint;
    this.#wallet = options.wallet;
    this.address = options.wallet.address;
    this.#maximumFee = options.maximumFeePerGas ?? 500_000_000_000n;
    this.#replaceAfterMs = options.replaceAfterMs ?? 30_000;
    this.#heads = new HeadSignal([options.endpoint], options.pollMs);
    void this.#announceHeads();
  }

  /**
   * Sends a call and resolves once a block holds it.
   * @throws LedgerError `reverted` if the contract refuses it (before sending, or in the block), `unsendable`, or what the
   * endpoint throws; then it may or may not be on its way.
   */
  async send(call: Call): Promise<Receipt> {
    const first = await this.#inTurn(() => this.#broadcastFirst(call));
    try {
      return await this.#settle(call, first);
    } finally {
      this.#underWay.delete(Number(first.request.nonce));
    }
  }

  close(): void {
    this.#closed = true;
    this.#heads.close();
    for (const wake of this.#waiting) wake();
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #broadcastFirst(call: Call): Promise<Sent> {
    const { to, data, value = 0n } = call;
    const gasLimit = await this.#estimate(call);
    const fees = await this.#fees();
    for (;;) {
      const pending = Number(await this.#endpoint.send("eth_getTransactionCount", [this.address, "pending"]));
      // A nonce that nobody waits for any more and that the node does not know of is free, also below others: what was sent
      // with it is forgotten, and all that comes after would wait for it.
      let nonce = Math.max(pending, this.#settled);
      while (this.#underWay.has(nonce)) nonce++;
      const request = { to, data, value, gasLimit, nonce, chainId: this.#endpoint.chainId, type: 2 };
      const sent: Sent = { request, fees, hashes: [] };
      try {
        await this.#broadcast(sent, call.action);
      } catch (error) {
        // Somebody else used the account meanwhile, or a restarted node forgot what was pending: take the nonce it says.
        if (!isNonceError(error)) throw error;
        this.#settled = 0;
        this.#underWay.clear();
        const now = Number(await this.#endpoint.send("eth_getTransactionCount", [this.address, "pending"]));
        if (now === nonce) throw error;
        continue;
      }
      this.#underWay.add(nonce);
      return sent;
    }
  }

  /** Waits until one of the transaction's versions is in a block, sending it again with a higher fee from time to time. */
  async #settle(call: Call, first: Sent): Promise<Receipt> {
    let sent = first;
    let replaceAt = performance.now() + this.#replaceAfterMs;
    for (;;) {
      const receipt = await this.#receiptOf(sent, call.action).catch((error: unknown) => {
        if (isPassing(error)) return undefined;
        throw error;
      });
      if (receipt !== undefined) return receipt;
      if (this.#closed || call.signal?.aborted === true) {
        throw new LedgerError(
          "timeout",
          `the transaction to ${call.action} was not taken before waiting for it ended`,
          {
            hashes: sent.hashes,
          },
        );
      }
      if (performance.now() >= replaceAt) {
        sent = await this.#inTurn(() => this.#replace(sent, call.action));
        replaceAt = performance.now() + this.#replaceAfterMs;
      }
      await this.#nextLook(replaceAt - performance.now(), call.signal);
    }
  }

  /** The same nonce with a higher fee; the same transaction again once the fee is at its cap. */
  async #replace(sent: Sent, action: string): Promise<Sent> {
    const current = await this.#fees().catch(() => sent.fees);
    const maxFeePerGas = larger(bumped(sent.fees.maxFeePerGas), current.maxFeePerGas);
    const maxPriorityFeePerGas = larger(bumped(sent.fees.maxPriorityFeePerGas), current.maxPriorityFeePerGas);
    const next: Sent =
      maxFeePerGas > this.#maximumFee
        ? sent
        : { request: sent.request, hashes: sent.hashes, fees: { maxFeePerGas, maxPriorityFeePerGas } };
    try {
      await this.#broadcast(next, action);
    } catch (error) {
      // Taken meanwhile, known already, or the node is away: the next look will tell.
      if (!(error instanceof LedgerError)) throw error;
    }
    return next;
  }

  async #broadcast(sent: Sent, action: string): Promise<void> {
    const raw = await this.#wallet.signTransaction({ ...sent.request, ...sent.fees });
    const hash = Transaction.from(raw).hash ?? "";
    try {
      await this.#endpoint.send("eth_sendRawTransaction", [raw]);
    } catch (error) {
      const { said, data } = rpcError(error);
      if (said === undefined) throw error;
      // Development nodes execute at once and answer with the revert; the transaction is in a block nevertheless.
      if (/already known|already imported/i.test(said)) return;
      if (/insufficient funds|enough funds/i.test(said)) throw this.#noFunds(action, error);
      if (data === undefined) throw error;
    }
    if (!sent.hashes.includes(hash)) sent.hashes.push(hash);
  }

  async #receiptOf(sent: Sent, action: string): Promise<Receipt | undefined> {
    for (const hash of sent.hashes) {
      const answer = await this.#endpoint.send("eth_getTransactionReceipt", [hash]);
      if (typeof answer !== "object" || answer === null) continue;
      const { status, blockNumber, gasUsed } = answer as Record<string, string>;
      const receipt = { transactionHash: hash, blockNumber: Number(blockNumber), gasUsed: BigInt(gasUsed ?? 0) };
      this.#settled = Math.max(this.#settled, Number(sent.request.nonce) + 1);
      if (status === "0x1") return receipt;
      throw await this.#whyReverted(sent, receipt, action);
    }
    return undefined;
  }

  /** Repeats a failed transaction as a call, which gives its reason if the state has not changed much since. */
  async #whyReverted(sent: Sent, receipt: Receipt, action: string): Promise<LedgerError> {
    const { to, data, value, gasLimit } = sent.request;
    if (receipt.gasUsed === gasLimit) {
      return new LedgerError("reverted", `the ledger refused to ${action}: it ran out of ${gasLimit} gas`, { receipt });
    }
    const call = { from: this.address, to, data, value: hexBig(BigInt(value ?? 0)) };
    try {
      await this.#endpoint.send("eth_call", [call, hexNumber(receipt.blockNumber)]);
    } catch (error) {
      return revertError(rpcError(error).data, action, error);
    }
    return revertError(undefined, action);
  }

  /** A fifth more than estimated: what others do first may cost a little. */
  async #estimate(call: Call): Promise<bigint> {
    const request = { from: this.address, to: call.to, data: call.data, value: hexBig(call.value ?? 0n) };
    let estimate: bigint;
    try {
      estimate = BigInt(String(await this.#endpoint.send("eth_estimateGas", [request])));
    } catch (error) {
      const { said, data } = rpcError(error);
      if (said === undefined) throw error;
      if (data === undefined && /insufficient funds|enough funds/i.test(said)) throw this.#noFunds(call.action, error);
      if (data === undefined && !/revert/i.test(said)) throw error;
      throw revertError(data, call.action, error);
    }
    if (estimate > MAXIMUM_GAS) {
      const message = `to ${call.action} takes ${estimate} gas, more than the ${MAXIMUM_GAS} of a transaction`;
      throw new LedgerError("unsendable", message, { estimate });
    }
    const limit = estimate + estimate / 5n;
    return limit < MAXIMUM_GAS ? limit : MAXIMUM_GAS;
  }

  /** EIP-1559: the tip that the node suggests, and twice the base fee above it. */
  async #fees(): Promise<Fees> {
    const [block, suggested] = await Promise.all([
      this.#endpoint.send("eth_getBlockByNumber", ["latest", false]),
      this.#endpoint.send("eth_maxPriorityFeePerGas").catch(() => "0x3b9aca00"),
    ]);
    const { baseFeePerGas = "0x0" } = (block ?? {}) as { baseFeePerGas?: string };
    const baseFee = BigInt(baseFeePerGas);
    if (baseFee > this.#maximumFee) {
      const message = `the ledger's base fee of ${baseFee} wei per gas is above the limit of ${this.#maximumFee}`;
      throw new LedgerError("unsendable", message, { baseFee, limit: this.#maximumFee });
    }
    const tip = BigInt(String(suggested));
    const maxFeePerGas = smaller(2n * baseFee + tip, this.#maximumFee);
    return { maxFeePerGas, maxPriorityFeePerGas: smaller(tip, maxFeePerGas) };
  }

  #noFunds(action: string, cause: unknown): LedgerError {
    const message = `the account ${this.address} has too little to ${action}`;
    return new LedgerError("unsendable", message, { account: this.address }, cause);
  }

  async #announceHeads(): Promise<void> {
    while (!this.#closed) {
      await this.#heads.wait();
      for (const wake of this.#waiting) wake();
    }
  }

  /** Resolves at the next head, after `ms`, or when waiting ends. */
  async #nextLook(ms: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.max(0, ms));
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }
}

function rpcError(error: unknown): { said: string | undefined; data: string | undefined } {
  if (!(error instanceof LedgerError) || error.code !== "rpc") return { said: undefined, data: undefined };
  const { message, data } = error.details;
  return { said: String(message), data: typeof data === "string" && data !== "0x" ? data : undefined };
}

function isNonceError(error: unknown): boolean {
  return /nonce.{0,20}too (low|high)|invalid nonce/i.test(rpcError(error).said ?? "");
}

function hexBig(value: bigint): string {
  return `0x${value.toString(16)}`;
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

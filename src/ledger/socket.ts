/**
 * JSON-RPC over one WebSocket: requests by id, and subscriptions (`eth_subscribe`).
 * A socket is used until it closes and never revived; whoever holds it opens the next.
 */
import { LedgerError } from "./errors.js";

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: LedgerError) => void;
}

/** Messages above this are not for us: the largest honest answer, a page of logs, stays well below it. */
const MAXIMUM_MESSAGE_BYTES = 64 * 1024 * 1024;

export class JsonRpcSocket {
  /** How messages name the other end; the address itself may hold credentials. */
  readonly label: string;
  /** Settles once the socket is closed, by either side. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, (result: unknown) => void>();
  #nextId = 1;

  private constructor(label: string, socket: WebSocket) {
    this.label = label;
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#receive(event.data));
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", () => {
        const error = new LedgerError("refused", `the ledger endpoint ${label} closed the connection`);
        for (const { reject } of this.#pending.values()) reject(error);
        this.#pending.clear();
        resolve();
      });
    });
  }

  /** @throws LedgerError `refused` or `timeout`. */
  static open(url: string, label: string, timeoutMs: number): Promise<JsonRpcSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      const timer = setTimeout(() => {
        socket.close();
        reject(new LedgerError("timeout", `the ledger endpoint ${label} did not open in ${timeoutMs} ms`));
      }, timeoutMs);
      socket.addEventListener("open", () => {
        clearTimeout(timer);
        resolve(new JsonRpcSocket(label, socket));
      });
      socket.addEventListener("error", () => {
        clearTimeout(timer);
        reject(new LedgerError("refused", `no WebSocket answers at ${label}`));
      });
    });
  }

  /** Sends one request and resolves with the whole JSON-RPC answer, error or result. */
  request(method: string, params: readonly unknown[], timeoutMs: number): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        const message = `the ledger endpoint ${this.label} did not answer ${method} in ${timeoutMs} ms`;
        reject(new LedgerError("timeout", message, { method }));
      }, timeoutMs);
      this.#pending.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      if (this.#socket.readyState === WebSocket.OPEN) {
        this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      } else {
        this.#pending.get(id)?.reject(new LedgerError("refused", `the connection to ${this.label} is closed`));
        this.#pending.delete(id);
      }
    });
  }

  /** Hands each notification of a subscription to `listener`. */
  listen(subscription: string, listener: (result: unknown) => void): void {
    this.#listeners.set(subscription, listener);
  }

  close(): void {
    this.#socket.close();
  }

  #receive(data: unknown): void {
    if (typeof data !== "string" || data.length > MAXIMUM_MESSAGE_BYTES) return this.close();
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return this.close();
    }
    if (typeof message !== "object" || message === null) return this.close();
    const { id, method, params } = message as { id?: unknown; method?: unknown; params?: unknown };
    if (typeof id === "number") {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      pending?.resolve(message);
    } else if (method === "eth_subscription" && typeof params === "object" && params !== null) {
      const { subscription, result } = params as { subscription?: unknown; result?: unknown };
      if (typeof subscription === "string") this.#listeners.get(subscription)?.(result);
    }
  }
}

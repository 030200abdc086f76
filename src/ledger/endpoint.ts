/**
 * One JSON-RPC endpoint of an Ethereum node, over HTTP or WebSocket, with every failure as a typed error of one sentence.
 * Contracts use it through `provider`, an ethers provider that sends one request at a time (no batching delay) and never
 * asks again which chain it is on: the endpoint checks that itself, once per connection.
 */
import { JsonRpcApiProvider, Network, type JsonRpcPayload, type JsonRpcResult } from "ethers";

import { LedgerError } from "./errors.js";
import { JsonRpcSocket } from "./socket.js";

export interface EndpointOptions {
  /** `http(s)://` or `ws(s)://`. May hold credentials: only `label` is ever shown. */
  readonly url: string;
  /** WebSocket address for head subscriptions, if requests go over HTTP and the node offers one. */
  readonly webSocketUrl?: string;
  /** EIP-155 chain id that the endpoint must serve. */
  readonly chainId: bigint;
  /** Milliseconds for one request, default 15 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024;
/** Numbers of blocks and transactions, and gas: up to 2^52. */
const COUNT = /^0x[0-9a-f]{1,13}$/i;
/** Wei. */
const AMOUNT = /^0x[0-9a-f]{1,64}$/i;
const BYTES = /^0x([0-9a-f]{2})*$/i;
/** Methods whose results are used as they are, and what those look like (EIP-1474). */
const SHAPES: ReadonlyMap<string, RegExp> = new Map([
  ["eth_blockNumber", COUNT],
  ["eth_getTransactionCount", COUNT],
  ["eth_estimateGas", COUNT],
  ["eth_maxPriorityFeePerGas", AMOUNT],
  ["eth_gasPrice", AMOUNT],
  ["eth_getBalance", AMOUNT],
  ["eth_call", BYTES],
  ["eth_getCode", BYTES],
]);
/** JSON-RPC "limit exceeded" (EIP-1474). */
const LIMIT_EXCEEDED = -32005;

/** An address without user, password, path and query, which may hold an access key. */
function labelOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/** `fetch` takes no address with user and password, and would repeat it in its error: they go into a header (RFC 7617). */
function withoutCredentials(address: string): { url: string; authorization: { authorization?: string } } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { url: address, authorization: {} };
  url.username = "";
  url.password = "";
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  return { url: url.href, authorization: { authorization: `Basic ${credentials}` } };
}

export class Endpoint {
  /** How the endpoint is named in messages: scheme, host and port. */
  readonly label: string;
  readonly chainId: bigint;
  /** For typed contract handles and signers. Destroyed by `close`. */
  readonly provider: JsonRpcApiProvider;
  readonly #url: string;
  readonly #authorization: { readonly authorization?: string };
  readonly #webSocketUrl: string | undefined;
  readonly #timeoutMs: number;
  #socket: Promise<JsonRpcSocket> | undefined;
  #chainChecked: Promise<void> | undefined;
  #closed = false;

  constructor(options: EndpointOptions) {
    const scheme = URL.canParse(options.url) ? new URL(options.url).protocol : "";
    if (!["http:", "https:", "ws:", "wss:"].includes(scheme)) {
      throw new LedgerError("refused", `A ledger endpoint is an http, https, ws or wss address, not "${scheme}"`);
    }
    const { url, authorization } = withoutCredentials(options.url);
    this.#url = scheme.startsWith("ws") ? options.url : url;
    this.#authorization = authorization;
    this.#webSocketUrl = scheme.startsWith("ws") ? options.url : options.webSocketUrl;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.label = labelOf(options.url);
    this.chainId = options.chainId;
    this.provider = new EndpointProvider(this);
  }

  /** The chain that an endpoint serves, for whoever does not know it beforehand. @throws LedgerError as `send` does. */
  static async chainIdAt(url: string): Promise<bigint> {
    const endpoint = new Endpoint({ url, chainId: 0n });
    try {
      return await endpoint.#askChainId();
    } finally {
      endpoint.close();
    }
  }

  /**
   * The `result` of one JSON-RPC call.
   * @throws LedgerError `refused`, `timeout`, `not-json-rpc`, `rate-limited`, `wrong-chain`, `rpc`.
   */
  async send(method: string, params: readonly unknown[] = []): Promise<unknown> {
    await this.#checkChain();
    return this.#call(method, params);
  }

  /**
   * The results of one method for several lists of parameters, asked for in one request: a batch (JSON-RPC 2.0, section 6), or
   * one message after another on a WebSocket. Undefined for what was not answered: some nodes take no batches, or shorter ones.
   * @throws LedgerError `refused`, `timeout`, `not-json-rpc`, `rate-limited`, `wrong-chain`.
   */
  async sendBatch(method: string, lists: readonly (readonly unknown[])[]): Promise<unknown[]> {
    await this.#checkChain();
    if (this.#url.startsWith("ws")) return Promise.all(lists.map((params) => this.#call(method, params)));
    const answers = await this.#reach(() =>
      this.#post(
        lists.map((params, id) => ({ jsonrpc: "2.0", id, method, params })),
        method,
      ),
    );
    const results: unknown[] = lists.map(() => undefined);
    for (const answer of Array.isArray(answers) ? (answers as unknown[]) : []) {
      const { id, result } = (answer ?? {}) as { id?: unknown; result?: unknown };
      if (typeof id === "number" && id in results) results[id] = result;
    }
    return results;
  }

  /**
   * Calls `onHead` at each new block until the connection ends, which the returned promise tells.
   * Resolves with `undefined` where the endpoint has no WebSocket: poll it.
   */
  async subscribeHeads(onHead: () => void): Promise<{ closed: Promise<void> } | undefined> {
    if (this.#webSocketUrl === undefined) return undefined;
    await this.#checkChain();
    const socket = await this.#openSocket(this.#webSocketUrl);
    const subscription = this.#result(
      await socket.request("eth_subscribe", ["newHeads"], this.#timeoutMs),
      "eth_subscribe",
    );
    if (typeof subscription !== "string") {
      throw new LedgerError("bad-answer", `the ledger endpoint ${this.label} answered eth_subscribe without an id`);
    }
    socket.listen(subscription, onHead);
    return { closed: socket.closed };
  }

  /** Ends open connections. The endpoint refuses requests from then on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.provider.destroy();
    this.#socket?.then(
      (socket) => socket.close(),
      () => undefined,
    );
  }

  /** A node that comes back after an outage might be another one, so the check is repeated then. */
  #checkChain(): Promise<void> {
    this.#chainChecked ??= this.#askChainId().then(
      (found) => {
        if (found === this.chainId) return;
        this.#chainChecked = undefined;
        const message = `the ledger endpoint ${this.label} serves chain ${found}, not ${this.chainId}`;
        throw new LedgerError("wrong-chain", message, { expected: this.chainId, found });
      },
      (error: unknown) => {
        this.#chainChecked = undefined;
        throw error;
      },
    );
    return this.#chainChecked;
  }

  async #askChainId(): Promise<bigint> {
    const answer = await this.#call("eth_chainId", []);
    if (typeof answer === "string" && /^0x[0-9a-f]{1,16}$/i.test(answer)) return BigInt(answer);
    const found = (JSON.stringify(answer) ?? "nothing").slice(0, 80);
    throw new LedgerError("bad-answer", `the ledger endpoint ${this.label} answered eth_chainId with ${found}`);
  }

  async #call(method: string, params: readonly unknown[]): Promise<unknown> {
    const answer = await this.#reach(async () =>
      this.#url.startsWith("ws")
        ? (await this.#openSocket(this.#url)).request(method, params, this.#timeoutMs)
        : this.#post({ jsonrpc: "2.0", id: 1, method, params }, method),
    );
    return this.#expectShape(this.#result(answer, method), method);
  }

  /** A node that was away may be another one when it is back: its chain is asked for again. */
  async #reach(ask: () => Promise<unknown>): Promise<unknown> {
    if (this.#closed) throw new LedgerError("refused", `the ledger endpoint ${this.label} was closed by us`);
    try {
      return await ask();
    } catch (error) {
      if (error instanceof LedgerError && (error.code === "refused" || error.code === "timeout")) {
        this.#chainChecked = undefined;
      }
      throw error;
    }
  }

  #openSocket(url: string): Promise<JsonRpcSocket> {
    if (this.#socket === undefined) {
      const opening = JsonRpcSocket.open(url, labelOf(url), this.#timeoutMs);
      this.#socket = opening;
      const forget = (): void => {
        if (this.#socket === opening) this.#socket = undefined;
      };
      opening.then((socket) => socket.closed.then(forget), forget);
    }
    return this.#socket;
  }

  async #post(body: unknown, method: string): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json", ...this.#authorization },
        body: JSON.stringify(body),
        redirect: "error",
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await readLimited(response, this.label);
    } catch (cause) {
      if (cause instanceof LedgerError) throw cause;
      if (cause instanceof Error && cause.name === "TimeoutError") {
        const message = `the ledger endpoint ${this.label} did not answer ${method} in ${this.#timeoutMs} ms`;
        throw new LedgerError("timeout", message, { method }, cause);
      }
      const message = `no ledger endpoint answers at ${this.label}`;
      throw new LedgerError("refused", message, { method }, cause);
    }
    if (response.status === 429) throw this.#rateLimited(response.headers.get("retry-after"));
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#notJsonRpc(`HTTP ${response.status}`, cause);
    }
  }

  /** @throws LedgerError unless `answer` is a JSON-RPC object with a result. */
  #result(answer: unknown, method: string): unknown {
    if (typeof answer !== "object" || answer === null) throw this.#notJsonRpc("no object");
    const { error, result } = answer as { error?: unknown; result?: unknown };
    if (error !== undefined && error !== null) {
      const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
      if (code === LIMIT_EXCEEDED || code === 429) throw this.#rateLimited(null);
      const said = typeof message === "string" ? message.slice(0, 300) : "no reason given";
      throw new LedgerError("rpc", `the ledger endpoint ${this.label} refused ${method}: ${said}`, {
        method,
        code,
        message: said,
        data: revertData(data),
      });
    }
    if (result === undefined) throw this.#notJsonRpc("neither result nor error");
    return result;
  }

  /** What is used as a number or as bytes right away is one, so that a lying node is told of in these words and not in others. */
  #expectShape(result: unknown, method: string): unknown {
    const shape = SHAPES.get(method);
    if (shape === undefined || (typeof result === "string" && shape.test(result))) return result;
    const found = (JSON.stringify(result) ?? "nothing").slice(0, 80);
    throw new LedgerError("bad-answer", `the ledger endpoint ${this.label} answered ${method} with ${found}`, {
      method,
    });
  }

  #rateLimited(retryAfter: string | null): LedgerError {
    const seconds = retryAfter !== null && /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) : undefined;
    const message = `the ledger endpoint ${this.label} limits our requests`;
    return new LedgerError("rate-limited", message, { retryAfterSeconds: seconds });
  }

  #notJsonRpc(found: string, cause?: unknown): LedgerError {
    const message = `what answers at ${this.label} is not JSON-RPC (${found})`;
    return new LedgerError("not-json-rpc", message, { found }, cause);
  }
}

/** Revert data of an error: nodes put it into `data`, or one or two levels deeper. */
function revertData(data: unknown, depth = 0): string | undefined {
  if (typeof data === "string") return /^0x([0-9a-f]{2})*$/i.test(data) ? data : undefined;
  if (typeof data !== "object" || data === null || depth === 2) return undefined;
  return revertData((data as { data?: unknown }).data, depth + 1);
}

async function readLimited(response: Response, label: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > MAXIMUM_ANSWER_BYTES) {
      throw new LedgerError(
        "not-json-rpc",
        `the ledger endpoint ${label} sent more than ${MAXIMUM_ANSWER_BYTES} bytes`,
      );
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** ethers on an `Endpoint`. Errors of the way to the node reach the caller as they are. */
class EndpointProvider extends JsonRpcApiProvider {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    const network = Network.from(endpoint.chainId);
    super(network, { batchMaxCount: 1, staticNetwork: network, cacheTimeout: -1 });
    this.#endpoint = endpoint;
    this._start();
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    const payloads = Array.isArray(payload) ? payload : [payload];
    return Promise.all(
      payloads.map(async ({ id, method, params }) => {
        try {
          return { id, result: await this.#endpoint.send(method, Array.isArray(params) ? params : [params]) };
        } catch (error) {
          if (!(error instanceof LedgerError) || error.code !== "rpc") throw error;
          const { code, message, data } = error.details;
          return { id, error: { code, message, data } } as unknown as JsonRpcResult;
        }
      }),
    );
  }
}

/** A JSON-RPC endpoint that stands before another one and lies, stalls, or is away, as a test tells it to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Call {
  readonly method: string;
  readonly params: readonly unknown[];
}

type Asked = Call & { readonly id: number };

/** Given the honest answer's result; returns what is answered instead. */
export type Lie = (call: Call, result: unknown) => unknown;

export class Proxy {
  lie: Lie = (_call, result) => result;
  /** Answers these bytes with this status instead of anything else. */
  plain: { status: number; body: string } | undefined;
  /** Answers with a JSON-RPC error of this message, where there is one. */
  refuse: (call: Call) => string | undefined = () => undefined;
  /** Never answers. */
  silent = false;
  /** Whether it takes batches. */
  batches = true;
  /** Those within batches, each. */
  readonly calls: Call[] = [];
  /** HTTP requests. */
  requests = 0;
  #target: string;
  #server: Server | undefined;
  #port = 0;

  constructor(target: string) {
    this.#target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Stands before another chain from now on. */
  retarget(target: string): void {
    this.#target = target;
  }

  /** Listens, on the same port as before if there was one. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      void this.#respond(request, response);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request);
    if (answer === undefined) return;
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(answer.body);
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: string } | undefined> {
    // A client that asks for a WebSocket, which there is none of.
    if (request.method !== "POST") return { status: 404, body: "{}" };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked | Asked[];
    const list = Array.isArray(asked) ? asked : [asked];
    this.requests++;
    this.calls.push(...list.map(({ method, params }) => ({ method, params })));
    if (this.silent) return undefined;
    if (this.plain !== undefined) return this.plain;
    if (!Array.isArray(asked)) return { status: 200, body: JSON.stringify(await this.#answerTo(asked)) };
    if (!this.batches) return { status: 200, body: JSON.stringify(errorOf(null, "no batches here")) };
    const answers = await Promise.all(asked.map((one) => this.#answerTo(one)));
    // In any order (JSON-RPC 2.0, section 6): here the other way round.
    return { status: 200, body: JSON.stringify(answers.reverse()) };
  }

  async #answerTo({ id, method, params }: Asked): Promise<unknown> {
    const message = this.refuse({ method, params });
    if (message !== undefined) return errorOf(id, message);
    const response = await fetch(this.#target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
    });
    const answer = (await response.json()) as { result?: unknown };
    if ("result" in answer) answer.result = this.lie({ method, params }, answer.result);
    return answer;
  }
}

function errorOf(id: number | null, message: string): unknown {
  return { jsonrpc: "2.0", id, error: { code: -32000, message } };
}

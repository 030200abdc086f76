/**
 * Plain HTTP for what is signed and meant for everybody, such as certificate revocation lists: a client that checks a
 * certificate asks for the list before it has a channel that it trusts (RFC 5280, section 8). It serves GET and HEAD of the
 * given routes and nothing else, with the bounds of the other servers.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import { addressKey, limitConnections } from "./addresses.js";
import { formatEndpoint } from "./endpoint.js";
import { statusOf } from "./error-body.js";
import type { Answer, Exchange } from "./server.js";
import { listenError } from "./server-errors.js";
import { TokenBuckets } from "./token-buckets.js";

/** What a handler of files needs to know of a request. */
export type FileRequest = Pick<Exchange, "conditions">;

export interface FileRoute {
  readonly path: string;
  handle(request: FileRequest): Answer;
}

export interface PlainServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly routes: readonly FileRoute[];
  readonly log: Logger;
}

export interface RunningPlainServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const LIMITS = { connections: 1_024, connectionsPerAddress: 16, headerMilliseconds: 5_000 } as const;
/** Requests of one address. */
const RATE = { perSecond: 5, burst: 60 } as const;

/** @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
export async function startPlainServer({ host, port, routes, log }: PlainServerOptions): Promise<RunningPlainServer> {
  const buckets = new TokenBuckets(RATE);
  const byPath = new Map(routes.map((route) => [route.path, route]));

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = "" } = request;
    if (method !== "GET" && method !== "HEAD")
      return plain(response, 405, "Only GET and HEAD.\n", { allow: "GET, HEAD" });
    const wait = buckets.take(addressKey(request.socket.remoteAddress));
    if (wait > 0) return plain(response, 429, "Too many requests.\n", { "retry-after": String(wait) });
    const route = byPath.get((request.url ?? "").split("?", 1)[0] ?? "");
    if (route === undefined) return plain(response, 404, `There are ${[...byPath.keys()].join(", ")}.\n`, {});
    try {
      const { "if-none-match": ifNoneMatch, "if-modified-since": ifModifiedSince } = request.headers;
      const { status = 200, body, type, headers } = route.handle({ conditions: { ifNoneMatch, ifModifiedSince } });
      const length = status === 304 ? {} : { "content-type": type, "content-length": body.length };
      response.writeHead(status, { ...length, ...headers });
      response.end(method === "HEAD" || status === 304 ? undefined : body);
    } catch (error) {
      const known = error instanceof SwarmkeepError;
      if (!known) log.error({ error, path: route.path }, "request failed");
      plain(response, known ? statusOf(error) : 500, known ? `${error.message}\n` : "It cannot be told.\n", {});
    }
  }

  const server = createServer(
    { headersTimeout: LIMITS.headerMilliseconds, requestTimeout: LIMITS.headerMilliseconds, maxHeaderSize: 8_192 },
    answer,
  );
  server.maxConnections = LIMITS.connections;
  limitConnections(server, LIMITS.connectionsPerAddress, () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(host, port, error)));
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  log.info({ endpoint: formatEndpoint({ host: bound.address, port: bound.port }) }, "plain HTTP started");
  return {
    host: bound.address,
    port: bound.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function plain(response: ServerResponse, status: number, text: string, headers: Record<string, string>): void {
  response.writeHead(status, { "content-type": "text/plain", ...headers }).end(text);
}

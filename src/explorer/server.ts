/**
 * The explorer's server: pages, a JSON API below `/api`, and news at `/api/live`. It reads the index and asks its node; it follows no
 * address that it finds there, and changes nothing anywhere. On loopback it answers to loopback's names alone, so that no page of
 * another site can be made to read it.
 */
import type { AddressInfo } from "node:net";

import { type FastifyReply, type FastifyRequest, fastify } from "fastify";
import rateLimit from "@fastify/rate-limit";

import { HttpError, statusOf } from "../net/error-body.js";
import { formatEndpoint } from "../net/endpoint.js";
import { listenError } from "../net/server-errors.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Database } from "./database.js";
import type { Follower } from "./follower.js";
import type { Live } from "./live.js";
import { Query } from "./query.js";
import type { StaticFile } from "./static-files.js";
import type { Found } from "./found.js";
import type { ViewContext, ViewRoute } from "./view.js";

export interface ExplorerServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly database: Database;
  readonly follower: Follower;
  readonly live: Live;
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly endpoint: ViewContext["endpoint"];
  readonly now?: () => number;
}

export interface RunningExplorerServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Nothing but what this server sends itself; no inline scripts, no frames, no forms. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

const BODY_BYTES = 65_536;
const REQUESTS_IN_10_SECONDS = 1_200;
const MAXIMUM_FOUND = 12;
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/;
const NOT_BUILT =
  "<!doctype html><html lang=en><title>Swarmkeep explorer</title><p>The pages are not built here. Run <code>npm run build</code> in a checkout with its development dependencies. The interface for programs is at <a href=/api/status>/api/status</a>.";

/** @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
export async function startExplorerServer(options: ExplorerServerOptions): Promise<RunningExplorerServer> {
  const { host, port, live, follower } = options;
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: 100 },
    requestTimeout: 15_000,
    forceCloseConnections: true,
    // Addresses that do not decode are refused by the router, before any handler.
    frameworkErrors: (error, _request, reply) => void sendError(reply as unknown as FastifyReply, error),
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(HEADERS);
    if (isLoopback(host) && !LOOPBACK.test(request.headers.host ?? "")) done(wrongHost());
    else done();
  });
  await app.register(rateLimit, { max: REQUESTS_IN_10_SECONDS, timeWindow: 10_000 });
  app.setErrorHandler((raised, _request, reply) => sendError(reply, raised));

  app.get("/api/status", () => ({ status: follower.status, views: viewNames(options) }));
  app.get("/api/live", (_request, reply) => {
    if (live.isFull) throw busy();
    reply.hijack();
    reply.raw.writeHead(200, { ...HEADERS, "content-type": "text/event-stream", "cache-control": "no-store" });
    live.add(reply.raw, follower.status);
  });
  app.get("/api/search", (request): { items: Found[] } => ({
    items: search(options, queryOf(request).text("q") ?? ""),
  }));
  app.all("/api/*", (request, reply) => answer(options, request, reply));
  app.get("/*", (request, reply) => sendFile(options, request, reply));

  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(host, port, error);
  }
  const bound = app.server.address() as AddressInfo;
  return {
    url: `http://${formatEndpoint({ host: bound.address, port: bound.port })}`,
    async close() {
      live.close();
      await app.close();
    },
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function queryOf(request: FastifyRequest, parameters: Readonly<Record<string, string>> = {}): Query {
  const given = new URL(request.url, "http://explorer").searchParams;
  return new Query({ ...Object.fromEntries(given), ...parameters }, request.body);
}

function viewNames({ follower }: ExplorerServerOptions): string[] {
  return (follower.mesh?.views ?? []).map(({ manifest }) => manifest.name);
}

/** @throws HttpError `mesh-unknown` before the mesh was ever found. */
function contextOf(options: ExplorerServerOptions): ViewContext {
  const { database, follower, endpoint, now = () => Date.now() / 1000 } = options;
  const { mesh } = follower;
  if (mesh === undefined) {
    const { problem } = follower.status;
    throw new HttpError(problem?.message ?? "the mesh was not found yet", {
      status: 503,
      kind: "network",
      code: "mesh-unknown",
      advice: problem?.advice ?? "Wait until the node answers.",
    });
  }
  return {
    database,
    endpoint,
    addresses: mesh.addresses,
    decoder: mesh.decoder,
    views: new Set(viewNames(options)),
    status: () => follower.status,
    now,
  };
}

/** Views' routes are matched here, since which of them there are depends on the mesh. */
async function answer(
  options: ExplorerServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const path = new URL(request.url, "http://explorer").pathname.slice("/api".length);
  const context = contextOf(options);
  for (const view of options.follower.mesh?.views ?? []) {
    for (const route of view.routes) {
      const parameters = matched(route, request.method, path);
      if (parameters === undefined) continue;
      const body = await route.answer(context, queryOf(request, parameters));
      return reply.header("cache-control", "no-store").type("application/json").send(JSON.stringify(body));
    }
  }
  throw new HttpError(`there is no ${request.method} ${path.slice(0, 100)}`, {
    status: 404,
    kind: "usage",
    code: "not-found",
    advice: "See docs/explorer.md for the paths.",
  });
}

/** Parts of the path that `:name` stands for, undefined where route and request differ. */
export function matched(
  route: Pick<ViewRoute, "path" | "method">,
  method: string,
  path: string,
): Record<string, string> | undefined {
  if ((route.method ?? "GET") !== method) return undefined;
  const [wanted, given] = [route.path.split("/"), path.split("/")];
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const found = given[i] ?? "";
    if (part.startsWith(":")) {
      try {
        parameters[part.slice(1)] = decodeURIComponent(found);
      } catch {
        return undefined;
      }
    } else if (part !== found) return undefined;
  }
  return parameters;
}

function search(options: ExplorerServerOptions, text: string): Found[] {
  // Pages shorten addresses and hashes: what is before the dots is looked for.
  const wanted = text.trim().replace(/….*$/u, "");
  if (wanted === "") return [];
  const context = contextOf(options);
  const found = (options.follower.mesh?.views ?? []).flatMap((view) => view.search?.(context, wanted) ?? []);
  return found.slice(0, MAXIMUM_FOUND);
}

/** Every path that is no file is the page: it finds its way by itself. */
function sendFile({ files }: ExplorerServerOptions, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = new URL(request.url, "http://explorer").pathname;
  const named = files.get(path);
  if (named === undefined && path.startsWith("/assets/")) {
    throw new HttpError("there is no such file", {
      status: 404,
      kind: "usage",
      code: "not-found",
      advice: "Load the page again.",
    });
  }
  const file = named ?? files.get("/index.html");
  if (file === undefined) return reply.code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const encoding = accepted.includes("br") ? "br" : accepted.includes("gzip") ? "gzip" : undefined;
  if (encoding !== undefined) void reply.header("content-encoding", encoding);
  return reply
    .header("vary", "accept-encoding")
    .header("cache-control", file.hashed ? "public, max-age=31536000, immutable" : "no-cache")
    .type(file.type)
    .send(encoding === "br" ? file.brotli : encoding === "gzip" ? file.gzip : file.plain);
}

function sendError(reply: FastifyReply, raised: unknown): FastifyReply {
  const error = typed(raised);
  const { code, message, advice, details } = error;
  const body = { error: { code, message, advice, details } };
  const text = JSON.stringify(body, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  return reply.code(statusOf(error)).header("cache-control", "no-store").type("application/json").send(text);
}

function typed(raised: unknown): SwarmkeepError {
  if (raised instanceof SwarmkeepError) return raised;
  const status = (raised as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) {
    const isMany = status === 429;
    return new HttpError(isMany ? "too many requests from this address" : "the request is not as it should be", {
      status,
      kind: "usage",
      code: isMany ? "too-many-requests" : status === 413 ? "body-too-large" : "bad-request",
      advice: isMany ? "Try again in some seconds." : "See docs/explorer.md for what the paths take.",
      cause: raised,
    });
  }
  return new SwarmkeepError("the explorer failed to answer", {
    kind: "internal",
    code: "internal",
    advice: "See its log.",
    cause: raised,
  });
}

function wrongHost(): HttpError {
  return new HttpError("this server answers to the names of loopback alone", {
    status: 421,
    kind: "usage",
    code: "wrong-host",
    advice: "Open it as http://127.0.0.1, or start it with --listen for another address.",
  });
}

function busy(): HttpError {
  return new HttpError("too many pages listen already", {
    status: 503,
    kind: "network",
    code: "overloaded",
    advice: "Try again in some seconds.",
    retryAfter: 5,
  });
}

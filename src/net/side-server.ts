/** What an operator's own tools ask: `/health` (JSON) and `/metrics` (Prometheus), plain HTTP on loopback. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Metrics } from "../runtime/metrics.js";
import { listenError } from "./server-errors.js";

export interface Health {
  /** False is answered with 503, so that a supervisor sees it without reading the body. */
  readonly ok: boolean;
  readonly [field: string]: unknown;
}

export interface SideServerOptions {
  /** Loopback if not given. */
  readonly host?: string;
  readonly port: number;
  readonly metrics: Metrics;
  readonly health: () => Health | Promise<Health>;
}

export interface RunningSideServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
export async function startSideServer(options: SideServerOptions): Promise<RunningSideServer> {
  const { host = "127.0.0.1", port, metrics, health } = options;

  async function answer(path: string): Promise<{ status: number; type: string; body: string }> {
    if (path === "/health") {
      const state = await health();
      const body = JSON.stringify(state, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
      return { status: state.ok ? 200 : 503, type: "application/json", body: `${body}\n` };
    }
    if (path === "/metrics") {
      return { status: 200, type: metrics.registry.contentType, body: await metrics.registry.metrics() };
    }
    return { status: 404, type: "text/plain", body: "There are /health and /metrics.\n" };
  }

  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    if (request.method !== "GET") {
      response.writeHead(405, { allow: "GET" }).end();
      return;
    }
    answer((request.url ?? "").split("?", 1)[0] ?? "").then(
      ({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body),
      () => response.writeHead(500, { "content-type": "text/plain" }).end("The state cannot be told.\n"),
    );
  });
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(host, port, error)));
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
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

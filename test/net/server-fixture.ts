/** A server with a few routes that show what its handlers are told, and clients of it. */
import type { Socket } from "node:net";
import { connect } from "node:tls";

import { encodeCbor } from "../../src/certificate/cbor.js";
import { type Client, type ClientCredentials, type Trust, createClient } from "../../src/net/client.js";
import { HttpError } from "../../src/net/error-body.js";
import {
  type Exchange,
  type Route,
  type RunningServer,
  type ServerOptions,
  startServer,
} from "../../src/net/server.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { silentLogger } from "../../src/runtime/log.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";

export const PSK_IDENTITY = "swarmkeep/0123456789abcdef/7";
export const PSK = Buffer.alloc(32, 7);

const SEEN: Route["handle"] = ({ peer, body, query, parameters }: Exchange) => ({
  body: encodeCbor([
    peer.address,
    peer.pskIdentity ?? null,
    peer.channelBinding,
    body,
    query.get("alg") ?? null,
    parameters["index"] ?? null,
  ]),
});

const routes: readonly Route[] = [
  { method: "GET", path: "/v1/seen", handle: SEEN },
  { method: "GET", path: "/v1/seen/:index", handle: SEEN },
  { method: "POST", path: "/v1/seen", handle: SEEN },
  { method: "GET", path: "/v1/large", handle: () => ({ body: new Uint8Array(100_000) }) },
  {
    method: "GET",
    path: "/v1/taken",
    handle: () => {
      throw new HttpError("serial 3 is taken", {
        status: 409,
        kind: "refused",
        code: "serial-taken",
        advice: "Ask for serial 4.",
        details: { next: 4, skipped: undefined },
        retryAfter: 9,
      });
    },
  },
  {
    method: "GET",
    path: "/v1/refused",
    handle: () => {
      throw new SwarmkeepError("no", { kind: "refused", code: "not-yours", advice: "Ask for your own." });
    },
  },
  {
    method: "GET",
    path: "/v1/fault",
    handle: () => {
      throw new Error("an inner secret");
    },
  },
  {
    method: "GET",
    path: "/v1/never",
    handle: ({ signal }) => new Promise((_, no) => signal.addEventListener("abort", no)),
  },
];

const closers: (() => Promise<void> | void)[] = [];

export interface Fixture {
  readonly server: RunningServer;
  readonly identity: TlsIdentity;
  client(trust?: Trust): Client;
}

export async function serve(options: Partial<ServerOptions> = {}): Promise<Fixture> {
  const identity = await tlsIdentity(await generateTlsKey());
  const server = await startServer({
    port: 0,
    identity,
    preSharedKey: (name) => (name === PSK_IDENTITY ? PSK : null),
    routes,
    log: silentLogger,
    ...options,
  });
  closers.push(() => server.close(0));
  return { server, identity, client: (trust) => clientOf(server, trust ?? { kind: "pin", pin: identity.pin }) };
}

export function clientOf(
  server: { host: string; port: number },
  trust: Trust,
  timeoutMilliseconds = 5_000,
  credentials?: () => ClientCredentials | undefined,
): Client {
  const { host, port } = server;
  const client = createClient({
    endpoint: { host, port },
    trust,
    timeoutMilliseconds,
    ...(credentials && { credentials }),
  });
  closers.push(() => client.close());
  return client;
}

export function onClose(close: () => Promise<void> | void): void {
  closers.push(close);
}

export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export async function errorOf(promise: Promise<unknown>): Promise<SwarmkeepError & { retryAfter?: number }> {
  return promise.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => error as SwarmkeepError,
  );
}

/** Everything that the server sends on a TLS connection until it closes it, after `bytes` were sent. */
export async function raw(server: { host: string; port: number }, bytes: string): Promise<string> {
  const socket = connect({ host: server.host, port: server.port, rejectUnauthorized: false });
  onClose(() => void socket.destroy());
  socket.on("secureConnect", () => socket.write(bytes));
  return untilClosed(socket);
}

export function untilClosed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    socket.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
  });
}

/**
 * A validator's server: HTTP/1.1 over TLS 1.3, bodies of CBOR. One port takes clients that pin the server's key and
 * clients that share a key with it; another one, with other bodies, those of EST. Everything that a stranger can send is
 * bounded: connections and requests of one address, time for a handshake, a header and a body, bytes of a body, requests
 * at work at once.
 *
 * There is no session resumption. A resumed connection would carry the identity of an earlier one that this server can
 * no longer name, and a ticket looks like a pre-shared key: without tickets, a handshake without certificate is one
 * with a pre-shared key and nothing else.
 */
import { type KeyObject, constants, randomBytes } from "node:crypto";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions, TLSSocket } from "node:tls";

import rateLimit from "@fastify/rate-limit";
import underPressure from "@fastify/under-pressure";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";

import { pem } from "../certificate/x509.js";
import { systemCode } from "../runtime/errors.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import type { SwarmkeepError } from "../statements/errors.js";
import { addressKey, limitConnections } from "./addresses.js";
import { channelBinding } from "./channel-binding.js";
import { formatEndpoint } from "./endpoint.js";
import { HttpError, encodeError, statusOf } from "./error-body.js";
import { answerBadRequest, listenError, overloaded, tooManyRequests, typed } from "./server-errors.js";
import { peerCertificate } from "./peer-certificate.js";
import type { TlsIdentity } from "./tls-identity.js";
import { MINIMUM_PSK_LENGTH, TLS_PROFILE, type TlsProfile } from "./tls-profile.js";

const CBOR = "application/cbor";
const CBOR_ERRORS: ErrorFormat = { type: CBOR, encode: encodeError };

export interface Peer {
  /** As the operating system states it. */
  readonly address: string;
  /** Of the pre-shared key that this connection was made with, if it was made with one. */
  readonly pskIdentity: string | undefined;
  /** RFC 9266, 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** The certificate that the client has shown and whose key it has used in the handshake, DER. Believed by nobody yet. */
  readonly certificate: Uint8Array | undefined;
}

export interface Exchange {
  /** Empty for a GET. */
  readonly body: Uint8Array;
  /** Of the route's path: `/v1/drl/proof/:index` gives `index`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Each name once: of repeated ones the last. */
  readonly query: ReadonlyMap<string, string>;
  /** Of the header `authorization`, as it was sent. */
  readonly authorization: string | undefined;
  /** What the client has already, as it says. */
  readonly conditions: { readonly ifNoneMatch: string | undefined; readonly ifModifiedSince: string | undefined };
  readonly peer: Peer;
  /** Aborted when the client goes away before it is answered. */
  readonly signal: AbortSignal;
  /** Logs with the request's id. */
  readonly log: Logger;
}

export interface Answer {
  /** 200 if not given. */
  readonly status?: number;
  /** CBOR, or as `type` says. */
  readonly body: Uint8Array;
  /** Its media type; `application/cbor` if not given. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Seconds for which anybody may keep the answer; none if not given. */
  readonly maximumAge?: number;
}

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Media type of its bodies; `application/cbor` if not given. */
  readonly consumes?: string;
  /** Instead of `ServerLimits.bodyBytes`. */
  readonly bodyBytes?: number;
  /** An error that it throws is answered: an `HttpError` with its status, a `SwarmkeepError` with that of its kind. */
  handle(exchange: Exchange): Promise<Answer> | Answer;
}

export interface ServerLimits {
  readonly bodyBytes: number;
  /** Open connections in all, and of one address (IPv6: of one /64). */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Requests of one address in each window. */
  readonly requestsPerAddress: number;
  readonly windowMilliseconds: number;
  /** Requests at work at once; more are answered with 503. */
  readonly inFlight: number;
  /** Mean delay of the event loop beyond which requests are answered with 503. */
  readonly eventLoopDelayMilliseconds: number;
  readonly retryAfterSeconds: number;
  readonly handshakeMilliseconds: number;
  readonly headerMilliseconds: number;
  /** From the first byte of a request to the last of its body. */
  readonly requestMilliseconds: number;
  readonly idleMilliseconds: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  bodyBytes: 16_384,
  connections: 4_096,
  connectionsPerAddress: 64,
  requestsPerAddress: 600,
  windowMilliseconds: 10_000,
  inFlight: 256,
  eventLoopDelayMilliseconds: 500,
  retryAfterSeconds: 2,
  handshakeMilliseconds: 5_000,
  headerMilliseconds: 5_000,
  requestMilliseconds: 15_000,
  idleMilliseconds: 30_000,
};

export interface ServerOptions {
  /** Loopback if not given. */
  readonly host?: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly identity: TlsIdentity;
  /** The key of an identity (UTF-8, at most 128 bytes), or `null`. Called in the handshake: it must answer at once. */
  readonly preSharedKey?: (identity: string) => Uint8Array | null;
  readonly routes: readonly Route[];
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** What its metrics' names begin with: `swarmkeep_http` if not given. */
  readonly metricsPrefix?: string;
  readonly limits?: Partial<ServerLimits>;
  /** Gives errors of other families their code, kind and advice; `undefined` leaves one an internal error. */
  readonly explain?: (error: unknown) => SwarmkeepError | undefined;
  /** TLS 1.3 alone if not given. */
  readonly profile?: TlsProfile;
  /** How errors are answered; CBOR (docs/protocol.md, section 9) if not given. */
  readonly errors?: ErrorFormat;
}

/** What a server shows in its handshakes. */
export interface ServerCredentials {
  readonly key: KeyObject;
  /** DER, the server's own first. */
  readonly chain: readonly Uint8Array[];
  /**
   * DER. Clients are asked for a certificate under one of these; one that has none goes on without, and what certificate one has is
   * judged with the request, where its sender can be told. Nobody is asked if not given.
   */
  readonly clientAuthorities?: readonly Uint8Array[];
}

/** An error as others than Swarmkeep's programs read it. */
export interface ErrorFormat {
  readonly type: string;
  encode(error: SwarmkeepError): Uint8Array;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Shows others from now on, in new handshakes: connections that are open go on. */
  renew(credentials: ServerCredentials): void;
  /** Takes no more requests, waits for those at work for `graceMilliseconds` (2,000 if not given), then ends them. */
  close(graceMilliseconds?: number): Promise<void>;
}

/** @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = "127.0.0.1", port, log } = options;
  const limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
  const measures = measuresOf(options.metrics, options.metricsPrefix);
  const pskIdentities = new WeakMap<TLSSocket, string>();

  const server = createServer({
    ...pskOptions(options, pskIdentities),
    ...contextOptions(options, { key: options.identity.key, chain: [options.identity.certificate] }),
    // Whatever a client shows is judged with its request: the certificates of a mesh change, and this setting cannot.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMilliseconds,
    headersTimeout: limits.headerMilliseconds,
    requestTimeout: limits.requestMilliseconds,
    keepAliveTimeout: limits.idleMilliseconds,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, limits.headerMilliseconds / 2)),
    maxHeaderSize: 8_192,
  });
  server.maxConnections = limits.connections;
  // Whoever asks and does not read the answer.
  server.setTimeout(limits.requestMilliseconds + limits.idleMilliseconds);
  server.on("tlsClientError", (error, socket) => {
    log.debug({ address: socket.remoteAddress, code: systemCode(error) }, "handshake failed");
  });
  const connections = limitConnections(server, limits.connectionsPerAddress, () => measures.shed("connections"));

  const app = fastify<Server>({
    serverFactory: (handler) => server.on("request", handler),
    bodyLimit: limits.bodyBytes,
    genReqId: () => randomBytes(8).toString("hex"),
    routerOptions: { maxParamLength: 100, querystringParser: (text) => Object.fromEntries(new URLSearchParams(text)) },
    clientErrorHandler: (error, socket) => answerBadRequest(error, socket),
    logger: false,
  });
  app.removeAllContentTypeParsers();
  // Of any type: each route says which it takes, before a body is read.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  shedLoad(app, limits, measures);
  await app.register(underPressure, {
    maxEventLoopDelay: limits.eventLoopDelayMilliseconds,
    pressureHandler: () => {
      measures.shed("event-loop");
      throw overloaded(limits.retryAfterSeconds);
    },
  });
  await app.register(rateLimit, {
    max: limits.requestsPerAddress,
    timeWindow: limits.windowMilliseconds,
    keyGenerator: (request) => addressKey(request.ip),
    errorResponseBuilder: (_request, context) => {
      measures.shed("address");
      return tooManyRequests(Math.max(1, Math.ceil(context.ttl / 1000)));
    },
  });

  const peerOf = (socket: TLSSocket): Peer => ({
    address: socket.remoteAddress ?? "unknown",
    // Only a handshake that used the key counts: a client may name an identity and then be served by certificate.
    pskIdentity: socket.isSessionReused() ? pskIdentities.get(socket) : undefined,
    channelBinding: channelBinding(socket),
    certificate: peerCertificate(socket),
  });
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request) => {
    throw new HttpError(`there is no ${request.method} ${request.url.slice(0, 100)}`, {
      status: 404,
      kind: "usage",
      code: "not-found",
      advice: "Check the path and the method against the protocol.",
    });
  });
  app.setErrorHandler((raised, request, reply) => {
    const error = typed(raised, options.explain);
    const status = statusOf(error);
    const fields = { request: request.id, route: request.routeOptions.url, address: request.ip, error };
    if (status >= 500 && error.kind === "internal") log.error(fields, "request failed");
    else log.debug(fields, "request refused");
    if (error instanceof HttpError && error.retryAfter !== undefined) reply.header("retry-after", error.retryAfter);
    const { type, encode } = options.errors ?? CBOR_ERRORS;
    if (error instanceof HttpError && error.challenge !== undefined) reply.header("www-authenticate", error.challenge);
    if (error instanceof HttpError && error.allow !== undefined) reply.header("allow", error.allow);
    return send(reply.code(status), encode(error), type);
  });
  app.addHook("onResponse", (request, reply, done) => {
    measures.answered(request.routeOptions.url ?? "none", reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  for (const route of options.routes) addRoute(app, route, peerOf, log);
  refuseOtherMethods(app, options.routes);

  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(host, port, error);
  }
  const bound = server.address() as AddressInfo;
  measures.connections(() => connections.count());
  log.info({ endpoint: formatEndpoint({ host: bound.address, port: bound.port }) }, "server started");
  return {
    host: bound.address,
    port: bound.port,
    renew: (credentials) => server.setSecureContext(contextOptions(options, credentials)),
    async close(graceMilliseconds = 2_000) {
      const timer = setTimeout(() => connections.destroyAll(), graceMilliseconds);
      await app.close();
      clearTimeout(timer);
    },
  };
}

/** What may be replaced while the server runs. */
function contextOptions(
  { profile = TLS_PROFILE }: ServerOptions,
  credentials: ServerCredentials,
): SecureContextOptions {
  const { key, chain, clientAuthorities } = credentials;
  return {
    ...profile,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    cert: chain.map((certificate) => pem("CERTIFICATE", certificate)).join(""),
    key: key.export({ format: "pem", type: "pkcs8" }),
    // Without any, the machine's own list of public authorities would be named to every client.
    ca: (clientAuthorities ?? chain.slice(-1)).map((certificate) => pem("CERTIFICATE", certificate)),
  };
}

function pskOptions({ preSharedKey }: ServerOptions, pskIdentities: WeakMap<TLSSocket, string>): object {
  if (preSharedKey === undefined) return {};
  return {
    pskCallback(socket: TLSSocket, name: string): Uint8Array | null {
      const key = preSharedKey(name);
      if (key === null || key.length < MINIMUM_PSK_LENGTH) return null;
      pskIdentities.set(socket, name);
      return key;
    },
  };
}

function addRoute(app: FastifyInstance<Server>, route: Route, peerOf: (socket: TLSSocket) => Peer, log: Logger): void {
  app.route({
    method: route.method,
    url: route.path,
    exposeHeadRoute: false,
    ...(route.bodyBytes === undefined ? {} : { bodyLimit: route.bodyBytes }),
    preParsing: async (request) => expectMediaType(route, request.headers["content-type"]),
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(new Error("the client went away")));
      failpoint("server.before-handle");
      const answer = await route.handle({
        authorization: request.headers.authorization,
        conditions: {
          ifNoneMatch: request.headers["if-none-match"],
          ifModifiedSince: request.headers["if-modified-since"],
        },
        body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
        parameters: request.params as Record<string, string>,
        query: new Map(Object.entries(request.query as Record<string, string>)),
        peer: peerOf(request.raw.socket as TLSSocket),
        signal: gone.signal,
        log: log.child({ request: request.id }),
      });
      if (answer.maximumAge !== undefined) reply.header("cache-control", `max-age=${answer.maximumAge}`);
      return send(reply.headers(answer.headers ?? {}).code(answer.status ?? 200), answer.body, answer.type);
    },
  });
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** A path that is there says which methods it takes (RFC 9110, section 15.5.6). */
function refuseOtherMethods(app: FastifyInstance<Server>, routes: readonly Route[]): void {
  for (const url of new Set(routes.map(({ path }) => path))) {
    const taken = routes.filter(({ path }) => path === url).map(({ method }) => method);
    app.route({
      method: METHODS.filter((method) => !taken.some((one) => one === method)),
      url,
      exposeHeadRoute: false,
      handler: (request) => {
        const allow = taken.join(", ");
        throw new HttpError(`${request.url.slice(0, 100)} takes no ${request.method}`, {
          status: 405,
          kind: "usage",
          code: "method-not-allowed",
          advice: `Use ${allow}.`,
          allow,
        });
      },
    });
  }
}

/** One server may have routes with bodies of several types. @throws HttpError 415 */
function expectMediaType({ method, consumes = CBOR }: Route, header: string | undefined): void {
  if (method === "GET" || header?.split(";", 1)[0]?.trim().toLowerCase() === consumes) return;
  throw new HttpError(`the body is not of the type ${consumes}`, {
    status: 415,
    kind: "usage",
    code: consumes === CBOR ? "not-cbor" : "wrong-media-type",
    advice: `Send it with the header content-type: ${consumes}.`,
  });
}

function send(reply: FastifyReply, body: Uint8Array, type = CBOR): FastifyReply {
  failpoint("server.before-send");
  return reply.header("x-request-id", reply.request.id).type(type).send(body);
}

function shedLoad(app: FastifyInstance<Server>, limits: ServerLimits, measures: Measures): void {
  let inFlight = 0;
  app.addHook("onRequest", (_request, reply, done) => {
    if (inFlight >= limits.inFlight) {
      measures.shed("in-flight");
      done(overloaded(limits.retryAfterSeconds));
      return;
    }
    inFlight++;
    reply.raw.once("close", () => inFlight--);
    done();
  });
}

interface Measures {
  shed(reason: "address" | "connections" | "event-loop" | "in-flight"): void;
  answered(route: string, status: number, seconds: number): void;
  connections(count: () => number): void;
}

function measuresOf(metrics: Metrics | undefined, prefix = "swarmkeep_http"): Measures {
  const shed = metrics?.counter(`${prefix}_shed_total`, "Connections and requests turned away, by limit", ["limit"]);
  const answered = metrics?.counter(`${prefix}_answers_total`, "Answers, by route and status", ["route", "status"]);
  const duration = metrics?.histogram(`${prefix}_duration_seconds`, "Time to an answer, by route", ["route"]);
  const connections = metrics?.gauge(`${prefix}_connections_count`, "Open connections");
  return {
    shed: (limit) => shed?.inc({ limit }),
    answered(route, status, seconds) {
      answered?.inc({ route, status: String(status) });
      duration?.observe({ route }, seconds);
    },
    connections(count) {
      if (connections === undefined) return;
      // prom-client reads a gauge through this field when it is scraped.
      Object.assign(connections, { collect: () => connections.set(count()) });
    },
  };
}

/**
 * A client of a validator's server, light enough for a device: no certificate authority, no redirects, no cookies.
 * The body of a request may depend on the connection that it will be sent on, so that the device can sign the
 * connection's channel binding into it (docs/protocol.md, section 7).
 */
import { timedOut } from "./client-errors.js";
import {
  type ClientCredentials,
  type Connection,
  type RawAnswer,
  type Trust,
  Unanswered,
  openConnection,
} from "./connection.js";
import type { Endpoint } from "./endpoint.js";
import { decodeError } from "./error-body.js";

export type { ClientCredentials, Trust } from "./connection.js";

export interface ClientOptions {
  readonly endpoint: Endpoint;
  readonly trust: Trust;
  /**
   * What to show of itself; nothing if not given, and never beside a pre-shared key. Asked with each request: a connection on
   * which another object was shown before is not used again, so that a renewed certificate counts from then on.
   */
  readonly credentials?: () => ClientCredentials | undefined;
  /** For connecting, sending and the whole answer together; 10,000 if not given. */
  readonly timeoutMilliseconds?: number;
  /** 65,536 if not given. */
  readonly maximumAnswerBytes?: number;
  /** How long an unused connection is kept; 20,000 if not given, less than a server keeps it. */
  readonly idleMilliseconds?: number;
}

export interface ClientRequest {
  readonly method: "GET" | "POST";
  /** With the query, if there is one. */
  readonly path: string;
  /**
   * CBOR, or what makes it from the 32-byte channel binding (RFC 9266) of the connection that it will be sent on. May be
   * called a second time with another one, where a connection turns out to have ended while it was idle: requests
   * have to be such that sending one twice does no harm, as all of the protocol are.
   */
  readonly body?: Uint8Array | ((channelBinding: Uint8Array) => Uint8Array | Promise<Uint8Array>);
  readonly signal?: AbortSignal;
  readonly timeoutMilliseconds?: number;
  readonly maximumAnswerBytes?: number;
}

export interface ClientAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** Of the connection that the request was sent on: later requests of a session may have to use the same one. */
  readonly channelBinding: Uint8Array;
  /** SubjectPublicKeyInfo of the server's TLS key, DER: what its evidence verifies under. None with a pre-shared key. */
  readonly serverKey: Uint8Array | undefined;
}

export interface Client {
  /**
   * @throws RemoteError where the answer's status is not 2xx; `retryAfter` holds its Retry-After, in seconds.
   * @throws SwarmkeepError `connection-refused`, `host-unknown`, `host-unreachable`, `timeout`, `connection-lost`,
   *   `tls-failed`, `not-http`, `answer-too-large` (kind `network`); `wrong-key`, `psk-refused` (kind `refused`); what `Trust.judge` throws.
   * @throws the signal's reason once it is aborted.
   */
  request(request: ClientRequest): Promise<ClientAnswer>;
  /** Ends idle connections; requests under way go on. */
  close(): void;
}

/** At most this many connections are kept while unused: as many as the votes that a member gives another one at a tick. */
const MAXIMUM_IDLE = 3;

export function createClient(options: ClientOptions): Client {
  const { endpoint, trust, timeoutMilliseconds = 10_000, maximumAnswerBytes = 65_536 } = options;
  const idle = new IdleConnections(options.idleMilliseconds ?? 20_000);

  async function attempt(connection: Connection, request: ClientRequest, signal: AbortSignal): Promise<RawAnswer> {
    const { method, path, body } = request;
    const bytes = typeof body === "function" ? await body(connection.channelBinding) : body;
    return connection.send(method, path, bytes, request.maximumAnswerBytes ?? maximumAnswerBytes, signal);
  }

  async function exchange(request: ClientRequest, signal: AbortSignal): Promise<ClientAnswer> {
    for (;;) {
      const credentials = options.credentials?.();
      const kept = idle.take(credentials);
      const connection = kept ?? (await openConnection(endpoint, trust, signal, credentials));
      let answer: RawAnswer;
      try {
        answer = await attempt(connection, request, signal);
      } catch (error) {
        connection.close();
        if (!(error instanceof Unanswered)) throw error;
        // Most likely the server ended the connection while it was idle, and nobody read the request.
        if (kept !== undefined && !error.answerBegun && !signal.aborted) continue;
        throw error.cause;
      }
      idle.keep(connection);
      if (answer.status < 200 || answer.status > 299) {
        throw decodeError(answer.status, answer.retryAfter, answer.body);
      }
      const { channelBinding, serverKey } = connection;
      return { status: answer.status, body: answer.body, channelBinding, serverKey };
    }
  }

  return {
    async request(request) {
      request.signal?.throwIfAborted();
      const limit = request.timeoutMilliseconds ?? timeoutMilliseconds;
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(timedOut(endpoint, limit)), limit);
      const abort = (): void => controller.abort(request.signal?.reason);
      request.signal?.addEventListener("abort", abort, { once: true });
      try {
        return await exchange(request, controller.signal);
      } finally {
        clearTimeout(timer);
        request.signal?.removeEventListener("abort", abort);
      }
    },
    close: () => idle.close(),
  };
}

class IdleConnections {
  readonly #milliseconds: number;
  #kept: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[] = [];
  #closed = false;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** The one used last, since it is the least likely to have ended. */
  take(credentials: ClientCredentials | undefined): Connection | undefined {
    for (;;) {
      const entry = this.#kept.pop();
      if (entry === undefined) return undefined;
      clearTimeout(entry.timer);
      if (entry.connection.isOpen && entry.connection.credentials === credentials) return entry.connection;
      entry.connection.close();
    }
  }

  keep(connection: Connection): void {
    if (this.#closed || this.#kept.length >= MAXIMUM_IDLE || !connection.isOpen) {
      connection.close();
      return;
    }
    connection.rest();
    const timer = setTimeout(() => {
      this.#kept = this.#kept.filter((entry) => entry.connection !== connection);
      connection.close();
    }, this.#milliseconds);
    timer.unref();
    this.#kept.push({ connection, timer });
  }

  close(): void {
    this.#closed = true;
    for (const { connection, timer } of this.#kept.splice(0)) {
      clearTimeout(timer);
      connection.close();
    }
  }
}

/** One TLS connection to a server whose key was checked, and the HTTP requests on it, one at a time. */
import { type KeyObject, createHash, timingSafeEqual } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";

import { pem } from "../certificate/x509.js";
import { failpoint } from "../runtime/failpoint.js";
import { channelBinding } from "./channel-binding.js";
import { answerTooLarge, connectionError, keyRefused, wrongKey } from "./client-errors.js";
import type { Endpoint } from "./endpoint.js";
import { TLS_PROFILE } from "./tls-profile.js";

/** How the client knows the server, and in the second case the server the client. */
export type Trust =
  /** `pin` = SHA-256 of the server's SubjectPublicKeyInfo, as in the registry and in the committee list. */
  | {
      readonly kind: "pin";
      readonly pin: Uint8Array;
      /** Judges what the server shows around that key, DER, and throws to refuse it; anything will do if not given. */
      readonly judge?: (certificate: Uint8Array) => void;
    }
  | { readonly kind: "psk"; readonly identity: string; readonly key: Uint8Array }
  /** Not at all: for what proves itself, such as a trust bundle under a pinned root. */
  | { readonly kind: "unverified" };

/** What a client shows of itself, where it is asked to: the key of `chain[0]` signs the handshake. */
export interface ClientCredentials {
  readonly key: KeyObject;
  /** DER, the client's own first. */
  readonly chain: readonly Uint8Array[];
}

export interface RawAnswer {
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly body: Uint8Array;
}

/** An error of a request, and whether the server may have seen it. */
export class Unanswered extends Error {
  readonly answerBegun: boolean;

  constructor(cause: unknown, answerBegun: boolean) {
    super("no whole answer", { cause });
    this.answerBegun = answerBegun;
  }
}

/** @throws SwarmkeepError; the reason of `signal` once it is aborted. */
export function openConnection(
  endpoint: Endpoint,
  trust: Trust,
  signal: AbortSignal,
  credentials?: ClientCredentials,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ ...endpoint, ...tlsOptions(endpoint, trust, credentials) });
    const abort = (): void => void socket.destroy(signal.reason as Error);
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      reject(signal.aborted ? signal.reason : connectionError(endpoint, error, trust.kind === "psk"));
    };
    const closed = (): void => fail(new Error("closed in the handshake"));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", fail);
    socket.once("close", closed);
    socket.once("secureConnect", () => {
      try {
        const serverKey = expectTrusted(socket, endpoint, trust);
        signal.removeEventListener("abort", abort);
        socket.off("error", fail).off("close", closed);
        socket.setNoDelay(true);
        resolve(new Connection(endpoint, socket, serverKey, credentials, trust.kind === "psk"));
      } catch (error) {
        fail(error);
      }
    });
  });
}

export class Connection {
  readonly channelBinding: Uint8Array;
  /** SubjectPublicKeyInfo of the server's TLS key, DER; undefined with a pre-shared key. */
  readonly serverKey: Uint8Array | undefined;
  /** What the client has shown of itself. */
  readonly credentials: ClientCredentials | undefined;
  readonly #endpoint: Endpoint;
  readonly #socket: TLSSocket;
  readonly #withKey: boolean;
  readonly #agent: Agent;

  constructor(
    endpoint: Endpoint,
    socket: TLSSocket,
    serverKey: Uint8Array | undefined,
    credentials: ClientCredentials | undefined,
    withKey: boolean,
  ) {
    this.channelBinding = channelBinding(socket);
    this.serverKey = serverKey;
    this.credentials = credentials;
    this.#endpoint = endpoint;
    this.#socket = socket;
    this.#withKey = withKey;
    this.#agent = new OneSocketAgent(socket);
    // An idle connection may end in any way; whether it did is looked up before it is used again.
    socket.on("error", () => undefined);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable && this.#socket.readable;
  }

  /** Lets the process end although the connection is open, while it is idle. */
  rest(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#agent.destroy();
    this.#socket.destroy();
  }

  /** @throws Unanswered, whose cause is a SwarmkeepError or the reason of `signal`. */
  send(
    method: string,
    path: string,
    body: Uint8Array | undefined,
    maximumBytes: number,
    signal: AbortSignal,
  ): Promise<RawAnswer> {
    this.#socket.ref();
    return new Promise((resolve, reject) => {
      let answerBegun = false;
      const finish = (settle: () => void): void => {
        signal.removeEventListener("abort", abort);
        settle();
      };
      const fail = (error: unknown): void => {
        this.close();
        const cause = signal.aborted ? signal.reason : connectionError(this.#endpoint, error, this.#withKey);
        finish(() => reject(new Unanswered(cause, answerBegun)));
      };
      const abort = (): void => void this.#socket.destroy(signal.reason as Error);
      if (signal.aborted) {
        fail(signal.reason);
        return;
      }
      signal.addEventListener("abort", abort, { once: true });
      const outgoing = request({
        agent: this.#agent,
        host: this.#endpoint.host,
        port: this.#endpoint.port,
        method,
        path,
        headers: {
          accept: "application/cbor",
          ...(body === undefined ? {} : { "content-type": "application/cbor", "content-length": body.length }),
        },
      });
      outgoing.once("error", fail);
      outgoing.once("response", (incoming: IncomingMessage) => {
        answerBegun = true;
        collect(incoming, maximumBytes, () => answerTooLarge(this.#endpoint, maximumBytes)).then((bytes) => {
          failpoint("client.after-answer");
          const retryAfter = /^\d{1,6}$/.exec(incoming.headers["retry-after"] ?? "")?.[0];
          finish(() =>
            resolve({
              status: incoming.statusCode ?? 0,
              retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
              body: bytes,
            }),
          );
        }, fail);
      });
      failpoint("client.before-send");
      outgoing.end(body);
    });
  }
}

/** Hands out one socket, and never another one in its place: the channel binding is that of this one. */
class OneSocketAgent extends Agent {
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
  }

  override createConnection(): Duplex {
    return this.#socket;
  }
}

function tlsOptions({ host }: Endpoint, trust: Trust, credentials: ClientCredentials | undefined): ConnectionOptions {
  const options: ConnectionOptions = {
    ...TLS_PROFILE,
    // No authority vouches for a validator's certificate: `expectTrusted` decides instead, before anything is sent.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  if (trust.kind !== "psk") return { ...options, ...(credentials && shownAs(credentials)) };
  return { ...options, pskCallback: () => ({ psk: trust.key, identity: trust.identity }) };
}

function shownAs({ key, chain }: ClientCredentials): Pick<ConnectionOptions, "key" | "cert"> {
  return {
    key: key.export({ format: "pem", type: "pkcs8" }),
    cert: chain.map((certificate) => pem("CERTIFICATE", certificate)).join(""),
  };
}

/**
 * Gives the server's SubjectPublicKeyInfo, DER; undefined with a pre-shared key. Called once for each connection: some
 * versions of Node hand out the peer's certificate the first time only.
 */
function expectTrusted(socket: TLSSocket, endpoint: Endpoint, trust: Trust): Uint8Array | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (trust.kind === "psk") {
    // A server that does not know the identity goes on with its certificate, which proves nothing here.
    if (certificate !== undefined || !socket.isSessionReused()) throw keyRefused(endpoint);
    return undefined;
  }
  const spki = Uint8Array.from(certificate?.publicKey.export({ format: "der", type: "spki" }) ?? []);
  if (trust.kind === "unverified") return spki;
  const found = createHash("sha256").update(spki).digest();
  if (trust.pin.length !== found.length || !timingSafeEqual(found, trust.pin)) {
    throw wrongKey(endpoint, trust.pin, found);
  }
  trust.judge?.(Uint8Array.from(certificate?.raw ?? []));
  return spki;
}

async function collect(incoming: IncomingMessage, maximumBytes: number, tooLarge: () => Error): Promise<Uint8Array> {
  if (Number(incoming.headers["content-length"] ?? 0) > maximumBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maximumBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

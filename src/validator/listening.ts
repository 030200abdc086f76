/** The ports of a validator: its API, and, where the settings have them, EST, revocation lists over plain HTTP, health and metrics. */
import { CryptoError } from "../crypto/errors.js";
import { parseListen } from "../net/endpoint.js";
import { type RunningPlainServer, startPlainServer } from "../net/plain-server.js";
import {
  type Route,
  type RunningServer,
  type ServerCredentials,
  type ServerLimits,
  startServer,
} from "../net/server.js";
import { type Health, type RunningSideServer, startSideServer } from "../net/side-server.js";
import type { TlsIdentity } from "../net/tls-identity.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { EstService } from "./est/service.js";
import type { PskStore } from "./psk-store.js";
import type { ValidatorSettings } from "./settings.js";
import type { X509Files } from "./x509-files.js";
import { fileRoutes } from "./x509-routes.js";

export interface ListeningOptions {
  readonly settings: ValidatorSettings;
  readonly identity: TlsIdentity;
  readonly psk: PskStore;
  readonly routes: readonly Route[];
  /** What is shown in handshakes from the first one on; `renew` shows others. */
  readonly credentials: ServerCredentials;
  readonly files: X509Files;
  readonly health: () => Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly limits: Partial<ServerLimits> | undefined;
}

export class Listening {
  readonly #est: EstService;
  #server: RunningServer | undefined;
  #side: RunningSideServer | undefined;
  #plain: RunningPlainServer | undefined;

  constructor(est: EstService) {
    this.#est = est;
  }

  /** What members and devices ask. */
  get server(): RunningServer {
    if (this.#server === undefined) throw new RangeError("the validator has not been started");
    return this.#server;
  }

  /** Health and metrics. */
  get side(): RunningSideServer | undefined {
    return this.#side;
  }

  /** Certificate revocation lists over plain HTTP. */
  get plain(): RunningPlainServer | undefined {
    return this.#plain;
  }

  /** Where EST is spoken. */
  get est(): RunningServer | undefined {
    return this.#est.server;
  }

  /** Where it fails, some ports may be open: `close` closes them. @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
  async open(options: ListeningOptions): Promise<void> {
    const { settings, identity, psk, routes, credentials, files, health, metrics, log, limits } = options;
    const shared = { identity, log, metrics, explain: explained };
    this.#server = await startServer({
      ...parseListen(settings.listen),
      ...shared,
      preSharedKey: (name) => psk.find(name),
      routes,
      ...(limits && { limits }),
    });
    this.#server.renew(credentials);
    if (settings.estListen !== undefined) {
      await this.#est.listen({ ...shared, listen: settings.estListen, limits });
      this.#est.renew(credentials);
    }
    if (settings.sidePort !== undefined) {
      this.#side = await startSideServer({ port: settings.sidePort, metrics, health });
    }
    if (settings.crlListen !== undefined) {
      this.#plain = await startPlainServer({ ...parseListen(settings.crlListen), routes: fileRoutes(files), log });
    }
  }

  /** From now on shows these in handshakes. */
  renew(credentials: ServerCredentials): void {
    this.#server?.renew(credentials);
    this.#est.renew(credentials);
  }

  /** All ports but that of EST, which ends with its service. */
  async close(): Promise<void> {
    await this.#server?.close();
    await this.#side?.close();
    await this.#plain?.close();
  }
}

/** What strangers are told of errors that lower layers throw. */
function explained(error: unknown): SwarmkeepError | undefined {
  if (!(error instanceof CryptoError)) return undefined;
  return new SwarmkeepError(error.message, {
    kind: "refused",
    code: `crypto-${error.code}`,
    advice: "Check what was sent against the protocol.",
    details: { culprits: error.culprits.join(", ") },
    cause: error,
  });
}

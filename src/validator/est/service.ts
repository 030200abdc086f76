/** EST on a validator (docs/protocol.md, section 14): what it keeps, what it signs for others, and its port. */
import type { DataFolder } from "../../runtime/data-folder.js";
import { type Journal, openJournal } from "../../runtime/journal.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { EST_ERRORS } from "../../net/est-body.js";
import {
  type RunningServer,
  type ServerCredentials,
  type ServerLimits,
  type ServerOptions,
  startServer,
} from "../../net/server.js";
import type { TlsIdentity } from "../../net/tls-identity.js";
import { OPEN_TLS_PROFILE } from "../../net/tls-profile.js";
import { neededAuthority } from "../authority.js";
import type { FrostTopic } from "../frost-signing.js";
import type { InOfficeParts } from "../office.js";
import { parseListen } from "../../net/endpoint.js";
import type { X509Files } from "../x509-files.js";
import { CodeBook } from "./code-book.js";
import { type EnrollingOptions, EstEnrolment, standardTopic } from "./enrolling.js";
import { RecentTerms } from "./recent-terms.js";
import { estRoutes } from "./routes.js";
import { UseBook } from "./use-book.js";

/** Bytes of a body: a request in base64 with line breaks, and some more. */
const BODY_BYTES = 8_192;

export interface EstServiceOptions extends Omit<EnrollingOptions, "codes" | "uses" | "terms"> {
  readonly folder: DataFolder;
  readonly files: X509Files;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  readonly office: () => InOfficeParts;
}

export interface EstListening {
  /** `host:port`, where port 0 takes any free one. */
  readonly listen: string;
  readonly identity: TlsIdentity;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<ServerLimits> | undefined;
  readonly explain: NonNullable<ServerOptions["explain"]>;
}

export class EstService {
  readonly codes: CodeBook;
  /** What this member signs on another one's request. */
  readonly topic: FrostTopic;
  readonly #options: EnrollingOptions & EstServiceOptions;
  readonly #journal: Journal;
  #server: RunningServer | undefined;

  private constructor(options: EnrollingOptions & EstServiceOptions, journal: Journal) {
    this.codes = options.codes;
    this.topic = standardTopic(options);
    this.#options = options;
    this.#journal = journal;
  }

  static async open(options: EstServiceOptions): Promise<EstService> {
    const { folder, context, nowSeconds } = options;
    const journal = await openJournal(await folder.folder("uses"));
    const uses = await UseBook.open(journal, nowSeconds());
    const codes = await CodeBook.open(await folder.folder("codes"), context, nowSeconds());
    return new EstService({ ...options, codes, uses, terms: new RecentTerms() }, journal);
  }

  /** Where clients are served, once they are. */
  get server(): RunningServer | undefined {
    return this.#server;
  }

  /** @throws SwarmkeepError `port-in-use`, `port-forbidden`, `address-unknown` */
  async listen({ listen, limits, ...listening }: EstListening): Promise<void> {
    const { context, office } = this.#options;
    const enrolment = new EstEnrolment(this.#options, office);
    this.#server = await startServer({
      ...parseListen(listen),
      ...listening,
      limits: { ...limits, bodyBytes: BODY_BYTES },
      metricsPrefix: "swarmkeep_est",
      profile: OPEN_TLS_PROFILE,
      errors: EST_ERRORS,
      routes: estRoutes({
        meshId: context.meshId,
        authorities: () => this.#authorities(),
        enrol: (csr, proof, signal) => enrolment.enrol(csr, proof, signal),
      }),
    });
  }

  /** From now on shows this certificate, and asks clients for those of the authority that is above it in the chain. */
  renew({ key, chain }: ServerCredentials): void {
    this.#server?.renew({ key, chain, ...(chain.length > 1 ? { clientAuthorities: chain.slice(1) } : {}) });
  }

  #authorities(): readonly Uint8Array[] {
    const { standing, files, rootCertificate } = this.#options;
    const { committee, projection } = standing.inOffice();
    const { crossCertificate } = neededAuthority(projection, committee.generation);
    const own = files.get("authority");
    // Until the swarm has signed its own certificate, which takes a head, clients can trust the root.
    return [...(own === undefined ? [] : [own.content]), crossCertificate, rootCertificate];
  }

  async close(): Promise<void> {
    await this.#server?.close();
    await this.#journal.close();
  }
}

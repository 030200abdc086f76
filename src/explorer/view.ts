/**
 * A view: one subject of the explorer. It is one folder under `views/`: `view.ts` (name, place in the menu and the shapes of its
 * answers), `server.ts` (what it keeps and answers) and `page.tsx` (what it shows). It is absent where the mesh lacks its contracts.
 */
import type { Endpoint } from "../ledger/endpoint.js";
import type { ContractName, MeshAddresses } from "../ledger/contracts.js";
import type { Database } from "./database.js";
import type { Decoder } from "./decoding.js";
import type { Args } from "./json.js";
import type { IndexStatus } from "./status.js";
import type { Query } from "./query.js";
import type { Manifest } from "./manifest.js";
import type { Found } from "./found.js";

/** An event as views take it. */
export interface IndexedEvent {
  readonly id: number;
  readonly block: number;
  readonly time: number;
  readonly hash: string;
  readonly contract: ContractName;
  readonly name: string;
  readonly args: Args;
  /** The whole log's data, of which `args` may show a part. */
  readonly raw: { readonly topics: readonly string[]; readonly data: string };
}

/** What routes answer from. */
export interface ViewContext {
  readonly database: Database;
  readonly endpoint: Endpoint;
  readonly addresses: MeshAddresses;
  readonly decoder: Decoder;
  /** Names of the views that this mesh has. */
  readonly views: ReadonlySet<string>;
  status(): IndexStatus;
  /** Seconds since 1970. */
  now(): number;
}

export interface ViewRoute {
  /** Below `/api`. */
  readonly path: string;
  /** POST only where the question does not fit into an address: it changes nothing either. */
  readonly method?: "GET" | "POST";
  answer(context: ViewContext, query: Query): unknown;
}

export interface ViewServer {
  readonly manifest: Manifest;
  /** Whether the mesh has what it shows. Default: always. */
  present?(addresses: MeshAddresses): boolean;
  /** `CREATE TABLE IF NOT EXISTS` of its tables. */
  readonly tables?: string;
  apply?(database: Database, event: IndexedEvent): void;
  /** Takes away what came from blocks above `block`. */
  forgetAbove?(database: Database, block: number): void;
  readonly routes: readonly ViewRoute[];
  /** What a search for `text` finds here. */
  search?(context: ViewContext, text: string): readonly Found[];
}

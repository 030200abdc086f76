/**
 * Follows the chain for ever: advances the index at each new block, and says how things stand where it cannot. The mesh's
 * addresses come from its anchor and are asked for again after an outage, since a node that comes back may serve another chain.
 */
import { type MeshAddresses, addressesOf } from "../ledger/contracts.js";
import { pause } from "../ledger/backoff.js";
import type { Endpoint } from "../ledger/endpoint.js";
import { LedgerError, isPassing } from "../ledger/errors.js";
import { HeadSignal } from "../ledger/heads.js";
import { Chain } from "./chain.js";
import type { Database } from "./database.js";
import { Decoder } from "./decoding.js";
import { Indexer } from "./indexer.js";
import { CORE_TABLES, INDEX_FORMAT, readMeta, writeMeta } from "./schema.js";
import type { IndexStatus, Phase } from "./status.js";
import type { IndexedEvent, ViewServer } from "./view.js";

export interface FollowerOptions {
  readonly endpoint: Endpoint;
  readonly anchor: string;
  readonly database: Database;
  readonly views: readonly ViewServer[];
  readonly firstBlock: number;
  readonly pollMs: number;
  /** Called after each change of status and each advance. */
  onChange(status: IndexStatus, events: readonly IndexedEvent[]): void;
}

/** What is known once the mesh was found. */
export interface FoundMesh {
  readonly addresses: MeshAddresses;
  readonly decoder: Decoder;
  /** Views that this mesh has the contracts of. */
  readonly views: readonly ViewServer[];
}

const RETRY_MILLISECONDS = 1_000;

export class Follower {
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  readonly #chain: Chain;
  #mesh: FoundMesh | undefined;
  #indexer: Indexer | undefined;
  #status: IndexStatus;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#chain = new Chain(options.endpoint);
    const { endpoint, anchor, database } = options;
    prepare(database, `${endpoint.chainId}/${anchor.toLowerCase()}`, options.views);
    const tip = database.get<{ number: number; time: number }>(
      "SELECT number, time FROM blocks ORDER BY number DESC LIMIT 1",
    );
    this.#status = {
      phase: "connecting",
      chainId: endpoint.chainId.toString(),
      anchor,
      node: endpoint.label,
      block: tip?.number ?? -1,
      blockTime: tip?.time ?? 0,
      head: tip?.number ?? -1,
      reorganisations: 0,
      resets: 0,
    };
    this.#mesh = this.#remembered();
  }

  get status(): IndexStatus {
    return this.#status;
  }

  get mesh(): FoundMesh | undefined {
    return this.#mesh;
  }

  close(): void {
    this.#stop.abort();
  }

  /** Ends after `close`. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    const heads = new HeadSignal([this.#options.endpoint], this.#options.pollMs);
    signal.addEventListener("abort", () => heads.close());
    while (!signal.aborted) {
      try {
        const more = await this.#step();
        if (!more) await heads.wait(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(error);
        await pause(RETRY_MILLISECONDS, signal);
      }
    }
  }

  /** Whether there is more to do at once. */
  async #step(): Promise<boolean> {
    const indexer = await this.#ready();
    const { blocks, events, newest, wentBackTo, head } = await indexer.advance();
    if (wentBackTo !== undefined) {
      // What has no block in common is another chain, and perhaps another mesh at the same address.
      if (wentBackTo < 0) this.#forgetMesh();
      const counter = wentBackTo < 0 ? "resets" : "reorganisations";
      const time = indexer.tip()?.time ?? 0;
      this.#set(
        { phase: "indexing", block: wentBackTo, blockTime: time, head, [counter]: this.#status[counter] + 1 },
        [],
      );
      return true;
    }
    const block = newest?.number ?? this.#status.block;
    const blockTime = newest?.time ?? this.#status.blockTime;
    const phase: Phase = block >= head ? "live" : "indexing";
    if (blocks > 0 || phase !== this.#status.phase) this.#set({ phase, block, blockTime, head }, events);
    return blocks > 0;
  }

  async #ready(): Promise<Indexer> {
    if (this.#indexer !== undefined) return this.#indexer;
    const { endpoint, anchor, database, views, firstBlock } = this.#options;
    const addresses = await addressesOf(anchor, endpoint.provider);
    const before = readMeta(database, "addresses");
    const text = JSON.stringify(addresses);
    if (before !== undefined && before !== text) {
      database.clear();
      prepare(database, `${endpoint.chainId}/${anchor.toLowerCase()}`, views);
    }
    writeMeta(database, "addresses", text);
    this.#mesh = meshOf(addresses, views);
    const { decoder } = this.#mesh;
    this.#indexer = new Indexer({ chain: this.#chain, database, decoder, views: this.#mesh.views, firstBlock });
    return this.#indexer;
  }

  #remembered(): FoundMesh | undefined {
    const text = readMeta(this.#options.database, "addresses");
    return text === undefined ? undefined : meshOf(JSON.parse(text) as MeshAddresses, this.#options.views);
  }

  #forgetMesh(): void {
    this.#indexer = undefined;
  }

  #fail(error: unknown): void {
    const { code, message, advice } =
      error instanceof LedgerError
        ? error
        : new LedgerError("bad-answer", `the node's answer cannot be used: ${String(error)}`);
    // Asked for again when the node is back: it may be another one by then.
    this.#forgetMesh();
    const phase: Phase = code === "wrong-chain" ? "wrong-network" : code === "no-mesh" ? "no-mesh" : "rpc-gone";
    if (!isPassing(error) && phase === "rpc-gone" && this.#stop.signal.aborted) return;
    this.#set({ phase, problem: { message, advice: `${advice}.` } }, []);
  }

  #set(change: Partial<IndexStatus>, events: readonly IndexedEvent[]): void {
    const { problem: _, ...rest } = this.#status;
    const before = this.#status;
    this.#status = { ...rest, ...change };
    const same = events.length === 0 && JSON.stringify(before) === JSON.stringify(this.#status);
    if (!same) this.#options.onChange(this.#status, events);
  }
}

function meshOf(addresses: MeshAddresses, views: readonly ViewServer[]): FoundMesh {
  return {
    addresses,
    decoder: new Decoder(addresses),
    views: views.filter(({ present }) => present?.(addresses) ?? true),
  };
}

/** Makes the tables; an index of another format, mesh or set of views is emptied first. */
function prepare(database: Database, subject: string, views: readonly ViewServer[]): void {
  const identity = `${INDEX_FORMAT}/${subject}/${views.map(({ manifest }) => manifest.name).join(",")}`;
  database.exec(CORE_TABLES);
  const found = readMeta(database, "identity");
  if (found !== undefined && found !== identity) {
    database.clear();
    database.exec(CORE_TABLES);
  }
  for (const { tables } of views) if (tables !== undefined) database.exec(tables);
  writeMeta(database, "identity", identity);
}

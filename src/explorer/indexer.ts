/**
 * Keeps the index equal to the chain. Each block names its parent, so a chain that changed is noticed at the next block: the
 * index goes back to the last block that both have and on from there. A chain that has nothing in common with it is a new one.
 *
 * What a block has of the mesh is written in one transaction with the block itself, so that a process may end anywhere.
 */
import { LedgerError } from "../ledger/errors.js";
import type { LedgerLog } from "../ledger/source.js";
import type { Chain, ChainBlock, ChainTransaction, Receipt } from "./chain.js";
import type { Database } from "./database.js";
import type { Decoder, Mention } from "./decoding.js";
import { DEPLOYMENT, purposeOf } from "./purposes.js";
import { forgetAbove, rowNumber } from "./schema.js";
import type { IndexedEvent, ViewServer } from "./view.js";

export interface IndexerOptions {
  readonly chain: Pick<Chain, "head" | "hashOf" | "blocks" | "logs" | "receipts">;
  readonly database: Database;
  readonly decoder: Decoder;
  readonly views: readonly ViewServer[];
  /** No event of the mesh is older. */
  readonly firstBlock: number;
}

/** What a step of the indexer did. */
export interface Advance {
  /** Blocks that were added. */
  readonly blocks: number;
  readonly events: readonly IndexedEvent[];
  /** The newest block, where one was added. */
  readonly newest: ChainBlock | undefined;
  /** The chain changed: the index went back to this block first; -1 if it had to begin again. */
  readonly wentBackTo: number | undefined;
  /** The node's newest block. */
  readonly head: number;
}

/** Blocks of one step, while the node takes as many. */
const MAXIMUM_RANGE = 512;
const SECONDS_PER_DAY = 86_400;

export class Indexer {
  readonly #options: IndexerOptions;
  #range = MAXIMUM_RANGE;

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /** The newest block that is indexed, undefined before the first. */
  tip(): { readonly number: number; readonly hash: string; readonly time: number } | undefined {
    return this.#options.database.get("SELECT number, hash, time FROM blocks ORDER BY number DESC LIMIT 1");
  }

  /**
   * Takes the next blocks, at most some hundred; `blocks` is 0 when there are none.
   * @throws LedgerError of the way to the node; nothing is half done then.
   */
  async advance(): Promise<Advance> {
    const { chain, firstBlock } = this.#options;
    const head = await chain.head();
    const tip = this.tip();
    const nothing = { blocks: 0, events: [], newest: undefined, head };
    if (tip !== undefined && (head < tip.number || (await chain.hashOf(tip.number)) !== tip.hash)) {
      return { ...nothing, wentBackTo: await this.#goBack() };
    }
    const from = tip === undefined ? firstBlock : tip.number + 1;
    const to = Math.min(head, from + this.#range - 1);
    if (to < from) return { ...nothing, wentBackTo: undefined };
    const fetched = await this.#fetch(from, to);
    const linked = linkedPrefix(fetched.blocks, tip?.hash);
    // The chain changed while we read: what fits is taken, the rest is looked at again.
    const events = this.#write(linked, fetched);
    return { blocks: linked.length, events, newest: linked.at(-1), wentBackTo: undefined, head };
  }

  /** The last block that index and chain share, to which the index goes back. -1: none, and it is empty. */
  async #goBack(): Promise<number> {
    const { database, chain, views } = this.#options;
    const bounds = database.get<{ low: number | null; high: number | null }>(
      "SELECT min(number) AS low, max(number) AS high FROM blocks",
    );
    let [low, high] = [bounds?.low ?? 0, bounds?.high ?? -1];
    let common = -1;
    while (low <= high) {
      const middle = low + ((high - low) >> 1);
      const known = database.get<{ hash: string }>("SELECT hash FROM blocks WHERE number = ?", middle)?.hash;
      if (known !== undefined && (await chain.hashOf(middle)) === known) {
        common = middle;
        low = middle + 1;
      } else high = middle - 1;
    }
    database.transaction(() => {
      forgetAbove(database, common);
      for (const view of views) view.forgetAbove?.(database, common);
    });
    return common;
  }

  /**
   * Blocks first, then what they have: a chain that changes in between does not have these blocks any more, so that the next
   * step goes back before them, whatever was read of the other chain.
   */
  async #fetch(from: number, to: number): Promise<Fetched> {
    const { chain, decoder } = this.#options;
    const blocks = await chain.blocks(from, to);
    const logs = await this.#logs(Object.values(decoder.addresses), from, to);
    const withLogs = new Set(logs.map(({ transactionHash }) => transactionHash));
    const ours = blocks
      .flatMap(({ transactions }) => transactions)
      .filter(({ hash, to: called }) => called === undefined || withLogs.has(hash) || decoder.contractAt(called))
      .map(({ hash }) => hash);
    const receipts = await chain.receipts(ours);
    return { blocks, logs, receipts: new Map(receipts.map((receipt, i) => [String(ours[i]), receipt])) };
  }

  /** Nodes limit the length of an answer: shorter ranges are tried before it is given up. */
  async #logs(addresses: readonly string[], from: number, to: number): Promise<readonly LedgerLog[]> {
    const { chain } = this.#options;
    try {
      const logs = await chain.logs(addresses, from, to);
      this.#range = Math.min(MAXIMUM_RANGE, this.#range * 2);
      return logs;
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== "rpc" || from === to) throw error;
      const middle = from + ((to - from) >> 1);
      this.#range = Math.max(1, this.#range >> 1);
      return [...(await this.#logs(addresses, from, middle)), ...(await this.#logs(addresses, middle + 1, to))];
    }
  }

  #write(blocks: readonly ChainBlock[], { logs, receipts }: Fetched): IndexedEvent[] {
    const { database } = this.#options;
    const events: IndexedEvent[] = [];
    const byBlock = new Map<number, LedgerLog[]>();
    for (const log of logs) {
      const list = byBlock.get(log.blockNumber);
      if (list === undefined) byBlock.set(log.blockNumber, [log]);
      else list.push(log);
    }
    database.transaction(() => {
      for (const block of blocks) {
        const own = (byBlock.get(block.number) ?? []).filter(({ blockHash }) => blockHash === block.hash);
        events.push(...this.#writeBlock(block, own, receipts));
      }
    });
    return events;
  }

  #writeBlock(block: ChainBlock, logs: readonly LedgerLog[], receipts: Fetched["receipts"]): IndexedEvent[] {
    const { database, decoder } = this.#options;
    const withLogs = new Set(logs.map(({ transactionHash }) => transactionHash));
    let ours = 0;
    for (const transaction of block.transactions) {
      const receipt = receipts.get(transaction.hash);
      if (receipt === undefined) continue;
      const created = decoder.contractAt(receipt.created);
      const isOurs = created ?? decoder.contractAt(transaction.to) ?? (withLogs.has(transaction.hash) || undefined);
      if (isOurs === undefined) continue;
      ours++;
      this.#writeTransaction(block, transaction, receipt, created !== undefined);
    }
    const events = logs.flatMap((log) => this.#writeEvent(block, log));
    database.run(
      "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      block.number,
      block.hash,
      block.parent,
      block.time,
      block.gasUsed,
      block.gasLimit,
      block.transactions.length,
      ours,
      events.length,
    );
    return events;
  }

  #writeTransaction(block: ChainBlock, transaction: ChainTransaction, receipt: Receipt, creates: boolean): void {
    const { database, decoder } = this.#options;
    const { hash, from, to, input, value, position } = transaction;
    const id = rowNumber(block.number, position, "transaction");
    const call = decoder.call(to, input);
    const contract = creates ? decoder.contractAt(receipt.created) : call.contract;
    database.run(
      "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      hash,
      block.number,
      block.time,
      from,
      to ?? receipt.created ?? null,
      contract ?? null,
      creates ? "(deployment)" : (call.name ?? null),
      JSON.stringify(call.args),
      value.toString(),
      receipt.ok ? 1 : 0,
      receipt.gasUsed,
      receipt.gasPrice.toString(),
      creates ? DEPLOYMENT : purposeOf(contract, call.name),
      Math.floor(block.time / SECONDS_PER_DAY),
    );
    const parties = [from, to ?? receipt.created].flatMap((key) => (key === undefined ? [] : { kind: "address", key }));
    this.#mention([...parties, ...call.mentions], id, "transaction", block.number);
  }

  #writeEvent(block: ChainBlock, log: LedgerLog): IndexedEvent[] {
    const { database, decoder, views } = this.#options;
    const { contract, name, args, mentions } = decoder.log(log);
    if (contract === undefined) return [];
    const id = rowNumber(block.number, log.logIndex, "event");
    const shown = name ?? `(unknown ${log.topics[0]?.slice(0, 10) ?? "event"})`;
    database.run(
      "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      block.number,
      block.time,
      log.logIndex,
      log.transactionHash,
      contract,
      shown,
      JSON.stringify(args),
    );
    this.#mention(mentions, id, "event", block.number);
    const { topics, data, transactionHash: hash } = log;
    const event: IndexedEvent = {
      id,
      block: block.number,
      time: block.time,
      hash,
      contract,
      name: shown,
      args,
      raw: { topics, data },
    };
    for (const view of views) view.apply?.(database, event);
    return [event];
  }

  #mention(mentions: readonly Mention[], id: number, source: "event" | "transaction", block: number): void {
    for (const { kind, key } of mentions) {
      this.#options.database.run("INSERT OR IGNORE INTO mentions VALUES (?, ?, ?, ?, ?)", kind, key, id, source, block);
    }
  }
}

interface Fetched {
  readonly blocks: readonly ChainBlock[];
  readonly logs: readonly LedgerLog[];
  /** Of transactions that may concern the mesh, by hash. */
  readonly receipts: ReadonlyMap<string, Receipt>;
}

/** The first blocks that follow one another, the first of them on `parent`. */
function linkedPrefix(blocks: readonly ChainBlock[], parent: string | undefined): ChainBlock[] {
  const linked: ChainBlock[] = [];
  let before = parent;
  let number = blocks[0]?.number ?? 0;
  for (const block of blocks) {
    if ((before !== undefined && block.parent !== before) || block.number !== number) break;
    linked.push(block);
    before = block.hash;
    number++;
  }
  return linked;
}

/** Where the index stands, as every page shows it. */

/**
 * - `connecting`: nothing was heard from the node yet.
 * - `indexing`: catching up with the chain; what is shown is older.
 * - `live`: up to date.
 * - `rpc-gone`: the node does not answer; what is shown is the last that was known.
 * - `wrong-network`: the node serves another chain than the index is of.
 * - `no-mesh`: there is no mesh at the anchor's address, on a chain that was begun again perhaps.
 */
export type Phase = "connecting" | "indexing" | "live" | "rpc-gone" | "wrong-network" | "no-mesh";

export interface IndexStatus {
  readonly phase: Phase;
  /** What is wrong, in one sentence, and what to do about it. */
  readonly problem?: { readonly message: string; readonly advice: string };
  readonly chainId: string;
  readonly anchor: string;
  /** Of the node, without credentials. */
  readonly node: string;
  /** The newest block that is indexed; -1 for none. */
  readonly block: number;
  readonly blockTime: number;
  /** The newest block that the node has told of. */
  readonly head: number;
  /** Counts reorganisations and resets that were followed since the start. */
  readonly reorganisations: number;
  readonly resets: number;
}

/** What open pages are told when something changed. */
export interface News {
  readonly status: IndexStatus;
  /** Names of the events of the new blocks, each once. */
  readonly events: readonly string[];
}

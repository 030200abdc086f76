/**
 * The time in which the explorer makes its index of a chain, over the time in which the node answers one plain `eth_getLogs` for the
 * same blocks. The index also has each block, each transaction with its receipt, and what every event means.
 */
import type { OffchainFigure } from "../figure.js";
import { timeRatio } from "../ratio.js";
import { withIndexedChain } from "./indexing.js";

export const explorerIndexOverGetLogs: OffchainFigure = {
  operation: "explorerIndexOverGetLogs",
  unit: "x one eth_getLogs of the same blocks",
  goal: undefined,
  best: undefined,
  source: undefined,

  measure: () =>
    withIndexedChain((bench) =>
      timeRatio({ measured: async () => void (await bench.index()), unit: () => bench.getLogs(), count: 1, turns: 5 }),
    ),
};

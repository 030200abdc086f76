/** Blocks and events that the explorer indexes in a second, of a chain on which one block in ten has five events of the mesh. */
import type { OffchainFigure } from "../figure.js";
import { median } from "../ratio.js";
import { type Indexed, withIndexedChain } from "./indexing.js";

const TURNS = 5;

async function perSecond(count: (indexed: Indexed) => number): Promise<number> {
  return withIndexedChain(async (bench) => {
    const rates: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const indexed = await bench.index();
      rates.push(count(indexed) / indexed.seconds);
    }
    return median(rates);
  });
}

const common = { goal: undefined, best: undefined, source: undefined };

export const explorerBlocksPerSecond: OffchainFigure = {
  ...common,
  operation: "explorerBlocksPerSecond",
  unit: "blocks/s, one in ten with five events",
  measure: () => perSecond(({ blocks }) => blocks),
};

export const explorerEventsPerSecond: OffchainFigure = {
  ...common,
  operation: "explorerEventsPerSecond",
  unit: "events/s of the same chain",
  measure: () => perSecond(({ events }) => events),
};

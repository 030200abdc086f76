/**
 * A rotation on this machine, members as processes, from the freeze to the next committee in office, over the processor time that the
 * cryptography of the same resharing takes: all members in one process, with no disk, network or chain. Blocks come once a second, and
 * each of the five phases takes some: that is the floor of a small committee. A large one is bound by what its members compute,
 * since they share the cores of one machine.
 */
import { until } from "../../src/cli/start/local-mesh.js";
import type { GroupKeys } from "../../src/crypto/outcome.js";
import { type Behaviour, World, type WorldSetup } from "../../test/protocol/ceremony/world.js";
import type { OffchainFigure } from "../figure.js";
import { withLocalMesh } from "./local-mesh.js";

const SIZES = [4, 7, 10, 16] as const;
/** The first one after the key generation is not counted: connections are opened and code is compiled in it. */
const COUNTED_FROM = 3n;
const COUNTED = 2n;
const MAXIMUM_SECONDS = 600;

export const rotationOverCryptography: readonly OffchainFigure[] = SIZES.map((n) => ({
  operation: `rotationOverCryptography${n}`,
  unit: `x (processor time of the cryptography of all ${n})`,
  goal: undefined,
  best: undefined,
  source: "SSV and Obol reshare between operators by hand",
  measure: async () => (await rotationSeconds(n)) / cryptographySeconds(n),
}));

/** From the block of the freeze to that of the activation, the mean of two rotations. */
function rotationSeconds(n: number): Promise<number> {
  return withLocalMesh(async ({ ledger, running }) => {
    const { rotation, groupKeys } = ledger.contracts;
    const last = COUNTED_FROM + COUNTED - 1n;
    await until(running, `epoch ${last} begins`, MAXIMUM_SECONDS, async () => (await groupKeys.epoch()) >= last);
    let sum = 0;
    for (let epoch = COUNTED_FROM; epoch <= last; epoch++) {
      const [[frozen], [taken]] = await Promise.all([
        rotation.queryFilter(rotation.filters.Frozen(epoch)),
        groupKeys.queryFilter(groupKeys.filters.OfficeTaken(undefined, epoch)),
      ]);
      if (frozen === undefined || taken === undefined) throw new Error(`epoch ${epoch} left no events`);
      const [from, to] = await Promise.all([frozen.getBlock(), taken.getBlock()]);
      sum += to.timestamp - from.timestamp;
    }
    return sum / Number(COUNTED);
  }, n);
}

/** Of a resharing among n members that are all new. */
function cryptographySeconds(n: number): number {
  const generated = ran({ n, behaviours: honest(n), seed: `bench ${n}` });
  const keys = generated.players.find(({ signature }) => signature !== undefined)?.signature?.effect
    .outcome as GroupKeys;
  const accounts = generated.players.find(({ engine }) => engine.view.phase === "active")?.engine.view.seated ?? [];
  const incumbentShares = new Map(
    [...generated.held()].map(([seat, { shares }]) => [accounts[seat - 1] as string, shares]),
  );
  const before = process.cpuUsage();
  ran({
    n,
    kind: "resharing",
    ceremony: 2n,
    behaviours: honest(n),
    firstAccount: 40,
    incumbents: { accounts, keys },
    incumbentShares,
    seed: `bench ${n}, reshared`,
  });
  return process.cpuUsage(before).user / 1e6;
}

function ran(setup: WorldSetup): World {
  const world = new World(setup);
  world.run();
  if (world.ledger.phase !== "active") throw new Error(`the ceremony of ${setup.n} ended in ${world.ledger.phase}`);
  return world;
}

function honest(n: number): Behaviour[] {
  return Array.from({ length: n }, () => "honest");
}

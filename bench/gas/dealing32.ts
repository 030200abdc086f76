/** A dealing of both keys to 32 receivers, threshold 22. */
import { deployMesh } from "../../test/contracts/ceremony-fixture.js";
import type { GasFigure } from "../figure.js";

const SEATS = 32;

export const dealing32: GasFigure = {
  operation: "dealing32",
  goal: 190_000,
  best: 158_008,
  source: "EthDKG, for one key",

  async measure() {
    const mesh = await deployMesh(SEATS);
    await mesh.ceremony.startKeyGeneration();
    await mesh.seatAll();
    // The last dealing is no cheaper than the first: each seat has its own storage.
    const { gasUsed } = await mesh.deal(SEATS);
    return Number(gasUsed);
  },
};

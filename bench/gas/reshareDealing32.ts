/** A dealing of one's own share of both keys to 32 receivers, threshold 22, from a committee of 32. */
import { deployInOffice, reshareToDealing } from "../../test/contracts/rotation-fixture.js";
import type { GasFigure } from "../figure.js";

const SEATS = 32;

export const reshareDealing32: GasFigure = {
  operation: "reshareDealing32",
  goal: 190_000,
  best: undefined,
  source: "nobody publishes one",

  async measure() {
    const mesh = await deployInOffice(SEATS);
    await reshareToDealing(mesh);
    const { gasUsed } = await mesh.deal(SEATS);
    return Number(gasUsed);
  },
};

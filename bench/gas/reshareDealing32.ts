/** A dealing of one's own share of both keys to 32 receivers, threshold 22, from a committee of 32. */
import { deployInOffice, refreshAll, startResharing, takeTurn } from "../../test/contracts/rotation-fixture.js";
import type { GasFigure } from "../figure.js";

const SEATS = 32;

export const reshareDealing32: GasFigure = {
  operation: "reshareDealing32",
  goal: 190_000,
  best: undefined,
  source: "nobody publishes one",

  async measure() {
    const mesh = await deployInOffice(SEATS);
    await refreshAll(mesh);
    await takeTurn(mesh);
    await startResharing(mesh);
    await mesh.acceptAll();
    await mesh.advance();
    await mesh.takeSeats();
    const { gasUsed } = await mesh.deal(SEATS);
    return Number(gasUsed);
  },
};

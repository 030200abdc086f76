import { rotatedOnce } from "./rotation.js";
import { signBeacon } from "../../test/contracts/rotation-fixture.js";
import { gasOf } from "../../test/contracts/mesh.js";
import type { GasFigure } from "../figure.js";

/** The beacon of a turn, signature check included; it follows an earlier one, as each but the first does. */
export const postBeacon: GasFigure = {
  operation: "postBeacon",
  goal: 230_000,
  best: undefined,
  source: undefined,

  async measure() {
    const mesh = await rotatedOnce(4);
    await mesh.rotation.freeze();
    await mesh.chain.networkHelpers.mine(1);
    const { epoch } = await mesh.rotation.turn();
    return Number(await gasOf(mesh.rotation.postBeacon(epoch, await signBeacon(mesh))));
  },
};

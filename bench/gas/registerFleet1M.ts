/** Registers a fleet of a million devices: grant, scopes, lifetime, quota and join methods checked. */
import { keccak256 } from "ethers";
import { network } from "hardhat";

import { SCOPES, gasOf, openMesh } from "../../test/contracts/mesh.js";
import type { GasFigure } from "../figure.js";

const policy = {
  scopes: ["grp:city/lamps", "geo:u33dc"],
  maximumLifetime: 86_400,
  quota: 3,
  joinMethods: 15,
  graceSeconds: 3_600,
};

export const registerFleet1M: GasFigure = {
  operation: "registerFleet1M",
  goal: 120_000,
  best: undefined,
  source: "one transaction per device elsewhere",

  async measure() {
    const mesh = await openMesh(await network.create());
    const fleets = mesh.fleets.connect(mesh.registrar);
    return Number(await gasOf(fleets.registerFleet(1, SCOPES, policy, keccak256("0x01"), 0, 1_000_000)));
  },
};

/** The genesis of a mesh of seven: the root CA's signature checked, parameters, members and the first grant stored. */
import { network } from "hardhat";

import { deployMesh, gasOf, genesisOf, submit } from "../../test/contracts/mesh.js";
import type { GasFigure } from "../figure.js";

const SEATS = 7;

export const genesis7: GasFigure = {
  operation: "genesis7",
  goal: 1_050_000,
  best: undefined,
  source: undefined,

  async measure() {
    const mesh = await deployMesh(await network.create());
    const { members } = await genesisOf(mesh);
    const genesis = await genesisOf(mesh, { committeeSize: SEATS }, { members: members.slice(0, SEATS) });
    return Number(await gasOf(submit(mesh, genesis)));
  },
};

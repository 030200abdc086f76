/** A validator registers: possession of both keys proved, stake, keys and endpoint stored. */
import { network } from "hardhat";

import { PARAMETERS, gasOf, openMesh, registrationOf, secretOf, type Signer } from "../../test/contracts/mesh.js";
import type { GasFigure } from "../figure.js";

export const registerValidator: GasFigure = {
  operation: "registerValidator",
  goal: 376_000,
  best: 137_000,
  source: "SSV registers an operator, without a proof of possession",

  async measure() {
    const mesh = await openMesh(await network.create());
    const member = mesh.members[0] as Signer;
    const registration = await registrationOf(mesh, member.address, secretOf(100n), 100n);
    const sent = mesh.registry.connect(member).register(registration, { value: PARAMETERS.minimumStake });
    return Number(await gasOf(sent));
  },
};

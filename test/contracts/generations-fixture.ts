/** Re-keys on the contracts, with both signatures that new keys take. */
import { getBytes } from "ethers";

import { successionDigest } from "../../src/certificate/succession.js";
import { domainSeparator } from "../../src/statements/eip712.js";
import { Generations__factory } from "../../typechain-types/index.js";
import { present, type CeremonyMesh, type Derived, type Incumbents } from "./ceremony-fixture.js";
import { seatsUpTo, sitDownToNewKeys, swarmSign } from "./rotation-fixture.js";

/** When statements expire that do not matter here. */
export const FAR = 5_000_000_000n;

export async function generationsOf({ ceremony, anchor }: CeremonyMesh) {
  return Generations__factory.connect(await ceremony.generations(), anchor.runner);
}

/** The committee in office has the swarm start a re-key, and sits down to it. @returns who held the keys before */
export async function startRekey(mesh: CeremonyMesh, generation = 2n, expiry = FAR): Promise<Incumbents> {
  const generations = await generationsOf(mesh);
  const before = present(mesh.incumbents, "committee");
  await generations.startRekey(generation, expiry, swarmSign(mesh, generations, "Rekey", { generation, expiry }));
  await sitDownToNewKeys(mesh);
  return before;
}

/** Both signatures that the activation takes, for keys and a ceremony as given. */
export async function signaturesOf(
  mesh: CeremonyMesh,
  before: Incumbents,
  after: Derived,
  change: { ceremony?: number } = {},
) {
  const { deadline } = await mesh.status();
  const verifyingContract = getBytes(mesh.anchor.target as string);
  const separator = domainSeparator({ chainId: 31337n, verifyingContract, meshId: mesh.meshId });
  const { bls, ed25519 } = after.keys;
  const link = { generation: 2, ceremony: Number(mesh.id), bls, ed25519, since: Number(deadline), ...change };
  const epoch = (await mesh.groupKeys.epoch()) + 1n;
  const seats = seatsUpTo(mesh.quorum.t);
  const succession = successionDigest(link, separator);
  return {
    activation: mesh.sign(after, seats, mesh.activationDigest(after, mesh.meshId, epoch, 2n)),
    succession: mesh.sign(before.derived, seats, succession),
    bySelf: mesh.sign(after, seats, succession),
  };
}

/** A whole key generation, every transaction of every member: from its start to group keys in office. */
import { type CeremonyMesh, deployMesh } from "../../test/contracts/ceremony-fixture.js";

export async function gasOfKeyGeneration(seats: number): Promise<number> {
  const mesh = await deployMesh(seats);
  const before = await mesh.chain.ethers.provider.getBlockNumber();
  const derived = await mesh.runToAcknowledge();
  const all = Array.from({ length: seats }, (_, i) => i + 1);
  await mesh.acknowledge(all, derived.outcomeHash);
  await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, all.slice(0, mesh.quorum.t)));
  return gasSince(mesh, before);
}

async function gasSince({ chain: { ethers } }: CeremonyMesh, before: number): Promise<number> {
  const last = await ethers.provider.getBlockNumber();
  let gas = 0n;
  for (let number = before + 1; number <= last; number++) {
    gas += (await ethers.provider.getBlock(number))?.gasUsed ?? 0n;
  }
  return Number(gas);
}

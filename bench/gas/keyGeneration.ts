/** A whole key generation, every transaction of every member: from its start to group keys in office. */
import { deployMesh } from "../../test/contracts/ceremony-fixture.js";
import { takeOffice } from "../../test/contracts/rotation-fixture.js";
import { gasSince } from "./since.js";

export async function gasOfKeyGeneration(seats: number): Promise<number> {
  const mesh = await deployMesh(seats);
  return gasSince(mesh.chain, async () => takeOffice(mesh, await mesh.runToAcknowledge()));
}

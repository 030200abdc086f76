/** A whole rotation, every transaction of every member: from the freeze to a new committee in office. */
import type { CeremonyMesh } from "../../test/contracts/ceremony-fixture.js";
import {
  deployInOffice,
  handOver,
  passEpoch,
  passProbation,
  refreshAll,
} from "../../test/contracts/rotation-fixture.js";
import { gasSince } from "./since.js";

/**
 * The second rotation of a mesh with twice as many candidates as seats: the first one writes storage for the first time that every
 * later one writes over.
 */
export async function gasOfRotation(seats: number): Promise<number> {
  const mesh = await rotatedOnce(seats);
  return gasSince(mesh.chain, () => handOver(mesh));
}

/** A mesh whose second committee has passed its probation. */
export async function rotatedOnce(seats: number): Promise<CeremonyMesh> {
  const mesh = await deployInOffice(seats, 2 * seats);
  await refreshAll(mesh);
  await handOver(mesh);
  await passProbation(mesh);
  await passEpoch(mesh);
  return mesh;
}

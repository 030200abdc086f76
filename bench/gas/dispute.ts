/** A receiver shows that the share it got is bad, among 17 commitments and 25 seats: judged and slashed in one transaction. */
import type { GroupName } from "../../src/crypto/group.js";
import { deployMesh } from "../../test/contracts/ceremony-fixture.js";

const SEATS = 25;
const THRESHOLD = 17;

export async function gasOfDispute(half: GroupName): Promise<number> {
  const mesh = await deployMesh(SEATS);
  await mesh.ceremony.startKeyGeneration();
  await mesh.seatAll();
  await mesh.deal(1, mesh.spoilShare(1, SEATS, half));
  for (let seat = 2; seat <= THRESHOLD; seat++) await mesh.deal(seat);
  await mesh.advanceLate();
  const { gasUsed } = await mesh.complain(1, SEATS, half);
  const { disqualified } = await mesh.status();
  if (disqualified !== 2n) throw new Error(`the dealer of a bad share was not disqualified: ${disqualified}`);
  return Number(gasUsed);
}

/** Final revocation of devices by a swarm signature, its check included. */
import { getBytes, keccak256, solidityPacked } from "ethers";
import { network } from "hardhat";

import { FAR, SCOPES, gasOf, openMesh } from "../../test/contracts/mesh.js";

const KEY_COMPROMISE = 1;
const policy = { scopes: SCOPES, maximumLifetime: 86_400, quota: 1, joinMethods: 1, graceSeconds: 0 };

/** @param masks of the words from 1 on; each word is written for the first time. */
export async function gasOfRevocation(masks: readonly bigint[]): Promise<number> {
  const mesh = await openMesh(await network.create());
  await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, policy, keccak256("0x01"), 0, 65_536 + 256);
  const words = masks.map((_, i) => 1 + i);
  const signature = await mesh.swarmSign(mesh.revocations, "Revocation", {
    entriesHash: getBytes(keccak256(solidityPacked(["uint32[]", "uint256[]"], [words, masks]))),
    reason: KEY_COMPROMISE,
    expiry: FAR,
  });
  return Number(await gasOf(mesh.revocations.revoke(words, [...masks], KEY_COMPROMISE, FAR, signature)));
}

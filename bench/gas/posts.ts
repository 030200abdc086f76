/** What validators put on the ledger as time goes on: a head of the revocation list, a checkpoint. Each follows an earlier one. */
import { getBytes } from "ethers";
import { network } from "hardhat";

import { gasOf, openMesh, word } from "../../test/contracts/mesh.js";
import { setNextTick } from "../../test/contracts/ticks.js";

export async function gasOfHead(): Promise<number> {
  const mesh = await openMesh(await network.create());
  const post = async (number: bigint) => {
    await setNextTick(mesh.on, mesh.anchor, number);
    const head = { number, root: word(5), words: 4_096n, issued: 1_000n, expires: 2_800n, blockNumber: 7n };
    const signature = await mesh.swarmSign(mesh.revocations, "DrlHead", { ...head, root: getBytes(head.root) });
    return gasOf(mesh.revocations.postHead(head, signature));
  };
  await post(20n);
  return Number(await post(40n));
}

export async function gasOfCheckpoint(): Promise<number> {
  const mesh = await openMesh(await network.create());
  const post = async (number: bigint) => {
    await setNextTick(mesh.on, mesh.anchor, number);
    const checkpoint = { number, blockNumber: 7n, blockHash: word(6) };
    const values = { ...checkpoint, blockHash: getBytes(checkpoint.blockHash) };
    const signature = await mesh.swarmSign(mesh.revocations, "Checkpoint", values);
    return gasOf(mesh.revocations.postCheckpoint(checkpoint, signature));
  };
  await post(20n);
  return Number(await post(40n));
}

/** What the judge believes: the mesh as the ledger has it, and what it asks the explorer for, which the swarm signed. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { trustFrom } from "../../certificate/bundle.js";
import { type DrlProof, checkNotRevoked, decodeDrlProof, verifyDrlHead } from "../../certificate/drl.js";
import { HeadMemory } from "../../certificate/head-memory.js";
import { Refusal } from "../../certificate/refusal.js";
import { type SignatureChecks, nobleSignatures } from "../../certificate/signatures.js";
import { nobleBls } from "../../crypto/bls.js";
import type { Trust } from "../views/certificates/view.js";
import type { Proof } from "../views/revocation/view.js";
import type { Trial } from "./trial.js";

export const CHECKS: SignatureChecks = { bls: nobleBls, device: nobleSignatures };

export function meshOf(trust: Trust): ReturnType<typeof trustFrom> {
  const [newest] = trust.generations;
  if (newest === undefined) throw new Refusal("generation-unknown", "the mesh has no group keys yet");
  return trustFrom({
    generation: newest.generation,
    keys: { bls: hexToBytes(newest.bls), ed25519: hexToBytes(newest.ed25519) },
    meshId: hexToBytes(trust.meshId),
    chainId: BigInt(trust.chainId),
    anchor: hexToBytes(trust.anchor),
    registry: hexToBytes(trust.registry),
    revocationList: hexToBytes(trust.revocationList),
  });
}

export type Mesh = ReturnType<typeof meshOf>;

export const memory = (): HeadMemory => new HeadMemory(undefined, () => undefined);

/** @param proof of `proofFor`. */
export function tryRevocation(
  trial: Trial,
  proof: DrlProof | undefined,
  index: number,
  mesh: Mesh,
  time: number,
): void {
  if (proof === undefined)
    return trial.open("Revocation", "not checked: the ledger has no head that a proof can be made under");
  trial.try("Revocation", "not revoked, under a fresh head of the swarm", () => {
    checkNotRevoked(proof, index);
    verifyDrlHead(proof, mesh, time, memory(), CHECKS);
  });
}

/** From the explorer's server; the swarm's signature in it is what is believed. */
export async function proofFor(index: number): Promise<DrlProof | undefined> {
  try {
    const response = await fetch(`/api/revocation/proofs/${index}`);
    if (!response.ok) return undefined;
    return decodeDrlProof(hexToBytes(((await response.json()) as Proof).proof));
  } catch {
    return undefined;
  }
}

export function expectRoot(key: Uint8Array, trust: Trust): void {
  if (bytesToHex(key) !== trust.rootKey) {
    throw new Refusal("wrong-mesh", "the root certificate's key is not the one that this mesh's anchor has");
  }
}

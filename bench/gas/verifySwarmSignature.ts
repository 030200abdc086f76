/** The library's check of a swarm signature over a digest, hash to curve included; not the transaction around it. */
import { network } from "hardhat";

import { nobleBls } from "../../src/crypto/bls.js";
import { DST } from "../../src/statements/tags.js";
import { g1StructOf, g2StructOf } from "../../test/contracts/ceremony-fixture.js";
import type { GasFigure } from "../figure.js";

const secret = new Uint8Array(32).fill(7);
const digest = new Uint8Array(32).fill(0xab);

export const verifySwarmSignature: GasFigure = {
  operation: "verifySwarmSignature",
  goal: 157_000,
  best: 163_737,
  source: "randa-mu/bls-solidity, on BN254; the precompiles alone take 151,100 here",

  async measure() {
    const { ethers } = await network.create();
    const harness = await ethers.deployContract("BLS12381Harness");
    const key = g1StructOf(nobleBls.publicKey(secret));
    const signature = g2StructOf(nobleBls.sign(secret, digest));
    const tag = new TextEncoder().encode(DST.signature);
    const { valid, gasUsed } = await harness.verifyDigest(key, digest, tag, signature);
    if (!valid) throw new Error("the library refused a good signature");
    return Number(gasUsed);
  },
};

import { expect } from "chai";

import { encodeDealing, parseDealing } from "../../src/crypto/dealing.js";
import { deployMesh, type CeremonyMesh } from "./ceremony-fixture.js";

/** Whole transactions, calldata, slashing and storage included. */
const CEILINGS = { dealing32: 190_000n, dispute17: 320_000n, disputeEd25519: 320_000n } as const;

/** Seat 1 deals one bit wrong in the sealed share of `receiver`: in the G1 half, or in the Ed25519 half. */
function spoilShare(mesh: CeremonyMesh, receiver: number, half: "g1" | "ed25519"): Uint8Array {
  const { n, t } = mesh.quorum;
  const dealing = parseDealing(mesh.makeDealing(1), n, t);
  const sealedShares = dealing.sealedShares.map((sealed, i) => {
    const copy = sealed.slice();
    if (i === receiver - 1) copy[half === "g1" ? 31 : 63] = (copy[half === "g1" ? 31 : 63] as number) ^ 1;
    return copy;
  });
  return encodeDealing({ ...dealing, sealedShares });
}

describe("gas of a key ceremony", () => {
  it(`takes a dealing for 32 receivers for at most ${CEILINGS.dealing32} gas`, async () => {
    const mesh = await deployMesh(32);
    await mesh.ceremony.startKeyGeneration();
    await mesh.acceptAll();
    await mesh.advance();
    await mesh.takeSeats();
    const { gasUsed } = await mesh.deal(32);
    expect(gasUsed).to.be.at.most(CEILINGS.dealing32);
    process.stdout.write(`dealing32 ${gasUsed}\n`);
  });

  for (const [half, name] of [
    ["g1", "dispute17"],
    ["ed25519", "disputeEd25519"],
  ] as const) {
    it(`judges a bad ${half} share among 17 of 25 for at most ${CEILINGS[name]} gas`, async () => {
      const mesh = await deployMesh(25);
      await mesh.ceremony.startKeyGeneration();
      await mesh.acceptAll();
      await mesh.advance();
      await mesh.takeSeats();
      await mesh.deal(1, spoilShare(mesh, 25, half));
      for (let seat = 2; seat <= 17; seat++) await mesh.deal(seat);
      await mesh.advanceLate();
      const { gasUsed } = await mesh.complain(1, 25, half);
      expect((await mesh.status()).disqualified).to.equal(2n);
      process.stdout.write(`${name} ${gasUsed}\n`);
      expect(gasUsed).to.be.at.most(CEILINGS[name]);
    });
  }
});

import { expect } from "chai";

import { deployMesh } from "./ceremony-fixture.js";

/** Whole transactions, calldata, slashing and storage included. */
const CEILINGS = { dealing32: 190_000n, dispute17: 320_000n, disputeEd25519: 320_000n } as const;

describe("gas of a key ceremony", () => {
  it(`takes a dealing for 32 receivers for at most ${CEILINGS.dealing32} gas`, async () => {
    const mesh = await deployMesh(32);
    await mesh.ceremony.startKeyGeneration();
    await mesh.acceptAll();
    await mesh.advance();
    await mesh.takeSeats();
    const { gasUsed } = await mesh.deal(32);
    expect(gasUsed).to.be.at.most(CEILINGS.dealing32);
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
      await mesh.deal(1, mesh.spoilShare(1, 25, half));
      for (let seat = 2; seat <= 17; seat++) await mesh.deal(seat);
      await mesh.advanceLate();
      const { gasUsed } = await mesh.complain(1, 25, half);
      expect((await mesh.status()).disqualified).to.equal(2n);
      expect(gasUsed).to.be.at.most(CEILINGS[name]);
    });
  }
});

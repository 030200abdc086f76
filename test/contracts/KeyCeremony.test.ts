import { expect } from "chai";

import { quorumOf } from "../../src/statements/quorum.js";
import { deployMesh, Phase } from "./ceremony-fixture.js";

function seatsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

describe("KeyCeremony", () => {
  for (const n of [4, 7]) {
    it(`puts ${n} honest members into office, in one attempt and without waiting for a deadline`, async () => {
      const mesh = await deployMesh(n);
      const derived = await mesh.runToAcknowledge();
      const { t, a } = quorumOf(n);
      await mesh.acknowledge(seatsUpTo(a), derived.outcomeHash);
      await mesh.ceremony.activate(mesh.id, 1, derived.outcome, mesh.sign(derived, seatsUpTo(t)));

      expect((await mesh.status()).phase).to.equal(Phase.Active);
      expect(await mesh.groupKeys.generation()).to.equal(1n);
      expect(await mesh.groupKeys.edKey()).to.equal(derived.outcome.edKey);
      expect(await mesh.groupKeys.committee()).to.deep.equal(mesh.seated.map(({ wallet }) => wallet.address));
    });
  }
});

/** Scenario: a key generation of seven honest processes with three members that cheat in every way there is. */
import { expect } from "chai";

import { encodeDealing } from "../../src/crypto/dealing.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { type Cheat, type RunningCheat, startCheat, withBadShare } from "./cheating-member.js";
import { OfflineVerifier, makeFleet, openFrom } from "./devices.js";
import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";

const OFFENCE = { badDealing: 0n, badComplaint: 1n, missingDealing: 2n } as const;
const HONEST = 7;

/** Any seat but the dealer's own. */
const victim = (seat: number): number => (seat % 10) + 1;

const copier: Cheat = {
  deals(honest, [other]) {
    if (other === undefined) return [];
    const copied = encodeDealing({ ...honest, ephemeralKey: other.ephemeralKey });
    const tooFew = encodeDealing({ ...honest, g1Commitments: honest.g1Commitments.slice(1) });
    const stolen = encodeDealing(other);
    return [copied, stolen, tooFew];
  },
  accuses: true,
};
const badBlsShare: Cheat = { deals: (honest, _, seat) => [withBadShare(honest, victim(seat), 31)], accuses: false };
const badEdShare: Cheat = { deals: (honest, _, seat) => [withBadShare(honest, victim(seat), 63)], accuses: false };

describe("a key generation with f cheats", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  const cheats: RunningCheat[] = [];
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await LocalMesh.found({
      validators: HONEST + 3,
      parameters: { phaseSeconds: 12 },
      async start(local) {
        const [first, second, third] = local.validators.slice(HONEST) as [
          ValidatorProcess,
          ValidatorProcess,
          ValidatorProcess,
        ];
        await Promise.all(local.validators.slice(0, HONEST).map((validator) => validator.start()));
        cheats.push(
          await startCheat(local, first, copier),
          await startCheat(local, second, badBlsShare),
          await startCheat(local, third, badEdShare),
        );
      },
    });
  });
  after(async () => {
    await Promise.all(cheats.map((cheat) => cheat.stop()));
    await mesh?.close();
  });

  it("a copied one-time key, a copied dealing and a wrong number of commitments are refused by the contract", () => {
    const [first] = cheats as [RunningCheat];
    expect(first.refusals.slice(0, 3)).to.deep.equal(["InvalidDealingProof", "InvalidDealingProof", "InvalidLength"]);
  });

  it("each cheat is slashed by name for what it did, and nobody else", async () => {
    const [first, second, third] = cheats.map(({ account }) => account) as [string, string, string];
    const { registry } = mesh.ledger.contracts;
    const slashed = (await registry.queryFilter(registry.filters.Slashed())).map(({ args }) => ({
      account: args.account,
      offence: args.offence,
    }));
    expect(slashed).to.have.deep.members([
      { account: first, offence: OFFENCE.missingDealing },
      { account: first, offence: OFFENCE.badComplaint },
      { account: second, offence: OFFENCE.badDealing },
      { account: third, offence: OFFENCE.badDealing },
    ]);
  });

  it("the honest finish in the first attempt, without the cheats' dealings, and certify devices", async () => {
    const { ceremony } = mesh.ledger.contracts;
    const id = await ceremony.current();
    expect((await ceremony.statusOf(id)).attempt).to.equal(1n);
    const [closed] = await ceremony.queryFilter(ceremony.filters.Closed());
    const seats = (await mesh.ledger.contracts.groupKeys.committee()).map((account) => account.toLowerCase());
    const guilty = cheats.map(({ account }) => seats.indexOf(account.toLowerCase()) + 1);
    for (const seat of guilty) expect(((closed?.args.counted ?? 0n) >> BigInt(seat)) & 1n).to.equal(0n);

    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { agent } = await openFrom(fleet, 0);
    await agent.enrol();
    const verifier = new OfflineVerifier((await mesh.clients()).trust);
    expect(await verifier.judge((challenge) => agent.prove(challenge))).to.include({ accepted: true });
    await agent.close();
  });
});

/** Scenario: validators lose power wherever something is written, signed or sent, and come back as if nothing had been. */
import { expect } from "chai";

import { blstBls } from "../../src/runtime/blst.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import {
  FOUNDING_FAILPOINTS,
  ISSUING_FAILPOINTS,
  NOT_IN_A_VALIDATOR,
  ROTATION_FAILPOINTS,
  allDied,
  deaths,
  failpointsInSources,
} from "./crashes.js";
import { type Fleet, askOne, codeOf, makeFleet, messageOf, openFrom, provisioningOf } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";

describe("validators that are killed anywhere", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
  });

  it("every failpoint of the sources is one at which some test kills its process", () => {
    const rotating = [...ISSUING_FAILPOINTS, ...ROTATION_FAILPOINTS];
    const killed = new Set<string>([...FOUNDING_FAILPOINTS.flat(), ...rotating, ...NOT_IN_A_VALIDATOR]);
    const left = [...failpointsInSources()].filter(([name, folder]) => folder !== "device" && !killed.has(name));
    expect(left).to.deep.equal([]);
    for (const name of killed) expect([...failpointsInSources().keys()], "it is in the sources").to.include(name);
  });

  it("seven validators, killed at 20 places while they found their mesh, generate one key and keep their shares", async () => {
    await allDied();
    expect([...deaths.values()].flat().sort()).to.deep.equal(FOUNDING_FAILPOINTS.flat().sort());
    const healths = await Promise.all(mesh.validators.map((validator) => validator.inOffice()));
    expect(new Set(healths.map(({ seat }) => seat)).size).to.equal(7);
    expect(new Set(healths.map(({ groupKey }) => groupKey)).size).to.equal(1);
    const { registry, ceremony } = mesh.ledger.contracts;
    expect((await ceremony.statusOf(await ceremony.current())).attempt).to.equal(1n);
    expect(await registry.queryFilter(registry.filters.Slashed())).to.deep.equal([]);
  });

  it("a device enrols although three of the validators die over its request, and no slot is given twice", async () => {
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { trust, members } = await mesh.clients();
    const armed = mesh.validators.slice(0, ISSUING_FAILPOINTS.length);
    await Promise.all(armed.map((validator, i) => validator.restart({ failpoint: ISSUING_FAILPOINTS[i] as string })));
    const dead = armed.map(async (validator) => {
      expect(await validator.ended).to.equal("SIGKILL");
      await validator.start();
      await validator.inOffice();
    });
    const { agent, keystore } = await openFrom(fleet, 0);
    const provisioning = await provisioningOf(fleet, 0);
    const certificate = await agent.enrol({ attempts: 20 });
    // Whoever was not asked before now dies at its place.
    const order = { provisioning, identity: keystore.identity, notBefore: certificate.notBefore };
    await Promise.all(members.map((member) => askOne(member, order, trust).catch(() => undefined)));
    await Promise.all(dead);

    const { message } = messageOf(order, trust);
    // Two of them died with the slot on disk and the answer not sent; nobody has asked them since they are back.
    const wroteDown = new Set(armed.slice(1).map(({ place }) => `127.0.0.1:${place.port}`));
    for (const member of members.filter(({ endpoint }) => wroteDown.has(endpoint))) {
      expect(await codeOf(askOne(member, { ...order, notBefore: order.notBefore + 1 }, trust))).to.equal(
        "serial-taken",
      );
    }
    for (const member of members) {
      const { seat, partial } = await askOne(member, order, trust);
      expect(blstBls.verify(member.blsKey, message, partial), `the part of seat ${seat}`).to.equal(true);
      expect(await codeOf(askOne(member, { ...order, notBefore: order.notBefore + 2 }, trust))).to.equal(
        "serial-taken",
      );
    }
    await agent.close();
  });
});

/** Scenario: the committee changes by itself while devices ask, and the keys stay. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { KEY_TYPE } from "../../src/statements/cose.js";
import { makeFleet, openFrom } from "./devices.js";
import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import { eventually } from "./waiting.js";

/** Short, and long enough that six processes on one core keep up with it. */
export const ROTATING = {
  committeeSize: 4,
  epochSeconds: 12,
  phaseSeconds: 30,
  probationSeconds: 40,
  probationHeads: 1,
  headSeconds: 6,
} as const;

describe("rotation of the committee", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await LocalMesh.found({ validators: 6, parameters: ROTATING });
  });

  after(async () => {
    await mesh?.close();
  });

  async function epoch(): Promise<bigint> {
    return mesh.ledger.contracts.groupKeys.epoch();
  }

  async function untilEpoch(wanted: bigint): Promise<void> {
    await eventually(`epoch ${wanted} has begun`, async () => ((await epoch()) >= wanted ? true : undefined), 180);
  }

  it("two handovers, with certificates before, between and after under one public key, and old shares erased", async () => {
    const { groupKeys, registry } = mesh.ledger.contracts;
    const key = await groupKeys.edKey();
    const first = await epoch();
    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { agent } = await openFrom(fleet, 0);
    const certificates = [await agent.enrol({ attempts: 20 })];
    const ceremonies = new Set<bigint>();
    for (let i = 1n; i <= 2n; i++) {
      await untilEpoch(first + i);
      certificates.push(await agent.renew({ attempts: 30 }));
      ceremonies.add((await groupKeys.office()).ceremony);
    }
    expect(await groupKeys.edKey()).to.equal(key);
    expect(agent.trust?.committee?.epoch).to.be.greaterThan(Number(first));
    expect(new Set(certificates.map(({ serial }) => Buffer.from(serial).toString("hex"))).size).to.equal(3);
    expect(await registry.queryFilter(registry.filters.Slashed())).to.deep.equal([]);
    expect([...ceremonies]).to.have.length(2);
    await agent.close();
    // Nobody keeps anything of the ceremony that made the keys, two committees later.
    await eventually(
      "the shares of the first committee are erased",
      async () => {
        const left = await Promise.all(
          mesh.validators.map(async ({ place }) =>
            (await readdir(join(place.folder, "ceremonies"))).includes("1.sealed"),
          ),
        );
        return left.includes(true) ? undefined : true;
      },
      120,
    );
    const logs = await Promise.all(mesh.validators.map(({ logFile }) => readFile(logFile, "utf8")));
    expect(logs.some((log) => log.includes("old shares erased"))).to.equal(true);
  });
});

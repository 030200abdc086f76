/** Scenario: devices are revoked and held, and everybody who checks knows with the next revocation head. */
import { randomBytes } from "node:crypto";

import { expect } from "chai";

import { withSender } from "../../src/operator/ledger.js";
import { holdDevices, revokeDevices } from "../../src/operator/revocation.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { type Device, type Fleet, OfflineVerifier, codeOf, makeFleet, openFrom, untilRead } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { eventually } from "./waiting.js";

describe("revocation in a swarm of processes", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let verifier: OfflineVerifier;
  const devices: Device[] = [];
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 4 }]);
    verifier = new OfflineVerifier((await mesh.clients()).trust);
    for (let i = 0; i < 4; i++) {
      const opened = await openFrom(fleet, i);
      devices.push(opened);
      await opened.agent.enrol();
      expect(await judge(opened)).to.equal("accepted");
    }
  });
  after(() => Promise.all(devices.map(({ agent }) => agent.close())));

  /** A neighbour hands over the newest proof; the device itself may be a thief's, who would rather show an old one. */
  async function judge({ agent }: Device): Promise<string> {
    try {
      const verdict = await verifier.judge((challenge) => agent.prove(challenge));
      return verdict.accepted ? "accepted" : verdict.code;
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  const indexOf = ({ agent }: Device): number => agent.provisioning.index;
  const untilJudged = (device: Device, verdict: string): Promise<true> =>
    eventually(`device ${indexOf(device)} is ${verdict}`, async () =>
      (await judge(device)) === verdict ? true : undefined,
    );

  it("a registrar revokes: no renewal from the block on, and no verifier accepts under the next head", async function () {
    const [device, untouched] = devices as [Device, Device];
    const { privateKey } = mesh.registrar;
    const begun = performance.now();
    const { receipt } = await withSender(mesh.ledger.endpoint, privateKey, async (sender) =>
      revokeDevices(mesh.ledger, await mesh.clients(), sender, mesh.registrar, {
        indexes: [indexOf(device)],
        reason: REVOCATION_REASON.keyCompromise,
      }),
    );
    await untilRead(mesh, receipt.blockNumber);
    expect(await codeOf(device.agent.renew())).to.equal("revoked");
    expect(await codeOf(device.agent.enrol())).to.equal("revoked");
    const refused = performance.now();
    await untilJudged(device, "revoked");
    const seconds = (since: number): string => ((since - begun) / 1000).toFixed(1);
    const { headSeconds } = await mesh.ledger.contracts.anchor.parameters();
    expect((performance.now() - begun) / 1000).to.be.lessThan(Number(headSeconds) + 20);
    if (this.test !== undefined) {
      this.test.title += ` (${seconds(refused)} s and ${seconds(performance.now())} s)`;
    }
    expect(await judge(untouched)).to.equal("accepted");
    await untouched.agent.renew();
  });

  it("a stapled proof of before the revocation is refused by whoever has seen a newer head", async () => {
    const [, , device, other] = devices as [Device, Device, Device, Device];
    const { challenge, early, time, before, length } = await eventually(
      "a device staples the head that was seen",
      async () => {
        const stapled = await device.agent.drlProof();
        // Made while the proof is fresh, and judged by a clock of then: however slow the machine, only the head's age is left.
        const asked = new Uint8Array(randomBytes(32));
        const shown = await device.agent.prove(asked, { fresh: false });
        const now = Math.floor(Date.now() / 1000);
        const verdict = verifier.judgeAt(now, asked, shown);
        // The member that it asked may be a head behind the one that another device asked; nothing else is waited for.
        if (!verdict.accepted && verdict.code === "head-rollback") return undefined;
        return { challenge: asked, early: shown, time: now, before: verdict, length: stapled.length };
      },
    );
    expect(length).to.be.lessThan(1_024);
    if (!before.accepted) throw new Error(before.code);
    await device.agent.revoke(REVOCATION_REASON.cessationOfOperation);
    await untilJudged(device, "revoked");
    // The verifier has met another device since, which had its proof from a member that has the newer head already.
    await eventually("another device shows a newer head", async () => {
      const verdict = await verifier.judge((asked) => other.agent.prove(asked));
      return verdict.accepted && verdict.head.number > before.head.number ? true : undefined;
    });
    const late = verifier.judgeAt(time, challenge, early);
    expect(late).to.deep.equal({ accepted: false, code: "head-rollback" });
  });

  it("a device that revoked itself is refused for ever", async () => {
    const device = devices[2] as Device;
    expect(await codeOf(device.agent.renew())).to.equal("revoked");
    const { revocations } = mesh.ledger.contracts;
    const index = indexOf(device);
    const word = await revocations.effective(Math.floor(index / 256));
    expect((word >> BigInt(index % 256)) & 1n).to.equal(1n);
    const { privateKey } = mesh.registrar;
    const release = withSender(mesh.ledger.endpoint, privateKey, (sender) =>
      holdDevices(mesh.ledger, sender, "release", [index]),
    );
    await release.catch(() => undefined);
    expect(((await revocations.effective(Math.floor(index / 256))) >> BigInt(index % 256)) & 1n).to.equal(1n);
  });

  it("a device is held, and released again", async () => {
    const device = devices[3] as Device;
    const change = async (kind: "hold" | "release"): Promise<void> => {
      const { blockNumber } = await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, (sender) =>
        holdDevices(mesh.ledger, sender, kind, [indexOf(device)]),
      );
      await untilRead(mesh, blockNumber);
    };
    await change("hold");
    expect(await codeOf(device.agent.renew())).to.equal("revoked");
    await untilJudged(device, "revoked");
    await change("release");
    await untilJudged(device, "accepted");
    await device.agent.renew();
  });
});

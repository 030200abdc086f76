/**
 * Scenario: a large fleet comes at once, and comes again after a power cut of the whole swarm. `SWARMKEEP_E2E_DEVICES=10000`
 * makes it ten thousand.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import type { CommitteeMember } from "../../src/certificate/committee-list.js";
import type { RemoteError } from "../../src/net/error-body.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { type Fleet, askOne, makeFleet, openFrom, provisioningOf } from "./devices.js";
import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import { type LoadOrder, type LoadResult, loadIdentity } from "./load-generator.js";
import { guarded } from "./processes.js";

/** Ten thousand take some minutes on two cores: the usual run takes fewer, and each test says how many. */
const DEVICES = Number(process.env["SWARMKEEP_E2E_DEVICES"] ?? 1_000);
const OWN = 200;
const GENERATOR = fileURLToPath(new URL("./load-generator.ts", import.meta.url));

describe("a large fleet", function () {
  this.timeout(280_000 + 60 * DEVICES);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let generator: ChildProcess | undefined;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await LocalMesh.found({ validators: 4 });
    const publicKeys = Array.from({ length: DEVICES + OWN }, (_, i) => loadIdentity(i).key);
    fleet = await makeFleet(mesh, [{ join: "identity-key", publicKeys }]);
    generator = fork(GENERATOR, [mesh.meshFile, fleet.batch.path], { execArgv: ["--import", "tsx"] });
    guarded(generator);
    expect(await answer()).to.equal("ready");
  });
  after(async () => {
    generator?.disconnect();
    await mesh?.close();
  });

  async function answer(): Promise<unknown> {
    const [{ result, error }] = (await once(generator as ChildProcess, "message")) as [
      { result?: unknown; error?: string },
    ];
    if (error !== undefined) throw new Error(error);
    return result;
  }

  async function run(order: LoadOrder): Promise<LoadResult> {
    generator?.send(order);
    return (await answer()) as LoadResult;
  }

  /** What was measured goes into the test's name. */
  function tell(
    test: Mocha.Runnable | undefined,
    { certified, seconds, handshakes, putOff, median }: LoadResult,
  ): void {
    if (test === undefined) return;
    const rate = (certified / seconds).toFixed(0);
    test.title += ` (${rate} certificates/s, median ${median.toFixed(0)} ms, ${handshakes} handshakes, ${putOff} put off)`;
  }

  it(`${DEVICES} devices enrol through gateways, from 16 addresses`, async function () {
    const result = await run({ kind: "enrol", from: 0, to: DEVICES, lanes: 64, addresses: 16, shared: true });
    tell(this.test, result);
    expect(result).to.include({ certified: DEVICES, withoutRetryAfter: 0 });
    expect(result.refusals).to.deep.equal([]);
  });

  it(`${OWN} devices enrol over TLS connections of their own`, async function () {
    const result = await run({
      kind: "enrol",
      from: DEVICES,
      to: DEVICES + OWN,
      lanes: 32,
      addresses: 16,
      shared: false,
    });
    tell(this.test, result);
    expect(result).to.include({ certified: OWN, withoutRetryAfter: 0 });
    expect(result.handshakes).to.be.at.least(3 * OWN);
  });

  it(`after a power cut of all validators ${DEVICES + OWN} devices renew, and nobody has lost anything`, async function () {
    await Promise.all(mesh.validators.map((validator) => validator.kill()));
    await mesh.startAll();
    await Promise.all(mesh.validators.map((validator) => validator.inOffice()));
    const all = { from: 0, to: DEVICES + OWN, lanes: 64, addresses: 16, shared: true } as const;
    const result = await run({ kind: "renew", ...all });
    tell(this.test, result);
    expect(result.certified).to.equal(DEVICES + OWN);
    generator?.send("good");
    expect(await answer()).to.equal(DEVICES + OWN);
  });

  it("a device that asks too often is put off with Retry-After, and served after that", async () => {
    const single = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { agent, keystore } = await openFrom(single, 0);
    const { members, trust } = await mesh.clients();
    const [member] = members as [CommitteeMember];
    const provisioning = await provisioningOf(single, 0);
    const order = { provisioning, identity: keystore.identity, notBefore: Math.floor(Date.now() / 1000) };
    const askTooOften = async (): Promise<RemoteError | undefined> => {
      for (let asked = 0; asked < 100; asked++) {
        const error = await askOne(member, order, trust).then(
          () => undefined,
          (reason: unknown) => reason as RemoteError,
        );
        if (error !== undefined) return error;
      }
      return undefined;
    };
    const putOff = await askTooOften();
    expect(putOff?.code).to.equal("too-many-requests");
    expect(putOff?.retryAfter).to.be.greaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (putOff?.retryAfter ?? 0)));
    expect((await askOne(member, order, trust)).seat).to.equal(member.seat);
    await agent.close();
  });
});

/** Scenario: a validator's folder is copied, or comes back from a backup, and its clock is wrong. */
import { cp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { freePorts } from "../../src/net/free-ports.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { PresenceBook } from "../../src/validator/presence-book.js";
import { SETTINGS_FILE } from "../../src/validator/settings.js";
import { type Device, type Fleet, askOne, codeOf, makeFleet, openFrom, provisioningOf } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { type Health, ValidatorProcess } from "./validator-process.js";
import { eventually } from "./waiting.js";

const SKEWED_CLOCK = fileURLToPath(new URL("./skewed-clock.mjs", import.meta.url));

describe("a validator that is not the one that signed last", function () {
  this.timeout(300_000);
  let mesh: LocalMesh;
  let original: ValidatorProcess;
  let fleet: Fleet;
  let device: Device;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    original = mesh.validator(5);
    await original.inOffice();
    // While all sign: its devices are in the head that comes next.
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    device = await openFrom(fleet, 0);
  });
  after(() => device?.agent.close());

  /** The folder as a backup has it, of a process that runs or not. */
  async function backUp(name: string): Promise<string> {
    const { folder } = original.place;
    const target = join(mesh.folder, name);
    await cp(folder, target, { recursive: true, filter: (path) => !/lock\.\d+$|\.tmp$/.test(path) });
    return target;
  }

  /** A second process from a copy, at other ports of the same machine. */
  async function copied(name: string): Promise<ValidatorProcess> {
    const folder = await backUp(name);
    const [port = 0, sidePort = 0, estPort = 0] = await freePorts(3);
    await rewrite(folder, { listen: `127.0.0.1:${port}`, sidePort, estListen: `127.0.0.1:${estPort}` });
    return new ValidatorProcess({ ...original.place, number: 50, folder, port, sidePort, estPort });
  }

  /** Changes settings, but for the endpoint, which the registry has. */
  async function rewrite(folder: string, changes: object): Promise<void> {
    const path = join(folder, SETTINGS_FILE);
    const settings = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...settings, ...changes }));
  }

  function untilSilent(validator: ValidatorProcess, why: RegExp): Promise<Health> {
    return eventually(`validator ${validator.place.number} is silent because of ${why}`, async () => {
      const health = await validator.health();
      return why.test(health.silence ?? "") ? health : undefined;
    });
  }

  /** What a device is told that asks this validator for a certificate. */
  async function answerToDevice(): Promise<string> {
    const { members, trust } = await mesh.clients();
    const member = members.find(({ endpoint }) => endpoint.endsWith(`:${original.place.port}`));
    if (member === undefined) throw new Error("the validator is not listed");
    const provisioning = await provisioningOf(fleet, 0);
    const order = { provisioning, identity: device.keystore.identity, notBefore: Math.floor(Date.now() / 1000) };
    return codeOf(askOne(member, order, trust));
  }

  it("a copy beside the original ends before it signs or registers anything, and says where the original answers", async () => {
    const contact = (await mesh.ledger.contracts.registry.validator(original.place.account)).toString();
    const copy = await copied("beside");
    await rewrite(copy.place.folder, { endpoint: `127.0.0.1:${copy.place.port}` });
    const running = copy.spawn();
    expect(await running.ended).to.equal(3);
    expect(await copy.lastLines()).to.match(
      new RegExp(`another process answers for this validator at 127.0.0.1:${original.place.port}`),
    );
    expect((await original.health()).ok).to.equal(true);
    expect((await mesh.ledger.contracts.registry.validator(original.place.account)).toString()).to.equal(contact);
  });

  it("a copy that cannot reach the original takes its place, and the original signs nothing any more, after a restart too", async () => {
    await original.signal("SIGSTOP");
    const copy = await copied("elsewhere");
    try {
      await copy.start();
      await copy.inOffice();
    } finally {
      await original.signal("SIGCONT");
    }
    await untilSilent(original, /another process has signed in its place/);
    expect(await answerToDevice()).to.equal("place-in-doubt");
    expect((await copy.health()).ok, "one of them signs").to.equal(true);

    await copy.kill();
    await original.kill();
    await original.start();
    await untilSilent(original, /another process has signed in its place/);

    // The newest folder is the one that signs.
    await original.kill();
    await replace(copy.place.folder);
    await original.start();
    await original.inOffice();
  });

  it("an old folder that is put back is noticed, and signs nothing; the newest one signs on", async () => {
    const old = await backUp("old");
    const before = await numberOf(original.place.folder);
    await eventually("a newer number was told", async () =>
      (await numberOf(original.place.folder)) >= before + 2 ? true : undefined,
    );
    await original.kill();
    const newest = await backUp("newest");
    await replace(old);
    await original.start();
    await untilSilent(original, /this data folder is an old one/);
    expect(await answerToDevice()).to.equal("place-in-doubt");
    await original.kill();
    await replace(newest);
    await original.start();
    await original.inOffice();
  });

  it("a clock that is off by less than a minute does no harm, and one that is off by more is said to be", async () => {
    const withSkew = (seconds: number): object => ({
      environment: { NODE_OPTIONS: `--import ${SKEWED_CLOCK}`, SKEW: String(seconds) },
    });
    for (const seconds of [50, -50]) {
      await original.restart(withSkew(seconds));
      await mesh.untilNewHead(original);
      expect((await original.health()).ok, `${seconds} s`).to.equal(true);
    }
    for (const [seconds, why] of [
      [150, /1[45]\d s old by this machine's clock: the clock is ahead/],
      [-90, /this machine's clock is [89]\d s behind/],
    ] as const) {
      await original.kill();
      await original.start(withSkew(seconds));
      await untilSilent(original, why);
    }
    await original.restart();
  });

  /** Puts a folder in the validator's place, with the settings that belong there. */
  async function replace(folder: string): Promise<void> {
    const { place } = original;
    await rm(place.folder, { recursive: true });
    await rename(folder, place.folder);
    const listen = `127.0.0.1:${place.port}`;
    await rewrite(place.folder, {
      listen,
      endpoint: listen,
      sidePort: place.sidePort,
      estListen: `127.0.0.1:${place.estPort}`,
    });
    const locks = (await readdir(place.folder)).filter((name) => name.startsWith("lock."));
    await Promise.all(locks.map((name) => rm(join(place.folder, name))));
  }
});

/** The number that a folder has for its next process. */
async function numberOf(folder: string): Promise<number> {
  return (await PresenceBook.open(join(folder, "presence.cbor"))).number;
}

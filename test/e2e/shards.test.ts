/**
 * Scenario: keys in shards, by the commands that a registrar and a device's owner use. The fleet was provisioned before there was a
 * master, so its devices get the roots of their shards with the first ones.
 */
import { cp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { freePorts } from "../../src/net/free-ports.js";
import { createRegistrarFolder } from "../../src/operator/registrar-folder.js";
import { writeAccountKeystore } from "../../src/runtime/account-keystore.js";
import { silentLogger } from "../../src/runtime/log.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { parseNetworkKey, startIpfsNode } from "../../src/store/ipfs-node.js";
import { shardTopic } from "../../src/store/ipfs-store.js";
import { type Fleet, makeFleet, openFrom, untilRead } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { command, daemon, succeed } from "./processes.js";
import { PASSPHRASE, eventually } from "./waiting.js";

describe("keys in shards in a swarm of processes", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let fleetId = "";
  let registrar = "";
  let device = "";
  /** Version that serves. */
  let newest = "1";
  let gateway: ReturnType<typeof daemon> | undefined;
  tellLogsOnFailure(() => mesh);
  after(async () => {
    gateway?.child.kill("SIGTERM");
    expect(await gateway?.ended).to.be.oneOf([0, undefined]);
  });

  const file = (name: string): string => join(mesh.folder, `shards-${name}`);
  const run = (version: number): string => join(registrar, "shards", `${fleetId}-0-${version}`);
  const shards = (name: string, ...words: string[]): string[] => ["shards", name, "--data", registrar, ...words];
  const ofFleet = (name: string, ...words: string[]): string[] => shards(name, "--fleet", fleetId, ...words);
  const own = (name: string, ...words: string[]): string[] => ["device", name, "--data", device, ...words];
  const generate = (): string[] => ofFleet("generate", "--one-time-keys", "4", "--valid", "2h");

  before(async () => {
    mesh = await sharedMesh();
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.p256, count: 2 }]);
    fleetId = String(fleet.batch.facts.registered?.fleetId);
    registrar = file("registrar");
    await (await createRegistrarFolder(registrar, PASSPHRASE, mesh.mesh, LIGHT_KDF)).close();
    await writeAccountKeystore(join(registrar, "account.json"), PASSPHRASE, mesh.registrar, LIGHT_KDF);
    await cp(fleet.batch.path, join(registrar, "batches", "lamps"), { recursive: true });
    await succeed(shards("init"));
    const opened = await openFrom(fleet, 0);
    device = opened.path;
    await opened.agent.enrol();
    await opened.agent.close();
  });

  /** All members have read the newest block. */
  async function read(): Promise<void> {
    await untilRead(mesh, await mesh.ledger.endpoint.provider.getBlockNumber());
  }

  async function refused(words: readonly string[], code: string): Promise<string> {
    const { code: exit, stderr } = await command(words).ended;
    expect(exit, stderr).to.be.greaterThan(0);
    expect(stderr).to.contain(`(${code})`);
    return stderr;
  }

  it("a run that was killed goes on where it was, and makes nothing twice", async () => {
    // Its fourth file: the shards are with their holders then, and the entries are not.
    const { signal } = await command(generate(), { SWARMKEEP_FAILPOINT: "atomic-file.before-rename:4" }).ended;
    expect(signal).to.equal("SIGKILL");
    const entries = await readFile(join(run(1), "devices.bin"));
    const left = JSON.parse(await readFile(join(run(1), "run.json"), "utf8")) as object;
    expect(left).to.include({ generated: 2, placed: 0, isOnLedger: false });
    expect(await succeed(generate())).to.contain(`version      1 of fleet ${fleetId}: 2 devices`);
    expect(await readFile(join(run(1), "devices.bin"))).to.deep.equal(entries);
    await read();
  });

  it("after enrolment the first reconstruct needs no further step", async () => {
    expect(await succeed(own("reconstruct"))).to.contain("3 of 5 shards of version 1");
  });

  it("a device signs once with each key, and seals what only it opens", async () => {
    await writeFile(file("firmware"), "release 7");
    const signed = await succeed(own("sign", file("firmware"), "--out", file("signature"), "--offline"));
    const root = /--root ([0-9a-f]{64})/.exec(signed)?.[1] ?? "";
    const verify = ["shards", "verify", file("firmware"), "--signature", file("signature"), "--root", root];
    expect(await succeed(verify)).to.contain("key 0 of 4");
    const iv = await succeed(own("iv", file("firmware"), "--offline"));
    expect(iv).to.match(/^[0-9a-f]{32}$/);
    await succeed(own("seal", file("firmware"), "--out", file("sealed"), "--offline"));
    expect((await readFile(file("sealed"))).subarray(1, 17).toString("hex")).to.equal(iv);
    await succeed(own("open", file("sealed"), "--out", file("opened"), "--offline"));
    expect(await readFile(file("opened"), "utf8")).to.equal("release 7");
  });

  it("a gateway that its registrar offered keeps shards of the next version, in a private IPFS network as well", async () => {
    const data = ["--data", file("gateway")];
    const [port = 0, ipfsPort = 0] = await freePorts(2);
    const endpoint = `127.0.0.1:${port}`;
    const ipfs = ["--ipfs", `127.0.0.1:${ipfsPort}`, "--ipfs-network", file("swarm.key")];
    const made = await succeed(["holder", "init", ...data, "--listen", endpoint, ...ipfs, "--fast-keystore"]);
    const pin = /pin +(0x[0-9a-f]{64})/.exec(made)?.[1] ?? "";
    gateway = daemon(["holder", "run", ...data, "--mesh", mesh.meshFile], file("gateway.log"));
    await gateway.ready;
    const index = String(fleet.batch.facts.base + 1);
    await succeed(shards("offer", "--device", index, "--pin", pin, "--endpoint", endpoint));
    // The gateway takes nothing before the offer is final there, and one that is busy is left out of a version.
    await eventually("a version has shards with the gateway", async () => {
      newest = /version +(\d+)/.exec(await succeed(generate()))?.[1] ?? "";
      await read();
      return (await succeed(ofFleet("check"))).includes(`good         ${endpoint}: `) ? true : undefined;
    });
    const node = await startIpfsNode({
      listen: { host: "127.0.0.1", port: 0 },
      peers: [{ host: "127.0.0.1", port: ipfsPort }],
      keys: {
        seed: new Uint8Array(32),
        network: parseNetworkKey(await readFile(file("swarm.key"), "utf8"), "swarm.key"),
      },
      block: async () => undefined,
      log: silentLogger,
    });
    try {
      const topic = shardTopic(mesh.mesh.meshId, `${fleetId}-0-${newest}`);
      await eventually("it announces the version", async () => (await node.providers(topic))[0]);
    } finally {
      await node.close();
    }
  });

  it("holders delete the old version, and what was sealed under it does not open", async () => {
    await succeed(ofFleet("invalidate", "--version", "1"));
    await read();
    const kept = async (): Promise<string[]> =>
      (await Promise.all(mesh.validators.map(({ place }) => readdir(join(place.folder, "shards"))))).flat();
    await eventually("holders delete the version that is over", async () =>
      (await kept()).includes(`${fleetId}-0-1.pack`) ? undefined : true,
    );
    expect(await succeed(own("reconstruct"))).to.contain(`of version ${newest}`);
    await refused(own("open", file("sealed"), "--out", file("again"), "--offline"), "not-sealed");
  });

  it("a holder whose shards were flipped is named and replaced, and the device does without it", async () => {
    const pack = join(mesh.validator(3).place.folder, "shards", `${fleetId}-0-${newest}.pack`);
    const content = await readFile(pack);
    await writeFile(
      pack,
      content.map((byte, at) => (at < 84 ? byte : byte ^ 1)),
    );
    const checked = await succeed(ofFleet("check", "--replace"));
    expect(checked).to.contain(`version      ${newest} of fleet ${fleetId}`);
    expect(checked).to.contain(`failed       127.0.0.1:${mesh.validator(3).place.port}: `);
    expect(checked).to.match(/replaced +[1-9]/);
    await read();
    await rm(join(device, "shards.cbor"));
    expect(await succeed(own("reconstruct"))).to.contain(`of version ${newest}`);
  });

  it("a revoked device gets nothing more, and is told that it is for good or held", async () => {
    await succeed(own("revoke", "--reason", "cessationOfOperation"));
    const index = fleet.batch.facts.base;
    await eventually("the revocation is on the ledger", async () => {
      const word = await mesh.ledger.contracts.revocations.effective(Math.floor(index / 256));
      return ((word >> BigInt(index % 256)) & 1n) === 1n ? true : undefined;
    });
    await read();
    await rm(join(device, "shards.cbor"));
    expect(await refused(own("reconstruct"), "revoked")).to.contain("a revocation is for good");
    const again = await succeed(["revoke", "--data", registrar, "--index", String(index)]);
    expect(again.trim(), "asked for again it costs nothing").to.equal(`before       ${index}: revoked already`);
  });
});

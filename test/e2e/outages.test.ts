/** Scenario: connections, validators and the ledger go away in the middle of it, and an endpoint of the ledger lies. */
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { createAgent } from "../../src/device/agent.js";
import { openSealedKeystore } from "../../src/device/keystore.js";
import { tlsTransport } from "../../src/device/open.js";
import { openDeviceStore } from "../../src/device/store.js";
import type { Transport } from "../../src/device/mesh.js";
import { withSender } from "../../src/operator/ledger.js";
import { holdDevices } from "../../src/operator/revocation.js";
import { PATH } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { COSE_ALG, KEY_TYPE } from "../../src/statements/cose.js";
import { Proxy } from "../ledger/support/proxy.js";
import {
  type Device,
  type Fleet,
  OfflineVerifier,
  askOne,
  checks,
  codeOf,
  makeFleet,
  messageOf,
  openFrom,
  provisioningOf,
  untilRead,
} from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { PASSPHRASE, eventually } from "./waiting.js";

describe("a swarm that is cut off", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  const open: Device[] = [];
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 6 }]);
  });
  after(() => Promise.all(open.map(({ agent }) => agent.close())));

  async function device(position: number): Promise<Device> {
    const opened = await openFrom(fleet, position);
    open.push(opened);
    return opened;
  }

  it("a device that loses its network between two parts asks for the same certificate again", async () => {
    const first = await device(0);
    await first.agent.refreshBundle();
    await first.agent.close();
    open.pop();

    // The network lets two answers through, and then nothing.
    let left = 2;
    const gone = new SwarmkeepError("the network is gone", { kind: "network", code: "gone", advice: "Wait." });
    const failing: Transport = (endpoint, trust) => {
      const client = tlsTransport(endpoint, trust);
      return {
        async request(request) {
          if (left <= 0) throw gone;
          const answer = await client.request(request);
          if (request.path === PATH.issue && left-- <= 0) throw gone;
          return answer;
        },
        close: () => client.close(),
      };
    };
    const store = await openDeviceStore(first.path);
    const keystore = await openSealedKeystore(store.folder, PASSPHRASE);
    const cutOff = await createAgent({ store, keystore, transport: failing, checks });
    expect(await codeOf(cutOff.enrol({ attempts: 1 }))).to.equal("too-few-validators");
    const asked = await store.pendingRequest();
    await cutOff.close();

    const again = await openDeviceStore(first.path);
    const restored = await createAgent({
      store: again,
      keystore: await openSealedKeystore(again.folder, PASSPHRASE),
      transport: tlsTransport,
      checks,
    });
    const certificate = await restored.enrol();
    expect(certificate).to.include({ notBefore: asked?.notBefore, expires: asked?.expires });
    expect(asked?.k).to.equal(0);
    await restored.close();
  });

  it("the ledger is away: certificates go on; it comes back with its state, and new devices are read from it", async () => {
    const { agent } = await device(1);
    await agent.enrol();
    const port = await mesh.stopNode();
    try {
      expect((await agent.renew()).index).to.equal(agent.provisioning.index);
    } finally {
      await mesh.startNode(port);
    }
    const finalised = async (): Promise<number> => (await mesh.validator(1).health()).finalisedBlock ?? 0;
    const before = await finalised();
    await eventually("the validators follow the ledger again", async () =>
      (await finalised()) > before + 1 ? true : undefined,
    );
    await Promise.all(mesh.validators.map((validator) => validator.inOffice()));
    const next = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.p256, count: 1 }]);
    const joined = await openFrom(next, 0);
    open.push(joined);
    await joined.agent.enrol();
    await mesh.untilNewHead(mesh.validator(1));
  });

  it("power cut: all validators are killed at once, come back with their shares, and know what they signed", async () => {
    const { agent, keystore } = await device(2);
    const certificate = await agent.enrol();
    const before = await Promise.all(mesh.validators.map((validator) => validator.health()));
    await Promise.all(mesh.validators.map((validator) => validator.kill()));
    expect(await codeOf(agent.renew({ attempts: 1 }))).to.equal("too-few-validators");
    await mesh.startAll();
    const after = await Promise.all(mesh.validators.map((validator) => validator.inOffice()));
    expect(after.map(({ seat, groupKey }) => ({ seat, groupKey }))).to.deep.equal(
      before.map(({ seat, groupKey }) => ({ seat, groupKey })),
    );

    const { members, trust, quorum } = await mesh.clients();
    const provisioning = await provisioningOf(fleet, 2);
    const order = { provisioning, identity: keystore.identity, notBefore: certificate.notBefore + 1 };
    const codes = await Promise.all(members.map((member) => codeOf(askOne(member, order, trust))));
    expect(codes.filter((code) => code === "serial-taken").length).to.be.at.least(quorum.t);
    await agent.renew({ algorithm: COSE_ALG.eddsa });
    await mesh.untilNewHead(mesh.validator(1));
    const verifier = new OfflineVerifier(trust);
    expect(await verifier.judge((challenge) => agent.prove(challenge))).to.include({ accepted: true });
  });

  it("a member that lost its share is given it again by the others, and signs on", async () => {
    const validator = mesh.validator(2);
    const before = await validator.inOffice();
    await validator.kill();
    const folder = join(validator.place.folder, "ceremonies");
    const files = (await readdir(folder)).filter((name) => name.endsWith(".sealed"));
    expect(files).not.to.deep.equal([]);
    for (const name of files) await rm(join(folder, name));
    await validator.start();
    const after = await validator.inOffice(60);
    expect(after).to.include({ seat: before.seat, groupKey: before.groupKey });
    expect(await readFile(validator.logFile, "utf8")).to.include("the share was repaired");

    const { agent, keystore } = await device(5);
    const certificate = await agent.enrol();
    const { members, trust } = await mesh.clients();
    const member = members.find(({ endpoint }) => endpoint.endsWith(`:${validator.place.port}`));
    if (member === undefined) throw new Error("the validator is not listed");
    const provisioning = await provisioningOf(fleet, 5);
    const order = { provisioning, identity: keystore.identity, notBefore: certificate.notBefore };
    const { partial } = await askOne(member, order, trust);
    const { message } = messageOf(order, trust);
    expect(blstBls.verify(member.blsKey, message, partial), "its part is one by its share").to.equal(true);
    await validator.restart();
  });

  it("an endpoint that hides a revocation silences its validator, which says so, until both agree again", async () => {
    const { agent, keystore } = await device(3);
    const certificate = await agent.enrol();
    const proxy = await new Proxy(mesh.node.url).start();
    const validator = mesh.validator(7);
    try {
      await validator.restart({ meshFile: await mesh.meshFileWith([mesh.node.url, proxy.url]) });
      const revocations = mesh.ledger.addresses.revocations.toLowerCase();
      proxy.lie = ({ method }, result) =>
        method === "eth_getLogs"
          ? (result as { address: string }[]).filter(({ address }) => address.toLowerCase() !== revocations)
          : result;
      const { index } = agent.provisioning;
      const { blockNumber } = await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, (sender) =>
        holdDevices(mesh.ledger, sender, "hold", [index]),
      );
      const silent = await eventually("the validator is silent", async () => {
        const health = await validator.health();
        return health.ok ? undefined : health;
      });
      expect(silent.silence).to.match(/disagree on the logs/);
      const { members, trust } = await mesh.clients();
      const member = members.find(({ endpoint }) => endpoint.endsWith(`:${validator.place.port}`));
      if (member === undefined) throw new Error("the validator is not listed");
      const provisioning = await provisioningOf(fleet, 3);
      const order = { provisioning, identity: keystore.identity, notBefore: certificate.notBefore };
      expect(await codeOf(askOne(member, order, trust))).to.equal("ledger-away");

      proxy.lie = (_call, result) => result;
      await validator.inOffice();
      await untilRead(mesh, blockNumber);
      expect(await codeOf(askOne(member, order, trust))).to.equal("revoked");

      // A block that does not hash to its name is no passing fault: the process ends, and says why.
      const { ended } = validator;
      proxy.lie = ({ method }, result) =>
        method === "eth_getBlockByNumber" && result !== null ? { ...(result as object), extraData: "0x11" } : result;
      expect(await ended).to.be.greaterThan(0);
      expect(await validator.lastLines()).to.match(/signs nothing any more/);
    } finally {
      await proxy.stop();
      await validator.restart();
    }
  });

  it("a validator's one node that hides a revocation does not get a revoked device signed: the state is proven", async () => {
    const { agent, keystore } = await device(4);
    const certificate = await agent.enrol();
    const proxy = await new Proxy(mesh.node.url).start();
    const validator = mesh.validator(6);
    try {
      await validator.restart({ meshFile: await mesh.meshFileWith([proxy.url]) });
      const revocations = mesh.ledger.addresses.revocations.toLowerCase();
      proxy.lie = ({ method }, result) =>
        method === "eth_getLogs"
          ? (result as { address: string }[]).filter(({ address }) => address.toLowerCase() !== revocations)
          : result;
      const { index } = agent.provisioning;
      const { blockNumber } = await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, (sender) =>
        holdDevices(mesh.ledger, sender, "hold", [index]),
      );
      await untilRead(mesh, blockNumber);
      const { members, trust } = await mesh.clients();
      const member = members.find(({ endpoint }) => endpoint.endsWith(`:${validator.place.port}`));
      if (member === undefined) throw new Error("the validator is not listed");
      const provisioning = await provisioningOf(fleet, 4);
      const order = { provisioning, identity: keystore.identity, notBefore: certificate.notBefore };
      expect(await codeOf(askOne(member, order, trust))).to.be.oneOf(["revoked", "bad-proof", "ledger-away"]);
    } finally {
      await proxy.stop();
      await validator.restart();
    }
  });
});

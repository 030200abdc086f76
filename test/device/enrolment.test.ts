import { expect } from "chai";

import type { MeshTrust } from "../../src/certificate/bundle.js";
import { certificateSerial, verifyCertificate } from "../../src/certificate/certificate.js";
import { decodeDeviceCertificate, verifyDeviceCertificate } from "../../src/certificate/x509-leaf.js";
import { meshLabel } from "../../src/certificate/x509-names.js";
import { derOfPem } from "../../src/device/x509-files.js";
import { preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { COSE_ALG, HANDOVER_SECONDS, KEY_TYPE } from "../../src/statements/cose.js";
import { softwareIdentity, generateDeviceKey } from "../../src/device/identity.js";
import { makeCsr } from "../certificate/csr-fixture.js";
import { NOW, meshId } from "../certificate/fixtures.js";
import { removeScratchFolders } from "../runtime/scratch.js";
import { createPrivateKey, sign } from "node:crypto";
import { expectFailure, makeDevice, openTestDevice } from "./device-fixture.js";
import { PATH } from "../../src/protocol/api.js";
import { LIFETIME_SECONDS, PERIOD_SECONDS, TestMesh, checks, refused } from "./mesh-fixture.js";

describe("enrolment of a device", () => {
  let mesh: TestMesh;
  beforeEach(async () => void (mesh = await TestMesh.create(4)));
  after(removeScratchFolders);

  /** Of the device's certificate number `k` in the period of now. */
  const serialOf = (k: number): Uint8Array =>
    certificateSerial({ meshId, index: 257, period: Math.floor(mesh.clock.now() / 1000 / PERIOD_SECONDS), k });
  const verify = (certificate: Uint8Array): void => void verifyCertificate(certificate, mesh.trust, NOW, checks);

  it("by identity key gives a certificate under the swarm's BLS key", async () => {
    const { agent, store, keystore } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    const certificate = await agent.enrol();
    expect(certificate).to.include({ index: 257, deviceClass: 1, scope: "geo:u33d", algorithm: COSE_ALG.bls });
    expect(certificate.expires - certificate.notBefore).to.equal(LIFETIME_SECONDS);
    expect(certificate.key).to.deep.equal(keystore.identity.key);
    verify((await store.certificate()) as Uint8Array);
    expect(await store.pendingRequest()).to.equal(undefined);
    await agent.close();
  });

  it("by P-256 identity key works as well", async () => {
    const secret = { kind: "key", privateKey: generateDeviceKey(KEY_TYPE.p256) } as const;
    const { agent, store } = await makeDevice(mesh, { secret });
    await agent.adoptBundle(mesh.bundle);
    expect((await agent.enrol()).key.type).to.equal(KEY_TYPE.p256);
    verify((await store.certificate()) as Uint8Array);
  });

  it("gives a certificate under the swarm's Ed25519 key, in two rounds", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    expect((await agent.enrol({ algorithm: COSE_ALG.eddsa })).algorithm).to.equal(COSE_ALG.eddsa);
    verify((await store.certificate()) as Uint8Array);
  });

  it("by pre-shared key uses it for every channel, and a manifest key derived from it", async () => {
    const preSharedKey = new Uint8Array(32).fill(9);
    const { agent, store, keystore } = await makeDevice(mesh, { secret: { kind: "pre-shared-key", preSharedKey } });
    mesh.sharePreSharedKey(preSharedKeyIdentity(meshId, 257), preSharedKey);
    await agent.adoptBundle(mesh.bundle);
    const certificate = await agent.enrol();
    expect(certificate.key).to.deep.equal(keystore.identity.key);
    verify((await store.certificate()) as Uint8Array);
  });

  it("by pre-shared key fails where validators have another key, and says so", async () => {
    const { agent } = await makeDevice(mesh, {
      secret: { kind: "pre-shared-key", preSharedKey: new Uint8Array(32).fill(9) },
    });
    mesh.sharePreSharedKey(preSharedKeyIdentity(meshId, 257), new Uint8Array(32).fill(8));
    await agent.adoptBundle(mesh.bundle);
    await expectFailure(agent.enrol({ attempts: 2 }), "too-few-validators");
  });

  it("by certificate request certifies the request's key", async () => {
    const { agent, store, keystore } = await makeDevice(mesh);
    const key = generateDeviceKey(KEY_TYPE.p256);
    const identity = await keystore.add(key);
    const holder = {
      key: identity.key,
      sign: (message: Uint8Array) => sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }),
    };
    await agent.adoptBundle(mesh.bundle);
    const certificate = await agent.enrol({ csr: makeCsr(holder) });
    expect(certificate.key).to.deep.equal(identity.key);
    verify((await store.certificate()) as Uint8Array);
    expect((await agent.prove(new Uint8Array(16))).length).to.be.greaterThan(0);
  });

  it("by certificate request refuses one whose key the device does not have, or that is forged", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    const stranger = softwareIdentity(
      createPrivateKey(generateDeviceKey(KEY_TYPE.ed25519).export({ format: "pem", type: "pkcs8" })),
    );
    const forged = makeCsr({ key: stranger.key, sign: () => new Uint8Array(64) });
    await expectFailure(agent.enrol({ csr: forged }), "bad-signature");
  });

  it("finds its first bundle at a validator, and refuses one under another root", async () => {
    const { agent } = await makeDevice(mesh);
    mesh.validator(1).misbehaviour = "forged-bundle";
    await expectFailure(agent.enrol({ validators: [mesh.validator(1).endpoint] }), "no-bundle-found");
    expect(agent.trust).to.equal(undefined);
    await agent.enrol({ validators: [mesh.validator(1).endpoint, mesh.validator(2).endpoint] });
    expect(agent.trust?.committee?.members).to.have.length(4);
  });

  it("looks on for a validator that has the first committee list, where those that it asked have none yet", async () => {
    const { agent } = await makeDevice(mesh);
    for (const seat of [1, 2, 3]) mesh.validator(seat).misbehaviour = "early-bundle";
    await agent.enrol({ validators: mesh.validators.map(({ endpoint }) => endpoint) });
    expect(agent.trust?.committee?.members).to.have.length(4);
  });

  it("without any bundle says how to get one", async () => {
    const { agent } = await makeDevice(mesh);
    const error = await expectFailure(agent.enrol(), "no-bundle-found");
    expect(error.message).to.contain("no validator's address is known");
  });

  for (const misbehaviour of [
    "dead",
    "cuts-off",
    "wrong-partial",
    "wrong-evidence",
    "wrong-seat",
    "wrong-key",
    "garbage",
    "refuses",
    "busy",
    "claims-taken",
  ] as const) {
    it(`succeeds around one validator that is ${misbehaviour}`, async () => {
      const { agent } = await makeDevice(mesh);
      await agent.adoptBundle(mesh.bundle);
      mesh.validator(2).misbehaviour = misbehaviour;
      await agent.enrol();
      expect(mesh.clock.sleeps).to.deep.equal([]);
    });
  }

  for (const [misbehaviour, told] of [
    ["wrong-partial", "a partial signature that does not verify"],
    ["wrong-evidence", "evidence that its TLS key did not sign"],
    ["wrong-seat", "a part of seat"],
    ["wrong-key", "another TLS key than the one that is pinned"],
    ["garbage", "issueAnswer"],
    ["dead", "refuses connections"],
  ] as const) {
    it(`says of validators that are ${misbehaviour} what they did`, async () => {
      const { agent } = await makeDevice(mesh);
      await agent.adoptBundle(mesh.bundle);
      for (const seat of [2, 3]) mesh.validator(seat).misbehaviour = misbehaviour;
      const error = await expectFailure(agent.enrol({ attempts: 1 }), "too-few-validators");
      expect(error.message).to.contain(told);
    });
  }

  it("is not held up by one validator that never answers", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.validator(1).misbehaviour = "hangs";
    const begun = Date.now();
    await agent.enrol({ x509: false });
    expect(Date.now() - begun).to.be.lessThan(1_500);
  });

  it("yields an X.509 certificate of the same fields, with its chain and the mesh's own certificate", async () => {
    for (const algorithm of [COSE_ALG.bls, COSE_ALG.eddsa]) {
      const { agent, store } = await makeDevice(mesh);
      await agent.adoptBundle(mesh.bundle);
      const { index } = agent.provisioning;
      const name = `mqtt.${index}.${meshLabel(meshId)}.swarm.internal`;
      const compact = await agent.enrol({ algorithm, names: [name] });
      const stored = derOfPem((await store.pemFile("certificate")) as Uint8Array) as Uint8Array;
      const x509 = verifyDeviceCertificate(stored, agent.trust as MeshTrust, NOW, checks.device);
      const { algorithm: _, signature: __, payload: ___, ...fields } = compact;
      expect(x509).to.deep.include(fields);
      expect(x509.names).to.include(name);
      const chain = Buffer.from((await store.pemFile("chain")) as Uint8Array).toString();
      expect(chain.match(/BEGIN CERTIFICATE/g)).to.have.length(2);
      expect(derOfPem((await store.pemFile("ca")) as Uint8Array)?.length).to.be.above(0);
      // The names stay when it is renewed.
      await agent.renew();
      const renewed = derOfPem((await store.pemFile("certificate")) as Uint8Array) as Uint8Array;
      expect(decodeDeviceCertificate(renewed).names).to.include(name);
    }
  });

  it("does without the X.509 form where the fleet has none, unless that is what is asked for", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.offersX509 = false;
    await agent.enrol();
    expect(await store.pemFile("certificate")).to.equal(undefined);
    await expectFailure(agent.enrol({ x509: true }), "x509-not-offered");
  });

  it("asks nobody for a name that this device may not bear", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    await expectFailure(agent.enrol({ names: ["gateway.example"] }), "name-not-allowed");
    expect(mesh.validators.flatMap(({ calls }) => calls)).to.deep.equal([]);
  });

  for (const misbehaviour of ["wrong-share", "wrong-commitment", "wrong-partial", "dead"] as const) {
    it(`in both forms succeeds without a signer that is ${misbehaviour}, within the same request`, async () => {
      const { agent, store } = await makeDevice(mesh);
      await agent.adoptBundle(mesh.bundle);
      mesh.validator(3).misbehaviour = misbehaviour;
      await agent.enrol({ x509: true, attempts: 1 });
      verify((await store.certificate()) as Uint8Array);
      expect(await store.pemFile("certificate")).to.not.equal(undefined);
    });
  }

  for (const misbehaviour of ["wrong-share", "wrong-commitment", "wrong-evidence", "dead", "cuts-off"] as const) {
    it(`by FROST succeeds without a signer that is ${misbehaviour}`, async () => {
      const { agent, store } = await makeDevice(mesh);
      await agent.adoptBundle(mesh.bundle);
      mesh.validator(3).misbehaviour = misbehaviour;
      await agent.enrol({ algorithm: COSE_ALG.eddsa });
      verify((await store.certificate()) as Uint8Array);
    });
  }

  it("by FROST names the cheaters when there are too many", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.validator(1).misbehaviour = mesh.validator(4).misbehaviour = "wrong-share";
    const error = await expectFailure(agent.enrol({ algorithm: COSE_ALG.eddsa, attempts: 1 }), "too-few-validators");
    expect(error.message).to.contain("seat 1 (127.0.0.1:7001) answered with a signature share");
    expect(error.message).to.contain("seat 4 (127.0.0.1:7004) answered with a signature share");
  });

  it("gives up after its attempts where too many lie, naming what they did, and waits longer each time", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const seat of [1, 2]) mesh.validator(seat).misbehaviour = "wrong-partial";
    const error = await expectFailure(agent.enrol({ attempts: 4 }), "too-few-validators");
    expect(error.message).to.contain("seat 1 (127.0.0.1:7001) answered with a partial signature that does not verify");
    expect(mesh.clock.sleeps).to.deep.equal([750, 1_500, 3_000]);
    expect(await store.pendingRequest()).to.not.equal(undefined);
    for (const seat of [1, 2]) mesh.validator(seat).misbehaviour = undefined;
    await agent.enrol();
  });

  it("waits as long as busy validators ask for", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const seat of [1, 2]) {
      mesh.validator(seat).misbehaviour = "busy";
      const { calls } = mesh.validator(seat);
      mesh.validator(seat).onCall = () => {
        if (calls.filter((path) => path.endsWith("issue")).length > 1) mesh.validator(seat).misbehaviour = undefined;
      };
    }
    await agent.enrol();
    expect(mesh.clock.sleeps.reduce((sum, sleep) => sum + sleep)).to.be.at.least(7_000);
  });

  it("waits no longer than a minute for one that asks to be left alone for days", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const seat of [1, 2]) mesh.validator(seat).misbehaviour = "busy-for-ever";
    await expectFailure(agent.enrol({ attempts: 3 }), "too-few-validators");
    expect(mesh.clock.sleeps.length).to.be.above(0);
    expect(Math.max(...mesh.clock.sleeps)).to.be.at.most(60_000);
  });

  it("loses no number to one validator that calls them all taken while the others hand over", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const validator of mesh.validators) validator.misbehaviour = "hands-over";
    mesh.validator(2).misbehaviour = "claims-all-taken";
    await expectFailure(agent.enrol({ attempts: 2 }), "too-few-validators");
    expect(await store.pendingRequest()).to.include({ k: 0 });
    for (const seat of [1, 3, 4]) mesh.validator(seat).misbehaviour = undefined;
    const { serial } = await agent.enrol();
    expect(serial).to.deep.equal(serialOf(0));
  });

  it("leaves a number to one validator that calls it taken only where that is in the way again and again", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.validator(2).misbehaviour = "claims-all-taken";
    mesh.validator(3).misbehaviour = "dead";
    await expectFailure(agent.enrol({ attempts: 2 }), "too-few-validators");
    expect(await store.pendingRequest()).to.include({ k: 0 });
    await expectFailure(agent.enrol({ attempts: 4 }), "too-few-validators");
    expect(await store.pendingRequest()).to.include({ k: 1 });
    mesh.validator(3).misbehaviour = undefined;
    expect((await agent.enrol()).serial).to.deep.equal(serialOf(1));
  });

  it("stops at once where an honest validator must be among those that refuse", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.revoked.add(257);
    const error = await expectFailure(agent.enrol(), "revoked");
    expect(error.message).to.equal("the device is revoked");
    expect(mesh.clock.sleeps).to.deep.equal([]);
  });

  it("starts again with the first round where a handover between the rounds ended the sessions of all", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (let seat = 1; seat <= mesh.n; seat++) {
      const { calls } = mesh.validator(seat);
      mesh.validator(seat).onCall = ({ path }) => {
        const isFirst = path === PATH.frostSign && calls.filter((one) => one === path).length === 1;
        if (isFirst) throw refused("session-unknown", "this signing session is unknown, used or too old");
      };
    }
    expect((await agent.enrol({ algorithm: COSE_ALG.eddsa })).algorithm).to.equal(COSE_ALG.eddsa);
  });

  it("takes the next k where the serial is taken, and the ledger's period where its own is wrong", async () => {
    const { agent, path } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    mesh.periodOffset = -1;
    const first = await agent.enrol();
    await agent.close();
    // The same device restored from an old backup: it does not know that it has a certificate.
    const again = await openTestDevice(mesh, path);
    mesh.clock.milliseconds += 5_000;
    const second = await again.agent.enrol();
    expect(second.serial).to.not.deep.equal(first.serial);
  });

  it("finds validators that moved, by a newer committee list from any that did not", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const seat of [2, 3]) Object.assign(mesh.validator(seat), { endpoint: `127.0.0.1:${8_000 + seat}` });
    await mesh.publishBundle();
    await agent.enrol();
    expect(agent.trust?.committee?.tick).to.equal(2);
    expect(mesh.clock.sleeps).to.deep.equal([]);
  });

  it("never takes an older committee list", async () => {
    const { agent, path } = await makeDevice(mesh);
    await mesh.publishBundle();
    await agent.adoptBundle(mesh.bundle);
    for (const validator of mesh.validators) validator.misbehaviour = "older-bundle";
    expect(await agent.refreshBundle()).to.equal(false);
    expect(await agent.adoptBundle(mesh.bundles[0] as Uint8Array)).to.equal(false);
    await agent.close();
    const { agent: restarted } = await openTestDevice(mesh, path);
    expect(restarted.trust?.committee?.tick).to.equal(2);
  });

  it("takes no bundle without the committee list, nor one without the link to its keys while those before count", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    expect(await agent.adoptBundle(await mesh.rekeyedBundle(50, "list"))).to.equal(false);
    expect(agent.trust?.generation).to.equal(1);
    expect(await agent.adoptBundle(await mesh.rekeyedBundle(50))).to.equal(true);
    const stripped = await mesh.rekeyedBundle(51, "link");
    expect(await agent.adoptBundle(stripped)).to.equal(false);
    expect(agent.trust?.former?.generation).to.equal(1);
    mesh.clock.milliseconds += 1_000 * HANDOVER_SECONDS;
    expect(await agent.adoptBundle(stripped)).to.equal(true);
  });

  it("keeps the newer of two bundles that it is given at once", async () => {
    const { agent, path } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    const [newer, older] = [await mesh.rekeyedBundle(60), await mesh.rekeyedBundle(59)];
    expect(await Promise.all([agent.adoptBundle(newer), agent.adoptBundle(older)])).to.deep.equal([true, false]);
    await agent.close();
    const { agent: restarted } = await openTestDevice(mesh, path);
    expect(restarted.trust?.committee?.tick).to.equal(60);
  });

  it("asks the fastest validators first, and those that failed last", async () => {
    const { agent, store } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    await store.saveLatencies(
      new Map([
        [1, Infinity],
        [2, 30],
        [3, 10],
        [4, 20],
      ]),
    );
    await agent.close();
    const { agent: restarted } = await openTestDevice(mesh, store.folder.path);
    const order: number[] = [];
    for (const validator of mesh.validators) validator.onCall = () => void order.push(validator.seat);
    await restarted.head();
    expect(order[0]).to.equal(3);
  });

  it("stops when it is told to", async () => {
    const { agent } = await makeDevice(mesh);
    await agent.adoptBundle(mesh.bundle);
    for (const validator of mesh.validators) validator.misbehaviour = "hangs";
    const controller = new AbortController();
    const enrolling = agent.enrol({ signal: controller.signal });
    setImmediate(() => controller.abort(new Error("told to stop")));
    await enrolling.then(
      () => expect.fail("it went on"),
      (error: Error) => expect(error.message).to.equal("told to stop"),
    );
  });
});

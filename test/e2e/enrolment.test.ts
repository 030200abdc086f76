/** Scenario: a factory's devices join the swarm, and prove who they are to somebody who asks nobody. */
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { makePresentation } from "../../src/certificate/presentation.js";
import { generateDeviceKey, softwareIdentity } from "../../src/device/identity.js";
import { initDevice, openDevice } from "../../src/device/open.js";
import { COSE_ALG, KEY_TYPE } from "../../src/statements/cose.js";
import { withTool } from "../tools.js";
import {
  OfflineVerifier,
  type Device,
  type Fleet,
  SCOPE,
  askOne,
  codeOf,
  makeFleet,
  openFrom,
  provisioningOf,
} from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { PASSPHRASE } from "./waiting.js";

describe("enrolment in a swarm of processes", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let verifier: OfflineVerifier;
  const devices: Device[] = [];
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    fleet = await makeFleet(mesh, [
      { join: "identity-key", keyType: KEY_TYPE.ed25519, count: 2 },
      { join: "identity-key", keyType: KEY_TYPE.p256, count: 1 },
      { join: "pre-shared-key", count: 1 },
    ]);
    verifier = new OfflineVerifier((await mesh.clients()).trust);
  });
  after(() => Promise.all(devices.map(({ agent }) => agent.close())));

  async function device(position: number): Promise<Device> {
    const opened = await openFrom(fleet, position);
    devices.push(opened);
    return opened;
  }

  for (const [position, how] of [
    [0, "an Ed25519 identity key"],
    [2, "a P-256 identity key"],
    [3, "a pre-shared key"],
  ] as const) {
    it(`a device joins by ${how}, and an offline verifier accepts it under either group key`, async () => {
      const { agent } = await device(position);
      if (position === 3) expect(fleet.keysGiven).to.equal(mesh.size);
      for (const algorithm of [COSE_ALG.bls, COSE_ALG.eddsa]) {
        const certificate = await (algorithm === COSE_ALG.bls ? agent.enrol() : agent.renew({ algorithm }));
        expect(certificate.algorithm).to.equal(algorithm);
        const verdict = await verifier.judge((challenge) => agent.prove(challenge));
        expect(verdict).to.include({ accepted: true, index: agent.provisioning.index, scope: SCOPE });
      }
    });
  }

  it("is refused where the certificate does not count, and for a scope that the fleet does not have", async () => {
    const [{ agent }] = devices as [Device];
    const elsewhere = await verifier.judge((challenge) => agent.prove(challenge), "grp:harbour");
    expect(elsewhere).to.deep.equal({ accepted: false, code: "out-of-scope" });
    expect(await codeOf(agent.renew({ scope: "grp:city/bridges" }))).to.equal("scope-not-allowed");
  });

  it("a copied certificate is worth nothing without its key", async () => {
    const [{ agent, path }] = devices as [Device];
    const certificate = new Uint8Array(readFileSync(join(path, "certificate.cbor")));
    const thief = softwareIdentity(generateDeviceKey(KEY_TYPE.ed25519));
    const { externalAad } = (await mesh.clients()).trust;
    const stolen = await verifier.judge(async (challenge) =>
      makePresentation({
        certificate,
        drlProof: await agent.drlProof({ algorithm: COSE_ALG.eddsa }),
        challenge,
        audience: "",
        key: thief.key,
        externalAad,
        sign: (message) => thief.sign(message),
      }),
    );
    expect(stolen).to.deep.equal({ accepted: false, code: "bad-signature" });
  });

  it("a device that the manifest does not list is refused, whatever key it has", async () => {
    const listed = await provisioningOf(fleet, 1);
    const identity = softwareIdentity(generateDeviceKey(KEY_TYPE.ed25519));
    const provisioning = { ...listed, enrolment: { ...listed.enrolment, key: identity.key } };
    const { trust, members } = await mesh.clients();
    const order = { provisioning, identity, notBefore: Math.floor(Date.now() / 1000) };
    for (const member of members) expect(await codeOf(askOne(member, order, trust))).to.equal("not-listed");
  });

  withTool("openssl", "certificate requests", () => {
    it("a key and a PKCS#10 request of openssl join a device whose key nobody else ever had", async () => {
      const [keyFile, csrFile] = [join(mesh.folder, "key.pem"), join(mesh.folder, "request.der")];
      execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", keyFile]);
      execFileSync("openssl", [
        "req",
        "-new",
        "-key",
        keyFile,
        "-subj",
        "/CN=pump",
        "-outform",
        "DER",
        "-out",
        csrFile,
      ]);
      const privateKey = createPrivateKey(readFileSync(keyFile));
      const { key } = softwareIdentity(privateKey);
      const own = await makeFleet(mesh, [{ join: "csr", publicKeys: [key] }]);
      const path = join(mesh.folder, "csr-device");
      await initDevice(path, PASSPHRASE, await provisioningOf(own, 0), { kind: "key", privateKey });
      const opened = { path, ...(await openDevice(path, PASSPHRASE)) };
      devices.push(opened);
      const certificate = await opened.agent.enrol({ csr: new Uint8Array(readFileSync(csrFile)) });
      expect(certificate.key).to.deep.equal(key);
      expect(await verifier.judge((challenge) => opened.agent.prove(challenge))).to.include({ accepted: true });
    });
  });
});

/** How validators know a device in TLS: by its certificate as soon as it has one, and before that by what it was born with. */
import { randomBytes } from "node:crypto";

import { expect } from "chai";

import type { CommitteeMember } from "../../src/certificate/committee-list.js";
import { decodeDeviceCertificate } from "../../src/certificate/x509-leaf.js";
import { tlsTransport } from "../../src/device/open.js";
import { PATH } from "../../src/protocol/api.js";
import type { GatherError } from "../../src/protocol/gather.js";
import { preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { meshId } from "../certificate/fixtures.js";
import { removeScratchFolders } from "../runtime/scratch.js";
import {
  type TestDevice,
  type TestDeviceOptions,
  expectFailure,
  makeDevice,
  openTestDevice,
} from "./device-fixture.js";
import type { Call } from "./mesh-fixture.js";
import { type TlsMesh, startTlsMesh } from "./tls-mesh.js";

describe("a device's channel to validators", () => {
  let tls: TlsMesh;
  let device: TestDevice;
  const calls: Call[] = [];

  beforeEach(async () => {
    tls = await startTlsMesh(4);
    for (const validator of tls.mesh.validators) validator.onCall = (call) => calls.push(call);
  });
  afterEach(async () => {
    await device.agent.close();
    await tls.close();
  });
  after(removeScratchFolders);

  /** A device that talks over real TLS. */
  async function born(options: TestDeviceOptions = {}): Promise<void> {
    const made = await makeDevice(tls.mesh, options);
    await made.agent.close();
    device = await openTestDevice(tls.mesh, made.path, tlsTransport);
    await device.agent.adoptBundle(tls.mesh.bundle);
  }

  /** What `work` had shown of itself at each path: serials of certificates, `psk`, or nothing. */
  async function shown(work: () => Promise<unknown>): Promise<Map<string, Set<string>>> {
    calls.length = 0;
    await work();
    const found = new Map<string, Set<string>>();
    for (const { path, certificate, pskIdentity } of calls) {
      const serial = certificate && Buffer.from(decodeDeviceCertificate(certificate).serial).toString("hex");
      const what = serial ?? (pskIdentity === undefined ? "nothing" : "psk");
      found.set(path, (found.get(path) ?? new Set()).add(what));
    }
    return found;
  }

  const serial = async (): Promise<string> =>
    Buffer.from((await device.agent.certificate())?.serial ?? []).toString("hex");

  it("shows nothing to join, then its certificate to renew and to revoke itself, the new one from then on", async () => {
    await born();
    const joined = await shown(() => device.agent.enrol());
    expect([...(joined.get(PATH.issue) ?? [])]).to.deep.equal(["nothing"]);
    const first = await serial();
    const renewed = await shown(() => device.agent.renew({ newKey: KEY_TYPE.p256 }));
    expect([...(renewed.get(PATH.issue) ?? [])]).to.deep.equal([first]);
    expect([...(renewed.get(PATH.frostSign) ?? [])]).to.deep.equal([first]);
    const second = await serial();
    const again = await shown(() => device.agent.renew());
    expect([...(again.get(PATH.issue) ?? [])]).to.deep.equal([second]);
    const third = await serial();
    const revoked = await shown(() => device.agent.revoke(REVOCATION_REASON.keyCompromise));
    expect([...(revoked.get(PATH.revoke) ?? [])]).to.deep.equal([third]);
    expect(new Set([first, second, third]).size).to.equal(3);
  });

  it("shows nobody who it is when it asks for what is meant for everybody", async () => {
    await born();
    await device.agent.enrol();
    const asked = await shown(async () => {
      await device.agent.crl();
      await device.agent.head();
      await device.agent.drlProof();
    });
    expect([...asked.values()].map((what) => [...what])).to.deep.equal([["nothing"], ["nothing"], ["nothing"]]);
  });

  it("is secured by the pre-shared key for the first join, and by the certificate afterwards", async () => {
    const preSharedKey = new Uint8Array(randomBytes(32));
    tls.mesh.sharePreSharedKey(preSharedKeyIdentity(meshId, 257), preSharedKey);
    await born({ secret: { kind: "pre-shared-key", preSharedKey } });
    const joined = await shown(() => device.agent.enrol());
    expect([...(joined.get(PATH.issue) ?? [])]).to.deep.equal(["psk"]);
    const first = await serial();
    expect([...((await shown(() => device.agent.renew())).get(PATH.issue) ?? [])]).to.deep.equal([first]);
    expect([...((await shown(() => device.agent.enrol())).get(PATH.issue) ?? [])], "again").to.deep.equal(["psk"]);
  });

  it("takes a validator's bare key until it has seen the swarm's certificate for it, also after a restart", async () => {
    const refused = async (): Promise<string[]> => {
      const { cause } = await expectFailure(device.agent.renew({ attempts: 1 }), "too-few-validators");
      return (cause as GatherError<CommitteeMember>).failures.map(({ error }) => (error as { code: string }).code);
    };
    await born();
    await device.agent.enrol();
    tls.certify([1, 2, 3, 4]);
    await device.agent.renew();
    tls.certify([3, 4]);
    expect(await refused()).to.deep.equal(["not-certified", "not-certified"]);
    await device.agent.close();
    device = await openTestDevice(tls.mesh, device.path, tlsTransport);
    expect(await refused()).to.deep.equal(["not-certified", "not-certified"]);
    tls.certify([1, 2, 3, 4]);
    await device.agent.renew();
  });

  it("finds members of a newer list where those that it knows are gone", async () => {
    const { endpoint } = tls.mesh.validator(1);
    await tls.mesh.publishBundle(() => "127.0.0.1:1");
    await born({ changes: { validators: [endpoint] } });
    await expectFailure(device.agent.head(), "too-few-validators");
    await tls.mesh.publishBundle();
    expect((await device.agent.head()).head.number).to.equal(tls.mesh.headNumber);
  });

  it("goes on as before for a device that has no certificate in X.509, or a damaged one", async () => {
    await born();
    tls.mesh.offersX509 = false;
    await device.agent.enrol();
    const bare = await shown(() => device.agent.renew());
    expect([...(bare.get(PATH.issue) ?? [])]).to.deep.equal(["nothing"]);
    tls.mesh.offersX509 = true;
    await device.agent.renew();
    await device.store.savePemFile("certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const damaged = await shown(() => device.agent.renew());
    expect([...(damaged.get(PATH.issue) ?? [])]).to.deep.equal(["nothing"]);
  });
});

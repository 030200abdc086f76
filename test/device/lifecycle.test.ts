import { expect } from "chai";

import { verifyCertificate } from "../../src/certificate/certificate.js";
import { decodeDrlProof } from "../../src/certificate/drl.js";
import { decodeCrl } from "../../src/certificate/x509-crl.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import { verifyPresentation } from "../../src/certificate/verify.js";
import { backoffMilliseconds, renewalTime } from "../../src/device/backoff.js";
import { COSE_ALG, KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { removeScratchFolders } from "../runtime/scratch.js";
import { type TestDevice, expectFailure, makeDevice, openTestDevice } from "./device-fixture.js";
import { LIFETIME_SECONDS, TestMesh, checks } from "./mesh-fixture.js";

const CHALLENGE = new Uint8Array(32).fill(5);

describe("a device with a certificate", () => {
  let mesh: TestMesh;
  let device: TestDevice;
  beforeEach(async () => {
    mesh = await TestMesh.create(4);
    device = await makeDevice(mesh);
    await device.agent.adoptBundle(mesh.bundle);
    await device.agent.enrol();
  });
  after(removeScratchFolders);

  const now = (): number => Math.floor(mesh.clock.now() / 1000);
  const later = (seconds: number): void => void (mesh.clock.milliseconds += 1000 * seconds);
  const judge = (presentation: Uint8Array, audience = "") =>
    verifyPresentation({
      trust: mesh.trust,
      presentation,
      challenge: CHALLENGE,
      audience,
      scope: "geo:u33",
      now: now(),
      memory: new HeadMemory(undefined, () => undefined),
      checks,
    });

  it("renews with its current key, as the next certificate of the period", async () => {
    const first = await device.agent.certificate();
    later(60);
    const second = await device.agent.renew();
    expect(second.key).to.deep.equal(first?.key);
    expect(second.serial).to.not.deep.equal(first?.serial);
    expect(second.notBefore).to.equal(now());
    expect(mesh.validator(1).calls.filter((path) => path.endsWith("issue"))).to.have.length(2);
  });

  it("renews for as long as its certificate was made for, unless told otherwise", async () => {
    const short = await device.agent.renew({ lifetimeSeconds: 120 });
    expect(short.expires - short.notBefore).to.equal(120);
    const again = await device.agent.renew();
    expect(again.expires - again.notBefore).to.equal(120);
    const long = await device.agent.renew({ lifetimeSeconds: LIFETIME_SECONDS });
    expect(long.expires - long.notBefore).to.equal(LIFETIME_SECONDS);
  });

  it("renews to a new key and erases the old one, the manifest key excepted", async () => {
    const second = await device.agent.renew({ newKey: KEY_TYPE.p256 });
    expect(second.key.type).to.equal(KEY_TYPE.p256);
    const third = await device.agent.renew({ newKey: KEY_TYPE.ed25519 });
    expect(third.key).to.not.deep.equal(device.keystore.identity.key);
    await expectFailure(device.keystore.find(second.key), "key-missing");
    const { key } = await device.keystore.find(third.key);
    expect(key).to.deep.equal(third.key);
    expect(judge(await device.agent.prove(CHALLENGE)).accepted).to.equal(true);
  });

  it("renews after its certificate's end, within the fleet's grace; later it has to enrol", async () => {
    later(LIFETIME_SECONDS + 100);
    await device.agent.renew();
    later(LIFETIME_SECONDS + 8_000);
    await expectFailure(device.agent.renew(), "grace-over");
    await device.agent.enrol();
  });

  it("renews under the Ed25519 key where it was enrolled under the BLS key", async () => {
    expect((await device.agent.renew({ algorithm: COSE_ALG.eddsa })).algorithm).to.equal(COSE_ALG.eddsa);
    expect((await device.agent.renew()).algorithm).to.equal(COSE_ALG.eddsa);
    expect(judge(await device.agent.prove(CHALLENGE)).accepted).to.equal(true);
  });

  it("stops at the fleet's quota, saying so", async () => {
    for (let k = 1; k < 8; k++) await device.agent.renew();
    await expectFailure(device.agent.renew(), "quota-exceeded");
  });

  it("keeps itself certified until it is stopped, enrolling again where renewing is refused", async () => {
    const controller = new AbortController();
    const events: string[] = [];
    later(20_000);
    const running = device.agent.keepCertified(controller.signal, (event) => {
      events.push(event.event);
      if (events.length === 3) controller.abort(new Error("stopped"));
    });
    await running.catch((error: Error) => expect(error.message).to.equal("stopped"));
    expect(events).to.deep.equal(["certified", "certified", "certified"]);
    const certificate = await device.agent.certificate();
    expect(certificate?.expires).to.be.greaterThan(now());
  });

  it("tells of failures while it keeps itself certified, and goes on", async () => {
    const controller = new AbortController();
    const events: string[] = [];
    later(LIFETIME_SECONDS);
    for (const validator of mesh.validators) validator.misbehaviour = "dead";
    await device.agent
      .keepCertified(controller.signal, (event) => {
        events.push(event.event);
        for (const validator of mesh.validators) validator.misbehaviour = undefined;
        if (event.event === "certified") controller.abort(new Error("stopped"));
      })
      .catch(() => undefined);
    expect(events).to.deep.equal(["failed", "certified"]);
  });

  it("proves itself to a verifier, for one audience", async () => {
    const presentation = await device.agent.prove(CHALLENGE, { audience: "gate 7" });
    expect(judge(presentation, "gate 7")).to.include({ accepted: true, index: 257 });
    expect(judge(presentation, "gate 8")).to.have.nested.property("refusal.code", "wrong-audience");
  });

  it("proves itself with nobody to ask while its stapled proof lasts", async () => {
    await device.agent.drlProof();
    for (const validator of mesh.validators) validator.misbehaviour = "dead";
    later(600);
    expect(judge(await device.agent.prove(CHALLENGE, { fresh: false })).accepted).to.equal(true);
    later(290);
    await expectFailure(device.agent.prove(CHALLENGE, { fresh: false }), "too-few-validators");
  });

  it("does not try to prove itself with an expired certificate", async () => {
    later(LIFETIME_SECONDS);
    await expectFailure(device.agent.prove(CHALLENGE), "expired");
    await expectFailure(device.agent.prove(new Uint8Array(3)), "expired");
  });

  it("refuses a challenge of a length that no verifier makes", async () => {
    await expectFailure(device.agent.prove(new Uint8Array(3)), "malformed");
  });

  it("passes over a validator that shows an older head than one seen before, also after a restart", async () => {
    await device.agent.head();
    await device.agent.close();
    mesh.headNumber = 99;
    const { agent } = await openTestDevice(mesh, device.path);
    const error = await expectFailure(agent.head(), "too-few-validators");
    expect(error.message).to.contain("head 99 is older than 100");
  });

  it("passes over a validator that garbles the signature of a head that is known", async () => {
    await device.agent.head();
    for (const seat of [1, 2, 3]) mesh.validator(seat).misbehaviour = "garbles-signatures";
    const proof = await device.agent.drlProof();
    expect(decodeDrlProof(proof).signature).to.deep.equal(decodeDrlProof(mesh.proof("/257?alg=bls")).signature);
  });

  it("takes no delta for the complete revocation list, and no older list, also after a restart", async () => {
    for (const seat of [1, 2, 3]) mesh.validator(seat).misbehaviour = "delta-crl";
    const older = await device.agent.crl();
    expect(decodeCrl(older).base).to.equal(undefined);
    later(60);
    mesh.headNumber += 1;
    await device.agent.crl();
    mesh.headNumber -= 1;
    await device.agent.close();
    device = await openTestDevice(mesh, device.path);
    const error = await expectFailure(device.agent.crl(), "too-few-validators");
    expect(error.message).to.match(/the revocation list of [^ ]+ is older than that of [^ ]+, seen before/);
  });

  it("takes the lists that follow on one with a number that none of them reaches", async () => {
    mesh.headNumber = 2 ** 50;
    await device.agent.crl();
    mesh.headNumber = 101;
    later(60);
    await device.agent.close();
    device = await openTestDevice(mesh, device.path);
    expect(decodeCrl(await device.agent.crl()).number).to.equal(101);
  });

  it("revokes itself, whatever one validator does, and is not certified again", async () => {
    mesh.validator(2).misbehaviour = "wrong-partial";
    await device.agent.revoke(REVOCATION_REASON.keyCompromise);
    expect(mesh.revoked.has(257)).to.equal(true);
    expect(mesh.validators.filter(({ submitted }) => submitted > 0).length).to.be.at.least(2);
    mesh.headNumber += 1;
    await expectFailure(device.agent.renew(), "revoked");
    await expectFailure(device.agent.prove(CHALLENGE), "revoked");
  });

  it("can be revoked before it has a certificate, by its manifest key", async () => {
    const fresh = await makeDevice(mesh);
    await fresh.agent.adoptBundle(mesh.bundle);
    await fresh.agent.revoke(REVOCATION_REASON.cessationOfOperation);
    expect(mesh.revoked.has(257)).to.equal(true);
  });

  it("believes nobody once the root's word for the keys has ended", async () => {
    later(1_000_001);
    await expectFailure(device.agent.renew(), "bundle-expired");
  });

  it("takes keys that the old ones have not signed from its owner alone, by their certificate", async () => {
    const [bundle, fingerprint] = await mesh.recoveredBundle();
    await expectFailure(device.agent.adoptBundle(bundle), "wrong-mesh");
    await expectFailure(device.agent.adoptBundle(bundle, new Uint8Array(32)), "wrong-mesh");
    expect(device.agent.trust?.generation).to.equal(1);
    expect(await device.agent.adoptBundle(bundle, fingerprint)).to.equal(true);
    expect(device.agent.trust?.generation).to.equal(2);
    await expectFailure(device.agent.adoptBundle(mesh.bundle, fingerprint), "generation-old");
  });

  it("has a certificate that any verifier accepts", async () => {
    verifyCertificate((await device.store.certificate()) as Uint8Array, mesh.trust, now(), checks);
  });
});

describe("the times of a device", () => {
  it("renewal comes after two thirds of the lifetime, up to a tenth of it earlier", () => {
    const certificate = { notBefore: 1_000, expires: 4_000 };
    expect(renewalTime(certificate, 0)).to.equal(3_000);
    expect(renewalTime(certificate, 0.999)).to.equal(2_700);
  });

  it("waits double up to a minute, with jitter of a half", () => {
    expect(backoffMilliseconds(0, 0)).to.equal(250);
    expect(backoffMilliseconds(1, 0.5)).to.equal(750);
    expect(Math.round(backoffMilliseconds(50, 0.999999))).to.equal(60_000);
  });
});

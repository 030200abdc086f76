import { expect } from "chai";

import { certificatePayload, certificateSerial } from "../../src/certificate/certificate.js";
import {
  type Enrolment,
  type EnrolRequest,
  type IssuanceRequest,
  REQUEST_KIND,
  type RenewRequest,
  certifiedKeyProof,
  decodeRequest,
  encodeRequestPayload,
  signRequest,
} from "../../src/certificate/request.js";
import { type CheckedRequest, checkRequest } from "../../src/certificate/request-check.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import type { RefusalCode } from "../../src/certificate/refusal.js";
import { type CborValue, decodeCbor, encodeCbor } from "../../src/certificate/cbor.js";
import { signObject } from "../../src/certificate/cose.js";
import { COSE_ALG, COSE_TYP, JOIN_METHOD, KEY_TYPE } from "../../src/statements/cose.js";
import { makeCsr } from "./csr-fixture.js";
import {
  type Holder,
  NOW,
  checks,
  ed25519Holder,
  expectRefusal,
  externalAad,
  hex,
  issue,
  meshId,
  p256Holder,
  seed,
  trust,
} from "./fixtures.js";

const holder = ed25519Holder();
const fresh = p256Holder("fresh");
const entry = { index: 70_000, salt: seed("salt"), key: holder.key, deviceClass: 2 };
const tree = new ManifestTree(Buffer.concat([seed("a"), manifestLeaf(entry), seed("b")]));
const enrolment: Enrolment = {
  salt: entry.salt,
  key: entry.key,
  deviceClass: entry.deviceClass,
  fleetId: 3,
  batch: 1,
  root: tree.root(),
  base: 69_999,
  count: 3,
  path: tree.path(1),
};

const fields = {
  index: 70_000,
  period: 20_000,
  k: 1,
  notBefore: NOW,
  expires: NOW + 3_600,
  scope: "grp:plant/line-2",
  key: holder.key,
  algorithm: COSE_ALG.bls,
  channelBinding: seed("exporter"),
  csr: undefined,
  keyProof: undefined,
  x509Names: undefined,
} as const;
const enrol: EnrolRequest = { ...fields, kind: REQUEST_KIND.enrol, enrolment, joinMethod: JOIN_METHOD.identityKey };
const renew: RenewRequest = { ...fields, kind: REQUEST_KIND.renew, certificate: issue({ deviceClass: 2 }) };
const meshTrust = { ...trust, meshId };

async function check(request: IssuanceRequest, signer: Holder = holder, aad = externalAad): Promise<CheckedRequest> {
  return checkRequest(decodeRequest(await signRequest(request, signer, aad)), meshTrust, checks);
}

async function expectRefused(
  code: RefusalCode,
  request: IssuanceRequest,
  signer?: Holder,
  aad?: Uint8Array,
): Promise<void> {
  const refused: unknown = await check(request, signer, aad).catch((error: unknown) => error);
  expect(refused).to.have.property("code", code);
}

describe("issuance request", () => {
  for (const request of [enrol, renew]) {
    it(`${request.kind === REQUEST_KIND.enrol ? "to enrol" : "to renew"} gives both sides the same certificate`, async () => {
      const { certificate, renewed, signer } = await check(request);
      const { index, period, k, notBefore, expires, scope, key } = fields;
      const serial = certificateSerial({ meshId, index, period, k });
      const expected = { notBefore, expires, serial, key, scope, generation: 1, index, deviceClass: 2 };
      expect(certificate).to.deep.equal(expected);
      expect(hex(certificatePayload(certificate))).to.equal(hex(certificatePayload(expected)));
      expect(signer).to.deep.equal(holder.key);
      expect(renewed === undefined).to.equal(request.kind === REQUEST_KIND.enrol);
    });

    it(`of kind ${request.kind} is read back as it was`, async () => {
      const signed = decodeRequest(await signRequest(request, holder, externalAad));
      expect(signed.request).to.deep.equal(request);
      expect(hex(encodeRequestPayload(signed.request))).to.equal(hex(signed.payload));
    });

    it(`of kind ${request.kind} by another key, or for another mesh, is refused`, async () => {
      await expectRefused("bad-signature", request, ed25519Holder("thief"));
      await expectRefused("bad-signature", request, p256Holder("thief"));
      await expectRefused("bad-signature", request, holder, seed("another mesh"));
    });

    it(`of kind ${request.kind} takes a proof of a certified key that does not sign it`, async () => {
      const other = { ...request, key: fresh.key };
      await expectRefused("malformed", other);
      const keyProof = fresh.sign(certifiedKeyProof(meshId, 70_000, fresh.key));
      expect((await check({ ...other, keyProof })).certificate.key).to.deep.equal(fresh.key);
      await expectRefused("bad-signature", {
        ...other,
        keyProof: holder.sign(certifiedKeyProof(meshId, 70_000, fresh.key)),
      });
      await expectRefused("bad-signature", {
        ...other,
        keyProof: fresh.sign(certifiedKeyProof(meshId, 70_001, fresh.key)),
      });
      expect((await check({ ...other, csr: makeCsr(fresh) })).certificate.key).to.deep.equal(fresh.key);
      await expectRefused("malformed", { ...other, csr: makeCsr(p256Holder("other")) });
    });
  }

  it("by a device that is not in the manifest is refused", async () => {
    await expectRefused("not-listed", { ...enrol, index: 70_001 });
    await expectRefused("not-listed", { ...enrol, enrolment: { ...enrolment, deviceClass: 1 } });
    const thief = ed25519Holder("thief");
    await expectRefused("not-listed", { ...enrol, key: thief.key, enrolment: { ...enrolment, key: thief.key } }, thief);
  });

  it("with another's, an older or a forged certificate is refused", async () => {
    await expectRefused("not-listed", { ...renew, index: 70_001 });
    await expectRefused("generation-old", { ...renew, certificate: issue({ generation: 0 }) });
    await expectRefused("bad-signature", { ...renew, certificate: issue({}, COSE_ALG.bls, seed("another")) });
  });

  it("to renew after expiry is passed on: the fleet's grace decides", async () => {
    const expired = issue({ notBefore: NOW - 9_000, expires: NOW - 6_000 });
    expect((await check({ ...renew, certificate: expired })).renewed).to.include({ expires: NOW - 6_000 });
  });

  it("mixes no fields of the two kinds, and has each in range", async () => {
    const wrong = [
      { ...enrol, joinMethod: 3 },
      { ...renew, kind: 3 },
      { ...renew, expires: NOW },
      { ...renew, channelBinding: new Uint8Array(31) },
      { ...renew, scope: "anywhere" },
      { ...enrol, enrolment: { ...enrolment, key: { ...entry.key, type: KEY_TYPE.p256 } } },
    ];
    for (const request of wrong as IssuanceRequest[]) {
      const signed = await signRequest(request, holder, externalAad);
      expectRefusal(() => decodeRequest(signed), "malformed");
    }
    const both = decodeCbor(encodeRequestPayload(enrol), "request") as Map<number, CborValue>;
    const payload = encodeCbor(new Map([...both, [12, renew.certificate]]));
    const kind = { typ: COSE_TYP.issuanceRequest, algorithm: COSE_ALG.eddsa };
    const signed = await signObject(kind, externalAad, payload, holder.sign);
    expectRefusal(() => decodeRequest(signed), "malformed", "request");
  });
});

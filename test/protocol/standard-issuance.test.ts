import { expect } from "chai";

import {
  enrolmentAttribute,
  makeCertificateRequest,
  renewalAttribute,
  renewedKeyProof,
} from "../../src/certificate/csr-proofs.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { Refusal } from "../../src/certificate/refusal.js";
import { meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { decodeDeviceCertificate, deviceCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { deviceName, meshLabel } from "../../src/certificate/x509-names.js";
import { type EnrolmentCode, hashOfCode, hashOfKey } from "../../src/protocol/enrolment-codes.js";
import type { IssuanceLedger, RegisteredDevice } from "../../src/protocol/issuance.js";
import {
  type StandardOrder,
  type StandardRequest,
  type StandardRules,
  judgeStandard,
} from "../../src/protocol/standard-issuance.js";
import { COSE_ALG, JOIN_METHOD } from "../../src/statements/cose.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import {
  type Holder,
  NOW,
  certificateFields,
  checks,
  ed25519Holder,
  externalAad,
  groupSign,
  meshId,
  p256Holder,
  seed,
  trust,
} from "../certificate/fixtures.js";
import { readVectorBytes, withVectors } from "../vectors.js";

const INDEX = 70_000;
const PERIOD_SECONDS = 3_600;
const SCOPE = "grp:plant/line-2";
const own = p256Holder();
const thief = p256Holder("thief");
const entry = { index: INDEX, salt: seed("salt"), key: own.key, deviceClass: 2 };
const tree = new ManifestTree(Buffer.concat([seed("a"), manifestLeaf(entry), seed("b")]));
const enrolment = {
  fleetId: 3,
  batch: 1,
  root: tree.root(),
  base: INDEX - 1,
  count: 3,
  salt: entry.salt,
  key: entry.key,
  deviceClass: 2,
  path: tree.path(1),
};
const device: RegisteredDevice = {
  fleetId: 3,
  batch: 1,
  manifestRoot: tree.root(),
  base: INDEX - 1,
  count: 3,
  policy: {
    scopes: ["grp:plant"],
    maximumLifetime: 3_600,
    quota: 4,
    joinMethods: JOIN_METHOD.csr,
    graceSeconds: 600,
  },
};
const ledger: IssuanceLedger = {
  blockTime: NOW - 2,
  certificatePeriodSeconds: PERIOD_SECONDS,
  headLifetimeSeconds: 900,
  deviceAt: (index) => (Math.abs(index - INDEX) <= 1 ? device : undefined),
  isRevoked: () => false,
};
const issuing = { ...trust, meshId, externalAad };
const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: undefined });
const code: EnrolmentCode = {
  index: INDEX,
  codeHash: hashOfCode("a good code"),
  keyHash: hashOfKey(own.key),
  deviceClass: 7,
  scope: SCOPE,
};
const rules: StandardRules<EnrolmentCode> = {
  trust: issuing,
  ledger,
  now: NOW,
  signatures: checks.device,
  findCode: (index, characters) => (index === INDEX && characters === "a good code" ? code : undefined),
};

function csrOf(
  holder: Holder,
  attributes: readonly Uint8Array[] = [],
  names: readonly string[] = [],
): Promise<Uint8Array> {
  const fields = { commonName: "anything", key: holder.key, names, attributes };
  return makeCertificateRequest(fields, async (message) => holder.sign(message));
}

const request = (csr: Uint8Array, changes: Partial<StandardRequest> = {}): StandardRequest => ({
  period: Math.floor(NOW / PERIOD_SECONDS),
  k: 0,
  notBefore: NOW,
  csr,
  ...changes,
});

/** The device's certificate, with half an hour of its lifetime over. */
function certificateOf(holder: Holder, changes: object = {}, names: readonly string[] = []): Uint8Array {
  const times = { notBefore: NOW - 1_800, expires: NOW + 1_800 };
  const fields = certificateFields({ index: INDEX, scope: SCOPE, key: holder.key, ...times, ...changes });
  const tbs = deviceCertificateToSign(fields, names, authority);
  return signedBySwarm(tbs, groupSign(COSE_ALG.eddsa, tbs));
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "nothing failed";
  } catch (error) {
    if (error instanceof SwarmkeepError || error instanceof Refusal) return error.code;
    throw error;
  }
}

const judge = (given: StandardRequest, changes: Partial<typeof rules> = {}): StandardOrder<EnrolmentCode> =>
  judgeStandard(given, { ...rules, ...changes });
const refusal = (given: StandardRequest, changes: Partial<typeof rules> = {}): string =>
  codeOf(() => judge(given, changes));

describe("a certificate request of an EST client", () => {
  const listed = (holder: Holder, scope = SCOPE): Promise<Uint8Array> =>
    csrOf(holder, [enrolmentAttribute({ index: INDEX, scope, enrolment })]);

  it("by the manifest key is granted, for the fleet's longest lifetime, and what is signed is built here", async () => {
    const { slot, message, fields } = judge(request(await listed(own)));
    expect(slot).to.deep.equal({ index: INDEX, period: Math.floor(NOW / PERIOD_SECONDS), k: 0 });
    expect(fields).to.deep.include({ scope: SCOPE, deviceClass: 2, expires: NOW + 3_600, key: own.key });
    const read = decodeDeviceCertificate(signedBySwarm(message, groupSign(COSE_ALG.eddsa, message)));
    expect(read.index).to.equal(INDEX);
  });

  it("by a one-time code is granted for the key, class and scope that the registrar named", async () => {
    const asked = request(await csrOf(own), { code: { index: INDEX, characters: "a good code" } });
    expect(judge(asked).fields).to.deep.include({ scope: SCOPE, deviceClass: 7, key: own.key });
    expect(judge(asked).code).to.equal(code);
  });

  it("by the current certificate keeps scope, class and names, within the grace", async () => {
    const name = `a.${deviceName(meshLabel(meshId), INDEX)}`;
    const certificate = certificateOf(own, {}, [name]);
    const asked = request(await csrOf(own), { certificate });
    const { fields, message } = judge(asked);
    expect(fields).to.deep.include({ index: INDEX, scope: SCOPE, key: own.key });
    expect(decodeDeviceCertificate(signedBySwarm(message, new Uint8Array(64))).names).to.include(name);
    const ended = certificateOf(own, { notBefore: NOW - 3_600, expires: NOW - 300 });
    expect(refusal(request(await csrOf(own), { certificate: ended }))).to.equal("nothing failed");
    const over = certificateOf(own, { notBefore: NOW - 7_200, expires: NOW - 600 });
    expect(refusal(request(await csrOf(own), { certificate: over }))).to.equal("grace-over");
  });

  it("for a new key takes the old key's word for it, for this certificate alone", async () => {
    const certificate = certificateOf(own);
    const { serial } = decodeDeviceCertificate(certificate);
    const next = ed25519Holder("next");
    const agreed = (by: Holder, of: Uint8Array): Promise<Uint8Array> =>
      csrOf(next, [renewalAttribute(by.sign(renewedKeyProof(meshId, INDEX, of, next.key)))]);
    expect(judge(request(await agreed(own, serial), { certificate })).fields.key).to.deep.equal(next.key);
    expect(refusal(request(await agreed(thief, serial), { certificate }))).to.equal("wrong-key");
    expect(refusal(request(await agreed(own, seed("other").slice(16)), { certificate }))).to.equal("wrong-key");
  });

  it("enrols no key of a validator's own, whatever that validator has seen of the device", async () => {
    const certificate = certificateOf(own);
    const seen = { index: INDEX, characters: "a good code" };
    expect(refusal(request(await csrOf(thief), { certificate }))).to.equal("wrong-key");
    expect(refusal(request(await csrOf(thief), { code: seen }))).to.equal("wrong-key");
    expect(refusal(request(await listed(thief)))).to.equal("wrong-key");
    const swapped = { ...enrolment, key: thief.key };
    const claimed = await csrOf(thief, [enrolmentAttribute({ index: INDEX, scope: SCOPE, enrolment: swapped })]);
    expect(refusal(request(claimed))).to.equal("not-listed");
    expect(refusal(request(await csrOf({ key: own.key, sign: thief.sign }), { code: seen }))).to.equal("bad-signature");
    const forged = certificateOf(thief).slice();
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    expect(refusal(request(await csrOf(thief), { certificate: forged }))).to.equal("bad-signature");
  });

  it("without a proof, with a wrong code, of a device that is revoked, unknown or may not join so is refused", async () => {
    const [plain, good] = [await csrOf(own), await listed(own)];
    expect(refusal(request(plain))).to.equal("no-proof");
    expect(refusal(request(plain, { code: { index: INDEX, characters: "another" } }))).to.equal("wrong-code");
    expect(refusal(request(plain, { code: { index: INDEX + 1, characters: "a good code" } }))).to.equal("wrong-code");
    const revoked = { ...ledger, isRevoked: () => true };
    expect(refusal(request(good), { ledger: revoked })).to.equal("revoked");
    expect(refusal(request(plain, { certificate: certificateOf(own) }), { ledger: revoked })).to.equal("revoked");
    expect(refusal(request(good), { ledger: { ...ledger, deviceAt: () => undefined } })).to.equal("unknown-device");
    const byKey = { ...device, policy: { ...device.policy, joinMethods: JOIN_METHOD.identityKey } };
    expect(refusal(request(good), { ledger: { ...ledger, deviceAt: () => byKey } })).to.equal("join-method");
    const moved = { ...device, batch: 2 };
    expect(refusal(request(good), { ledger: { ...ledger, deviceAt: () => moved } })).to.equal("unknown-device");
  });

  it("for names or scopes that are not the device's, or outside of times, periods and quota is refused", async () => {
    const stranger = await csrOf(own, [], ["www.example.org"]);
    const byCode = { code: { index: INDEX, characters: "a good code" } };
    expect(refusal(request(stranger, byCode))).to.equal("name-not-allowed");
    expect(refusal(request(await listed(own, "grp:elsewhere")))).to.equal("scope-not-allowed");
    const good = await listed(own);
    expect(refusal(request(good, { notBefore: NOW + 61 }))).to.equal("clock-skew");
    expect(refusal(request(good, { period: 1 }))).to.equal("wrong-period");
    expect(refusal(request(good, { k: 4 }))).to.equal("quota-exceeded");
    const endless = { ...device, policy: { ...device.policy, maximumLifetime: 31_622_400 } };
    expect(refusal(request(good), { ledger: { ...ledger, deviceAt: () => endless } })).to.equal("x509-not-offered");
  });

  it("from another mesh or under other group keys is refused", async () => {
    const certificate = certificateOf(own);
    const asked = request(await csrOf(own), { certificate });
    expect(refusal(asked, { trust: { ...issuing, meshId: seed("another mesh") } })).to.equal("wrong-mesh");
    expect(refusal(asked, { trust: { ...issuing, generation: issuing.generation + 1 } })).to.equal("generation-old");
  });

  withVectors("broken requests of globalsign/est", () => {
    for (const name of ["ber-length", "sig-bit", "subject-bit", "trailing", "truncated"]) {
      it(`csr.${name} gets a clear error and no certificate`, () => {
        const csr = readVectorBytes("est", `csr.${name}.tampered.der`);
        const byCode = { code: { index: INDEX, characters: "a good code" } };
        expect(refusal(request(csr, byCode))).to.be.oneOf(["malformed", "wrong-kind", "bad-signature"]);
      });
    }
  });
});

import { expect } from "chai";

import { certificateToSign, decodeCertificate, decodeCertificatePayload } from "../../src/certificate/certificate.js";
import type { RequestMemory } from "../../src/certificate/request-check.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { Refusal } from "../../src/certificate/refusal.js";
import { type EnrolRequest, REQUEST_KIND, type RenewRequest, signRequest } from "../../src/certificate/request.js";
import {
  type IssuanceLedger,
  type IssuanceOrder,
  type RegisteredDevice,
  type RequestChannel,
  judgeIssuance,
} from "../../src/protocol/issuance.js";
import { COSE_ALG, JOIN_METHOD } from "../../src/statements/cose.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { NOW, checks, ed25519Holder, externalAad, issue, meshId, seed, trust } from "../certificate/fixtures.js";

const PERIOD_SECONDS = 3_600;
const holder = ed25519Holder();
const stranger = ed25519Holder("stranger");
const entry = { index: 70_000, salt: seed("salt"), key: holder.key, deviceClass: 2 };
const tree = new ManifestTree(Buffer.concat([seed("a"), manifestLeaf(entry), seed("b")]));
const binding = seed("connection");

const device: RegisteredDevice = {
  fleetId: 3,
  batch: 1,
  manifestRoot: tree.root(),
  base: 69_999,
  count: 3,
  policy: {
    scopes: ["grp:plant"],
    maximumLifetime: 3_600,
    quota: 4,
    joinMethods: JOIN_METHOD.identityKey | JOIN_METHOD.preSharedKey,
    graceSeconds: 600,
  },
};

const ledger: IssuanceLedger = {
  blockTime: NOW - 2,
  certificatePeriodSeconds: PERIOD_SECONDS,
  headLifetimeSeconds: 900,
  deviceAt: (index) => (index >= 69_999 && index < 70_002 ? device : undefined),
  isRevoked: () => false,
};

const channel: RequestChannel = { binding, device: undefined };

const enrolRequest: EnrolRequest = {
  kind: REQUEST_KIND.enrol,
  index: 70_000,
  period: Math.floor(NOW / PERIOD_SECONDS),
  k: 0,
  notBefore: NOW,
  expires: NOW + 3_600,
  scope: "grp:plant/line-2",
  key: holder.key,
  algorithm: COSE_ALG.bls,
  channelBinding: binding,
  csr: undefined,
  keyProof: undefined,
  joinMethod: JOIN_METHOD.identityKey,
  enrolment: {
    fleetId: 3,
    batch: 1,
    root: tree.root(),
    base: 69_999,
    count: 3,
    salt: entry.salt,
    key: entry.key,
    deviceClass: entry.deviceClass,
    path: tree.path(1),
  },
};

const { enrolment: _, joinMethod: __, ...common } = enrolRequest;
const renewal = (certificate: Uint8Array): RenewRequest => ({ ...common, kind: REQUEST_KIND.renew, certificate });

interface Changes {
  readonly ledger?: Partial<IssuanceLedger>;
  readonly channel?: Partial<RequestChannel>;
  readonly signer?: typeof holder;
  readonly now?: number;
  readonly memory?: RequestMemory;
}

async function judge(request: EnrolRequest | RenewRequest, changes: Changes = {}): Promise<IssuanceOrder> {
  const encoded = await signRequest(request, changes.signer ?? holder, externalAad);
  const view = { ...ledger, ...changes.ledger };
  const over = { ...channel, ...changes.channel };
  return judgeIssuance(encoded, { ...trust, meshId }, view, over, changes.now ?? NOW, checks, changes.memory);
}

async function codeOf(request: EnrolRequest | RenewRequest, changes: Changes = {}): Promise<string> {
  try {
    await judge(request, changes);
    return "accepted";
  } catch (error) {
    expect(error).to.be.instanceOf(SwarmkeepError);
    expect((error as SwarmkeepError).message).to.have.length.greaterThan(10);
    expect((error as SwarmkeepError).advice).to.have.length.greaterThan(5);
    return (error as SwarmkeepError).code;
  }
}

describe("issuance", () => {
  it("gives an order whose every byte follows from the request and the mesh", async () => {
    const order = await judge(enrolRequest);
    expect(order.slot).to.deep.equal({ index: 70_000, period: enrolRequest.period, k: 0 });
    const fields = decodeCertificatePayload(order.payload);
    expect(fields).to.include({ index: 70_000, scope: "grp:plant/line-2", generation: 1, deviceClass: 2 });
    expect((await judge(enrolRequest)).message).to.deep.equal(order.message);
  });

  it("refuses a request made for another connection: it is replayed or relayed", async () => {
    expect(await codeOf(enrolRequest, { channel: { binding: seed("elsewhere") } })).to.equal("wrong-channel");
  });

  it("refuses a device on the channel of another device's pre-shared key", async () => {
    expect(await codeOf(enrolRequest, { channel: { device: { index: 70_001, by: "pre-shared-key" } } })).to.equal(
      "wrong-channel",
    );
  });

  it("refuses a join by pre-shared key that came over a channel without one", async () => {
    const request = { ...enrolRequest, joinMethod: JOIN_METHOD.preSharedKey };
    expect(await codeOf(request)).to.equal("join-method");
    expect(await codeOf(request, { channel: { device: { index: 70_000, by: "certificate" } } })).to.equal(
      "join-method",
    );
    expect(await codeOf(request, { channel: { device: { index: 70_000, by: "pre-shared-key" } } })).to.equal(
      "accepted",
    );
  });

  it("refuses a join method that the fleet does not allow", async () => {
    expect(await codeOf({ ...enrolRequest, joinMethod: JOIN_METHOD.csr })).to.equal("join-method");
  });

  it("refuses a device that no fleet has, or that is listed in another batch than the ledger's", async () => {
    expect(await codeOf({ ...enrolRequest, index: 1 })).to.equal("unknown-device");
    for (const change of [{ fleetId: 4 }, { batch: 0 }, { base: 70_000 }, { count: 4 }, { root: seed("other") }]) {
      const request = { ...enrolRequest, enrolment: { ...enrolRequest.enrolment, ...change } };
      expect(await codeOf(request), JSON.stringify(change)).to.equal("unknown-device");
    }
  });

  it("refuses a revoked device, enrolling or renewing", async () => {
    const revoked = { ledger: { isRevoked: () => true } };
    expect(await codeOf(enrolRequest, revoked)).to.equal("revoked");
    expect(await codeOf(renewal(issue()), revoked)).to.equal("revoked");
  });

  it("refuses a scope outside the fleet's", async () => {
    for (const scope of ["grp:plants", "grp:other", "geo:u33"]) {
      expect(await codeOf({ ...enrolRequest, scope }), scope).to.equal("scope-not-allowed");
    }
  });

  it("refuses a longer life, a start far from now, another period, and a number beyond the quota", async () => {
    expect(await codeOf({ ...enrolRequest, expires: NOW + 3_601 })).to.equal("lifetime-too-long");
    expect(await codeOf({ ...enrolRequest, notBefore: NOW - 61 })).to.equal("lifetime-too-long");
    expect(await codeOf({ ...enrolRequest, notBefore: NOW + 61 })).to.equal("clock-skew");
    expect(await codeOf({ ...enrolRequest, notBefore: NOW - 61, expires: NOW + 60 })).to.equal("clock-skew");
    expect(await codeOf({ ...enrolRequest, period: enrolRequest.period + 1 })).to.equal("wrong-period");
    expect(await codeOf({ ...enrolRequest, k: 4 })).to.equal("quota-exceeded");
  });

  it("takes the period before or after within a minute of its end, so that nobody is locked out by a block", async () => {
    const end = (enrolRequest.period + 1) * PERIOD_SECONDS;
    const at = (blockTime: number) => ({ ledger: { blockTime } });
    expect(await codeOf({ ...enrolRequest, period: enrolRequest.period + 1 }, at(end - 59))).to.equal("accepted");
    expect(await codeOf(enrolRequest, at(end + 59))).to.equal("accepted");
    expect(await codeOf(enrolRequest, at(end + 61))).to.equal("wrong-period");
  });

  it("refuses a request that the listed device did not sign", async () => {
    expect(await codeOf(enrolRequest, { signer: stranger })).to.equal("bad-signature");
    const asStranger = { ...enrolRequest, key: stranger.key };
    const listed = { ...asStranger, enrolment: { ...asStranger.enrolment, key: stranger.key } };
    expect(await codeOf(listed, { signer: stranger })).to.equal("not-listed");
  });

  it("renews within the fleet's grace after the end, and not later", async () => {
    const certificate = issue({ expires: NOW - 10, notBefore: NOW - 4_000 });
    expect(await codeOf(renewal(certificate))).to.equal("accepted");
    expect(await codeOf(renewal(issue({ expires: NOW - 600, notBefore: NOW - 4_000 })))).to.equal("grace-over");
  });

  it("renews a certificate that the validator signed for without a second look at the swarm's signature, and no other", async () => {
    const asked: [number, Uint8Array][] = [];
    const memory = (known: boolean): RequestMemory => ({
      hasSigned(index, message) {
        asked.push([index, message]);
        return known;
      },
    });
    const certificate = issue();
    certificate[certificate.length - 1] = (certificate.at(-1) as number) ^ 1;
    expect(await codeOf(renewal(certificate), { memory: memory(true) })).to.equal("accepted");
    expect(await codeOf(renewal(certificate), { memory: memory(false) })).to.equal("bad-signature");
    const { algorithm, payload } = decodeCertificate(certificate);
    const message = certificateToSign(algorithm, externalAad, payload);
    expect(asked).to.deep.equal([
      [70_000, message],
      [70_000, message],
    ]);
    expect(await codeOf(renewal(issue({ index: 70_001 })), { memory: memory(true) })).to.equal("not-listed");
    expect(await codeOf(renewal(issue()), { memory: memory(true), signer: stranger })).to.equal("bad-signature");
  });

  it("does not renew a certificate of another device, or one that the swarm did not sign", async () => {
    expect(await codeOf(renewal(issue({ index: 70_001 })))).to.equal("not-listed");
    const forged = issue();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const error = await judge(renewal(forged)).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Refusal);
  });
});

/** Who validators and devices are to a validator, by what TLS has shown of them. */

import { expect } from "chai";
import { hexlify } from "ethers";

import { DerReader } from "../../src/certificate/der.js";
import { readSubjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import { meshAuthority } from "../../src/certificate/x509-authority.js";
import { deviceCertificateToSign, memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import type { Peer } from "../../src/net/server.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { type Caller, callerOf, expectMember, expectValidator } from "../../src/validator/caller.js";
import { Standing } from "../../src/validator/standing.js";
import {
  NOW,
  certificateFields,
  memberFields,
  meshId,
  p256Holder,
  seed,
  signX509,
  trust,
} from "../certificate/fixtures.js";
import { context } from "./est-world.js";

const INDEX = 700;
const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: undefined });
const ACCOUNT = hexlify(seed("account").slice(12));

const deviceCertificate = (changes: object = {}): Uint8Array =>
  signX509(
    deviceCertificateToSign(certificateFields({ index: INDEX, key: p256Holder().key, ...changes }), [], authority),
  );

function memberCertificate(identity: TlsIdentity, changes: object = {}): Uint8Array {
  const key = readSubjectPublicKeyInfo(new DerReader(identity.spki, "key"));
  const fields = memberFields({ key, ...changes });
  return signX509(memberCertificateToSign(fields, authority));
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "done";
  } catch (error) {
    if (error instanceof SwarmkeepError) return error.code;
    throw error;
  }
}

describe("who calls a validator", () => {
  let standing: Standing;
  let identity: TlsIdentity;
  let stranger: TlsIdentity;
  let now = NOW;
  let block = 1;

  const apply = (contract: string, name: string, args: object): void =>
    standing.projection.apply({ contract, blockNumber: (block += 1), name, args } as unknown as LedgerEvent);
  const finalise = (): void => void Object.assign(standing, { finalised: { number: block, timestamp: now } });
  const caller = (certificate: Uint8Array | undefined, pskIdentity?: string): Caller => {
    const peer = { address: "", channelBinding: new Uint8Array(32), certificate, pskIdentity } satisfies Peer;
    return callerOf({ context, standing, signatures: nativeSignatures, nowSeconds: () => now }, peer);
  };

  before(async () => {
    [identity, stranger] = [await tlsIdentity(await generateTlsKey()), await tlsIdentity(await generateTlsKey())];
  });
  beforeEach(() => {
    now = NOW;
    standing = new Standing(new Projection());
    apply("registry", "ValidatorAdmitted", { account: ACCOUNT, operator: ACCOUNT });
    const contact = { tlsPin: hexlify(identity.pin), endpoint: "127.0.0.1:1", scope: "", blsKey: {} };
    apply("registry", "ValidatorRegistered", { account: ACCOUNT, stake: 1n, ...contact });
    const committee = { generation: 1, keys: trust.keys, accounts: new Map([[2, ACCOUNT.toLowerCase()]]) };
    Object.assign(standing, { committee, signer: {}, silence: undefined, doubts: () => undefined });
    finalise();
  });

  it("is anyone who shows nothing, or a key that nobody registered", () => {
    expect(caller(undefined)).to.deep.equal({ kind: "anyone" });
    expect(caller(stranger.certificate)).to.deep.equal({ kind: "anyone" });
    expect(caller(undefined, "swarmkeep/ffffffffffffffff/7")).to.deep.equal({ kind: "anyone" });
  });

  it("is a device by its pre-shared key or its certificate, until that ends or the device is revoked or held", () => {
    const byKey = caller(undefined, preSharedKeyIdentity(meshId, INDEX));
    expect(byKey).to.deep.equal({ kind: "device", index: INDEX, by: "pre-shared-key" });
    const byCertificate = { kind: "device", index: INDEX, by: "certificate", scope: "geo:u33db" };
    expect(caller(deviceCertificate())).to.deep.equal(byCertificate);
    const others = deviceCertificate({ index: INDEX + 1 });
    const word = BigInt(Math.floor(INDEX / 256))
      .toString(16)
      .padStart(8, "0");
    const mask = (1n << BigInt(INDEX % 256)).toString(16).padStart(64, "0");
    apply("revocations", "Held", { entries: `0x${word}${mask}` });
    expect(
      codeOf(() => caller(deviceCertificate())),
      "held in a block that is not final",
    ).to.equal("done");
    finalise();
    expect(codeOf(() => caller(deviceCertificate()))).to.equal("revoked");
    expect(codeOf(() => caller(others))).to.equal("done");
    apply("revocations", "Released", { entries: `0x${word}${mask}` });
    finalise();
    expect(codeOf(() => caller(deviceCertificate()))).to.equal("done");
    now = NOW + 3_000;
    expect(codeOf(() => caller(deviceCertificate()))).to.equal("expired");
  });

  it("is a validator by its registered key: bare before it has a certificate, and with the swarm's", () => {
    const tlsKey = identity.spki;
    const bare = { kind: "validator", account: ACCOUNT, tlsKey, by: "identity-key" };
    expect(caller(identity.certificate)).to.deep.equal(bare);
    expect(caller(memberCertificate(identity))).to.deep.equal({ ...bare, by: "certificate" });
  });

  it("is refused with a certificate that is not good, and does not count as anyone", () => {
    const good = memberCertificate(identity);
    const forged = good.slice();
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    expect(codeOf(() => caller(forged))).to.equal("bad-signature");
    expect(codeOf(() => caller(good.slice(0, -1)))).to.equal("malformed");
    expect(codeOf(() => caller(new Uint8Array(10_000)))).to.equal("malformed");
    expect(codeOf(() => caller(memberCertificate(identity, { generation: 2 })))).to.equal("generation-unknown");
    expect(codeOf(() => caller(deviceCertificate({ generation: 0 })))).to.equal("generation-old");
    expect(
      codeOf(() => caller(memberCertificate(stranger))),
      "of another key",
    ).to.equal("not-a-validator");
    now = NOW + 3_000;
    expect(codeOf(() => caller(good))).to.equal("expired");
    standing.committee = undefined;
    expect(codeOf(() => caller(good))).to.equal("ledger-away");
  });

  it("is no validator any more once the registry has another key for the account", () => {
    const pin = hexlify(stranger.pin);
    apply("registry", "ValidatorUpdated", { account: ACCOUNT, tlsPin: pin, endpoint: "127.0.0.1:1", scope: "" });
    expect(codeOf(() => caller(memberCertificate(identity)))).to.equal("not-a-validator");
    expect(caller(identity.certificate)).to.deep.equal({ kind: "anyone" });
    expect(caller(stranger.certificate)).to.include({ kind: "validator", by: "identity-key" });
  });

  it("asks as a member for its own seat alone, and between validators as one of them", () => {
    const validator = caller(memberCertificate(identity));
    const device = caller(deviceCertificate());
    expect(expectMember(validator, standing, 2)).to.equal(validator);
    expect(codeOf(() => expectMember(validator, standing, 1))).to.equal("not-a-member");
    expect(codeOf(() => expectMember(device, standing, 2))).to.equal("not-a-validator");
    expect(codeOf(() => expectValidator({ kind: "anyone" }))).to.equal("not-a-validator");
  });
});

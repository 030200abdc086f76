/** Whether a server is believed to be a member, by what it shows around the key that is pinned. */
import { expect } from "chai";
import { bytesToHex } from "@noble/hashes/utils.js";

import { meshAuthority } from "../../src/certificate/x509-authority.js";
import { type X509Trust, deviceCertificateToSign, memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { MemberServers, type MemberServersOptions } from "../../src/net/member-servers.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
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

const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: undefined });
const { account, expires } = memberFields();

const certificate = (changes: object = {}, of = authority): Uint8Array =>
  signX509(memberCertificateToSign(memberFields(changes), of));

describe("which server is a member", () => {
  let bare: TlsIdentity;
  let now = NOW;
  const seen: string[] = [];

  before(async () => {
    bare = await tlsIdentity(await generateTlsKey());
  });
  beforeEach(() => {
    now = NOW;
    seen.length = 0;
  });

  /** What is said of a server that shows this. */
  function judging(options: Partial<MemberServersOptions> = {}): (shown: Uint8Array) => string {
    const servers = new MemberServers({
      trust: () => ({ meshId, ...trust }),
      nowSeconds: () => now,
      signatures: nativeSignatures,
      bareAfterEnd: false,
      onCertified: (name) => seen.push(name),
      ...options,
    });
    const judge = servers.judgeOf(account);
    return (shown) => {
      try {
        judge(shown);
        return "believed";
      } catch (error) {
        if (error instanceof SwarmkeepError) return error.code;
        throw error;
      }
    };
  }

  it("by the swarm's certificate for its account, and by the bare key only before it was first seen with one", () => {
    const judge = judging();
    expect(judge(bare.certificate)).to.equal("believed");
    expect(judge(certificate())).to.equal("believed");
    expect(judge(certificate())).to.equal("believed");
    expect(judge(bare.certificate)).to.equal("not-certified");
    now = expires + 1;
    expect(judge(bare.certificate), "after its end").to.equal("not-certified");
    expect(seen).to.deep.equal([bytesToHex(account)]);
    expect(judging({ certified: seen })(bare.certificate), "in another process").to.equal("not-certified");
  });

  it("to another member also by the bare key, once keys took the place of those that certified it and these count no more", () => {
    let known: X509Trust = { meshId, ...trust };
    const { generation, keys } = known;
    const judge = judging({ bareAfterEnd: true, trust: () => known });
    const other = judging({ trust: () => known });
    for (const one of [judge, other]) expect(one(certificate())).to.equal("believed");
    known = { meshId, generation: generation + 1, keys, former: { generation, keys, since: NOW } };
    expect(judge(bare.certificate), "signed by the old ones").to.equal("not-certified");
    expect(judge(certificate())).to.equal("believed");
    known = { meshId, generation: generation + 1, keys };
    expect(judge(bare.certificate), "recovered").to.equal("believed");
    expect(other(bare.certificate), "to a device").to.equal("not-certified");
  });

  it("to another member also by the bare key, once the certificate has ended: the swarm may have been unable to sign", () => {
    const judge = judging({ bareAfterEnd: true });
    expect(judge(certificate())).to.equal("believed");
    expect(judge(bare.certificate)).to.equal("not-certified");
    now = expires - 60;
    expect(judge(bare.certificate)).to.equal("believed");
  });

  it("not with a certificate that is not good, whatever the key", () => {
    const judge = judging();
    const good = certificate();
    const forged = good.slice();
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    const other = seed("another");
    const refused: readonly [Uint8Array, string][] = [
      [forged, "bad-signature"],
      [good.slice(0, -1), "malformed"],
      [new Uint8Array(0), "malformed"],
      [certificate({ account: other.slice(12) }), "wrong-member"],
      [certificate({ generation: 0 }), "generation-old"],
      [certificate({ generation: 2 }), "generation-unknown"],
      [certificate({}, meshAuthority({ meshId: other, keys: trust.keys, crlUrl: undefined })), "wrong-mesh"],
      [certificate({ notBefore: NOW + 600 }), "not-yet-valid"],
      [certificate({ expires: NOW - 200 }), "expired"],
      [signX509(deviceCertificateToSign(certificateFields({ key: p256Holder().key }), [], authority)), "wrong-kind"],
    ];
    for (const [shown, code] of refused) expect(judge(shown)).to.equal(code);
    expect(seen, "nobody was believed").to.deep.equal([]);
    expect(judge(bare.certificate)).to.equal("believed");
  });

  it("by the key alone while there are no group keys", () => {
    const judge = judging({ trust: () => undefined });
    expect(judge(bare.certificate)).to.equal("believed");
    expect(judge(certificate({ generation: 2 }))).to.equal("believed");
  });
});

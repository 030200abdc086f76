/** What a validator shows of itself in TLS, out of office and across restarts. What it gets in office: test/e2e/interoperability.test.ts. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { hexlify } from "ethers";

import { DerReader } from "../../src/certificate/der.js";
import { readSubjectPublicKeyInfo } from "../../src/certificate/public-key-info.js";
import type { GenerationTrust } from "../../src/certificate/succession.js";
import { meshAuthority } from "../../src/certificate/x509-authority.js";
import { memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { type TlsIdentity, generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { silentLogger } from "../../src/runtime/log.js";
import { MemberCertificates } from "../../src/validator/member-certificates.js";
import { Standing } from "../../src/validator/standing.js";
import { NOW, makeCrossCertificate, makeRoot, memberFields, meshId, signX509, trust } from "../certificate/fixtures.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: undefined });
const { account, expires } = memberFields();

describe("what a validator shows of itself", () => {
  let identity: TlsIdentity;
  let path: string;
  let now: number;
  /** What others check by. */
  let known: GenerationTrust | undefined;
  /** What it told of, in order. */
  let told: (readonly Uint8Array[])[];

  before(async () => {
    identity = await tlsIdentity(await generateTlsKey());
  });
  beforeEach(async () => {
    path = join(await scratchFolder(), "validator.der");
    now = NOW;
    known = undefined;
    told = [];
  });
  after(removeScratchFolders);

  const certificateOf = ({ spki }: TlsIdentity): Uint8Array => {
    const key = readSubjectPublicKeyInfo(new DerReader(spki, "key"));
    return signX509(memberCertificateToSign(memberFields({ key }), authority));
  };
  const open = (standing = new Standing(new Projection())): Promise<MemberCertificates> =>
    MemberCertificates.open({
      standing,
      trust: () => known,
      account,
      meshId,
      identity,
      path,
      nowSeconds: () => now,
      log: silentLogger,
      onShown: ({ chain }) => told.push(chain),
    });

  it("is its stored certificate from the start on, and the bare key again once that has all but ended", async () => {
    const stored = certificateOf(identity);
    await writeFile(path, stored);
    const own = await open();
    const { signal } = new AbortController();
    expect(own.credentials.chain).to.deep.equal([stored]);
    now = expires - 61;
    own.advance(undefined, signal);
    expect(own.credentials.chain).to.deep.equal([stored]);
    now = expires - 60;
    expect(own.credentials.chain, "to others").to.deep.equal([identity.certificate]);
    own.advance(undefined, signal);
    own.advance(undefined, signal);
    expect(told, "to those who ask").to.deep.equal([[stored], [identity.certificate]]);
  });

  it("is its certificate with the authority's, in office and out of it, once it knows that", async () => {
    const crossCertificate = await makeCrossCertificate(await makeRoot());
    const projection = new Projection();
    const standing = new Standing(projection);
    const apply = (contract: string, name: string, args: object): void =>
      projection.apply({
        contract,
        name,
        args,
        blockNumber: 1,
        transactionHash: "0x",
        logIndex: 0,
      } as unknown as LedgerEvent);
    apply("anchor", "KeysCertified", { generation: 1n, certificate: hexlify(crossCertificate) });
    const contact = { tlsPin: hexlify(identity.pin), endpoint: "127.0.0.1:7443", scope: memberFields().scope };
    apply("registry", "ValidatorRegistered", { account: hexlify(account), ...contact, stake: 1n });
    const stored = certificateOf(identity);
    await writeFile(path, stored);
    const own = await open(standing);
    const { signal } = new AbortController();
    own.advance(undefined, signal);
    expect(own.credentials.chain, "before it has read of the keys").to.deep.equal([stored]);
    standing.committee = { generation: 1 } as unknown as NonNullable<Standing["committee"]>;
    own.advance(undefined, signal);
    expect(own.credentials.chain).to.deep.equal([stored, crossCertificate]);
    expect(told).to.deep.equal([[stored], [stored, crossCertificate]]);
  });

  it("is the bare key once keys that count alone took the place of those that signed its certificate", async () => {
    const stored = certificateOf(identity);
    await writeFile(path, stored);
    const own = await open();
    const { generation, keys } = trust;
    known = { generation: generation + 1, keys, former: { generation, keys, since: NOW } };
    own.advance(undefined, new AbortController().signal);
    expect(own.credentials.chain, "signed by the old ones").to.deep.equal([stored]);
    known = { generation: generation + 1, keys };
    expect(own.credentials.chain, "recovered").to.deep.equal([identity.certificate]);
    own.advance(undefined, new AbortController().signal);
    expect(told).to.deep.equal([[stored], [identity.certificate]]);
    expect((await open()).credentials.chain, "after a restart").to.deep.equal([identity.certificate]);
  });

  it("is the bare key where there is no certificate, or one that has ended, is of another key or damaged", async () => {
    const bare = async (): Promise<void> => {
      expect((await open()).credentials).to.deep.equal({ key: identity.key, chain: [identity.certificate] });
    };
    await bare();
    await writeFile(path, certificateOf(await tlsIdentity(await generateTlsKey())));
    await bare();
    await writeFile(path, certificateOf(identity).slice(0, -1));
    await bare();
    await writeFile(path, certificateOf(identity));
    now = expires;
    await bare();
    expect(told).to.deep.equal([]);
  });
});

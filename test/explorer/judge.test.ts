/** What the explorer's judge says of X.509, one check after the other: by the verifier's code, under the keys of the ledger. */
import { expect } from "chai";

import { authorityToSign, meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { crlToSign } from "../../src/certificate/x509-crl.js";
import { deviceCertificateToSign, memberCertificateToSign } from "../../src/certificate/x509-leaf.js";
import type { Trust } from "../../src/explorer/views/certificates/view.js";
import { meshOf } from "../../src/explorer/web/judge-trust.js";
import { judgeCrl, judgeX509 } from "../../src/explorer/web/judge-x509.js";
import type { Verdict } from "../../src/explorer/web/verdict.js";
import {
  NOW,
  anchor,
  certificateFields,
  chainId,
  ed25519Holder,
  facts,
  hex,
  makeCrossCertificate,
  makeRoot,
  memberFields,
  meshId,
  p256Holder,
  registry,
  revocationList,
  rootHolder,
  signX509,
  trust as group,
} from "../certificate/fixtures.js";

const authority = meshAuthority({ meshId, keys: facts.keys, crlUrl: undefined });

describe("the judge of X.509", () => {
  let trust: Trust;
  let root: Uint8Array;
  let cross: Uint8Array;

  before(async () => {
    root = await makeRoot();
    cross = await makeCrossCertificate(root);
    const source = { hash: "0x", block: 1, time: 1 };
    const { bls, ed25519 } = group.keys;
    trust = {
      chainId: chainId.toString(),
      meshId: hex(meshId),
      anchor: hex(anchor),
      registry: hex(registry),
      revocationList: hex(revocationList),
      rootKey: hex(rootHolder.key.bytes),
      generations: [
        {
          generation: 1,
          bls: hex(bls),
          ed25519: hex(ed25519),
          office: source,
          crossCertificate: { der: hex(cross), notBefore: NOW - 10, notAfter: NOW + 10, source },
        },
      ],
    };
  });

  const judge = (encoded: Uint8Array, time = NOW): Promise<Verdict> => judgeX509(encoded, trust, meshOf(trust), time);
  const device = (changes: Parameters<typeof certificateFields>[0] = {}, by = authority): Uint8Array =>
    signX509(deviceCertificateToSign(certificateFields(changes), [], by));
  const states = ({ checks }: Verdict) => checks.map(({ title, state }) => `${title} ${state}`);

  it("a device's is valid, and what a file cannot show stays open", async () => {
    const verdict = await judge(device({ index: 77 }));
    expect(verdict).to.include({ accepted: true, kind: "X.509 certificate of a device", index: 77 });
    expect(states(verdict)).to.deep.equal([
      "Encoding passed",
      "Mesh passed",
      "Group keys passed",
      "Signature passed",
      "Time passed",
      "Revocation open",
      "Possession open",
    ]);
  });

  it("a device's is refused with the reason: time, mesh, generation, signature", async () => {
    const own = device();
    const other = { ...authority, label: "00112233" };
    const forged = signedBySwarm(
      deviceCertificateToSign(certificateFields(), [], authority),
      ed25519Holder().sign(deviceCertificateToSign(certificateFields(), [], authority)),
    );
    for (const [encoded, time, code] of [
      [own, NOW + 10_000_000, "expired"],
      [own, NOW - 10_000_000, "not-yet-valid"],
      [device({}, other), NOW, "wrong-mesh"],
      [device({ generation: 2 }), NOW, "generation-unknown"],
      [forged, NOW, "bad-signature"],
    ] as const) {
      const verdict = await judge(encoded, time);
      expect([verdict.accepted, verdict.code]).to.deep.equal([false, code]);
      expect(verdict.checks.at(-1)?.state, "what comes after the failure is not looked at").to.equal("open");
    }
  });

  it("a validator's, the mesh's own, the root's, and the root's of the keys are told apart", async () => {
    const member = memberCertificateToSign(memberFields(), authority);
    for (const [encoded, kind] of [
      [signX509(member), "X.509 certificate of a validator"],
      [signX509(authorityToSign(cross)), "X.509 certificate of the mesh"],
      [cross, "X.509 certificate of the group keys"],
      [root, "X.509 root certificate"],
    ] as const) {
      expect(await judge(encoded), kind).to.include({ accepted: true, kind });
    }
    expect(await judge(await makeRoot(p256Holder("another")))).to.include({ accepted: false, code: "wrong-mesh" });
    const generations = trust.generations.map(({ generation, bls, ed25519, office }) => ({
      generation,
      bls,
      ed25519,
      office,
    }));
    const unknown = { ...trust, generations };
    const verdict = await judgeX509(cross, unknown, meshOf(unknown), NOW);
    expect(verdict).to.include({ accepted: false, code: "generation-unknown" });
  });

  it("a revocation list is valid while it is fresh", () => {
    const fields = { number: 7, base: undefined, thisUpdate: NOW - 300, nextUpdate: NOW + 900, entries: [] };
    const list = signX509(crlToSign(fields, authority));
    expect(judgeCrl(list, meshOf(trust), NOW)).to.include({ accepted: true, kind: "X.509 revocation list" });
    expect(judgeCrl(list, meshOf(trust), NOW + 1_000)).to.include({ accepted: false, code: "head-stale" });
  });
});

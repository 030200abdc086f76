import { X509Certificate } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { bytesToHex } from "@noble/hashes/utils.js";
import { expect } from "chai";

import { certificateSerial } from "../../src/certificate/certificate.js";
import { derInteger } from "../../src/certificate/der.js";
import { decodeX509Certificate, pem } from "../../src/certificate/x509.js";
import {
  authorityToSign,
  meshAuthority,
  permittedHosts,
  signedBySwarm,
  verifyAuthority,
} from "../../src/certificate/x509-authority.js";
import { type CrlEntry, crlToSign, decodeCrl, verifyCrl } from "../../src/certificate/x509-crl.js";
import {
  decodeDeviceCertificate,
  decodeMemberCertificate,
  deviceCertificateToSign,
  memberCertificateToSign,
  verifyDeviceCertificate,
  verifyMemberCertificate,
} from "../../src/certificate/x509-leaf.js";
import { deviceNames, scopeDomain } from "../../src/certificate/x509-names.js";
import { GROUP_KEYS, type MemberHosts } from "../../src/certificate/x509-root.js";
import { withTool } from "../tools.js";
import {
  NOW,
  certificateFields,
  checks,
  ed25519Holder,
  expectRefusal,
  facts,
  makeCrossCertificate,
  makeRoot,
  memberFields,
  meshId,
  p256Holder,
  rootHolder,
  seed,
  signX509,
  trust,
  validity,
} from "./fixtures.js";

const crlUrl = "http://crl.example/mesh.crl";
const authority = meshAuthority({ meshId, keys: facts.keys, crlUrl });
const { label } = authority;
const hosts: MemberHosts = { dns: ["validator.example"], ip: [Uint8Array.of(127, 0, 0, 1)] };
const group = { authority, groupKey: facts.keys.ed25519 };

function deviceCertificate(changes: Parameters<typeof certificateFields>[0] = {}, names: string[] = []): Uint8Array {
  return signX509(deviceCertificateToSign(certificateFields(changes), names, authority));
}

const named = memberFields({ hosts });

function crl(entries: readonly CrlEntry[], changes: { number?: number; base?: number } = {}, now = NOW): Uint8Array {
  const times = { thisUpdate: now - 300, nextUpdate: now + 900 };
  const fields = { number: 1_000, base: undefined, ...times, entries, ...changes };
  return signX509(crlToSign(fields, authority));
}

const revokedEntry = (serial: Uint8Array, reason: CrlEntry["reason"] = undefined): CrlEntry => ({
  serial,
  revoked: NOW - 1_000,
  reason,
});

describe("X.509 certificates of devices and members", () => {
  it("say what the compact form says, and are the one encoding of it", () => {
    for (const holder of [ed25519Holder(), p256Holder()]) {
      const fields = certificateFields({ key: holder.key, scope: "grp:city/lamps" });
      const own = `mqtt.${fields.index}.${label}.swarm.internal`;
      const encoded = deviceCertificate(fields, [own]);
      const read = verifyDeviceCertificate(encoded, { ...trust, meshId }, NOW, checks.device);
      expect(read).to.deep.include(fields);
      expect(read.names).to.deep.equal([
        `${fields.index}.${label}.swarm.internal`,
        `lamps.city.grp.${label}.swarm.internal`,
        own,
      ]);
      expect(read.authority).to.deep.equal(authority);
    }
  });

  it("have a positive serial, whatever its first bit", () => {
    for (const first of [0x00, 0x7f, 0x80, 0xff]) {
      const serial = seed("serial").slice(0, 16).fill(first, 0, 1);
      const encoded = deviceCertificate({ serial });
      expect(decodeDeviceCertificate(encoded).serial).to.deep.equal(serial);
      expect(derInteger(serial)[2]).to.be.below(0x80);
    }
  });

  it("of members hold what the registry has", () => {
    const encoded = signX509(memberCertificateToSign(named, authority));
    const read = verifyMemberCertificate(encoded, { ...trust, meshId }, NOW, checks.device);
    expect(read).to.deep.include(named);
    const bare = { ...named, scope: "", hosts: { dns: [], ip: [] } };
    const nameless = signX509(memberCertificateToSign(bare, authority));
    expect(decodeMemberCertificate(nameless)).to.deep.include(bare);
  });

  it("are refused out of time, of another mesh or generation, and under another key", () => {
    const encoded = deviceCertificate();
    const verify = (changes: object, now = NOW) =>
      verifyDeviceCertificate(encoded, { ...trust, meshId, ...changes }, now, checks.device);
    expectRefusal(() => verify({}, NOW + 3_000), "expired");
    expectRefusal(() => verify({}, NOW - 661), "not-yet-valid");
    expectRefusal(() => verify({ meshId: seed("another") }), "wrong-mesh");
    expectRefusal(() => verify({ generation: 2 }), "generation-old");
    const keys = { ...trust.keys, ed25519: ed25519Holder().key.bytes };
    expectRefusal(() => verify({ keys }), "bad-signature");
    const member = signX509(memberCertificateToSign(named, authority));
    expectRefusal(() => decodeDeviceCertificate(member), "wrong-kind");
    expectRefusal(() => decodeMemberCertificate(encoded), "wrong-kind");
  });

  it("bear no name that another device may have, nor one from outside the mesh", () => {
    const names = (...asked: string[]) => deviceNames(label, 7, "grp:city/lamps", asked);
    const mesh = `${label}.swarm.internal`;
    expect(names(`a.7.${mesh}`, `x.7.lamps.city.grp.${mesh}`)).to.have.length(4);
    const refused = [
      `8.${mesh}`,
      `77.${mesh}`,
      mesh,
      `pump.lamps.city.grp.${mesh}`,
      `7.city.grp.${mesh}`,
      `7.00000000.swarm.internal`,
      "example.org",
      `*.7.${mesh}`,
      `A.7.${mesh}`,
      `a..7.${mesh}`,
      `${"a".repeat(64)}.7.${mesh}`,
      "",
    ];
    for (const name of refused) expectRefusal(() => names(name), "name-not-allowed");
    expectRefusal(() => names(`b.7.${mesh}`, `a.7.${mesh}`), "name-not-allowed");
    expectRefusal(() => names(`a.7.${mesh}`, `a.7.${mesh}`), "name-not-allowed");
    const nine = Array.from({ length: 9 }, (_, i) => `a${i}.7.${mesh}`);
    expectRefusal(() => names(...nine), "name-not-allowed");
  });

  it("name scopes so that one within another is a domain within the other's", () => {
    const inner = scopeDomain(label, "geo:u33db");
    expect(inner).to.equal(`b.d.3.3.u.geo.${label}.swarm.internal`);
    expect(inner.endsWith(`.${scopeDomain(label, "geo:u33")}`)).to.equal(true);
    expect(inner.endsWith(`.${scopeDomain(label, "geo:u3b")}`)).to.equal(false);
  });

  it("take no key that is no point of its curve", () => {
    const key = { type: 2, bytes: new Uint8Array(33).fill(2, 0, 1).fill(0xff, 1) } as const;
    expectRefusal(() => deviceCertificateToSign(certificateFields({ key }), [], authority), "malformed", "key");
  });
});

describe("the mesh's own certificate", () => {
  it("says what the root certified, and nothing else", async () => {
    const cross = await makeCrossCertificate(await makeRoot(), { crlUrl }, validity, hosts);
    const own = signX509(authorityToSign(cross));
    expect(verifyAuthority(own, cross, checks.device).pathLength).to.equal(0);
    const [read, certified] = [decodeX509Certificate(own, "own"), decodeX509Certificate(cross, "cross")];
    expect(read.nameConstraints).to.deep.equal(certified.nameConstraints);
    const facts = bytesToHex(GROUP_KEYS);
    expect(read.extensions.get(facts)).to.deep.equal(certified.extensions.get(facts));
    expect(permittedHosts(cross)).to.deep.equal({ dns: [`${label}.swarm.internal`, ...hosts.dns], ip: hosts.ip });
    const other = await makeCrossCertificate(await makeRoot(), { crlUrl: "http://other.example/a.crl" });
    expectRefusal(() => verifyAuthority(own, other, checks.device), "wrong-mesh");
    const forged = signedBySwarm(authorityToSign(cross), new Uint8Array(64));
    expectRefusal(() => verifyAuthority(forged, cross, checks.device), "bad-signature");
  });
});

describe("certificate revocation lists", () => {
  const serials = [0, 1, 2].map((k) => certificateSerial({ meshId, index: 7, period: 3, k }));
  const entries = serials.map((serial, k) => revokedEntry(serial, k === 1 ? "certificateHold" : undefined));

  it("give back what was listed", () => {
    const list = verifyCrl(crl(entries), group, NOW, checks.device);
    expect(list).to.deep.include({ number: 1_000, base: undefined, thisUpdate: NOW - 300, nextUpdate: NOW + 900 });
    expect(decodeCrl(crl(entries)).entries).to.deep.equal(entries);
    expect(decodeCrl(crl([])).entries).to.deep.equal([]);
    const removed = [revokedEntry(serials[0] as Uint8Array, "removeFromCRL")];
    expect(decodeCrl(crl(removed, { base: 900 }))).to.deep.include({ base: 900, entries: removed });
  });

  it("have entries that nobody reads before the signature is known", () => {
    const [signed, entry] = [crl(entries), serials[0] as Uint8Array];
    const garbled = Uint8Array.from(signed);
    // The tag of a serial number becomes that of text.
    const at = Buffer.from(signed).indexOf(Buffer.from(derInteger(entry)));
    garbled[at] = 0x0c;
    expectRefusal(() => decodeCrl(garbled), "malformed");
    expectRefusal(() => verifyCrl(garbled, group, NOW, checks.device), "bad-signature");
  });

  it("are refused when they ended, of another mesh, and under another key", () => {
    const list = crl(entries);
    expectRefusal(() => verifyCrl(list, group, NOW + 900, checks.device), "head-stale");
    expectRefusal(() => verifyCrl(list, group, NOW - 400, checks.device), "head-future");
    const elsewhere = { ...group, authority: { ...authority, label: "00000000" } };
    expectRefusal(() => verifyCrl(list, elsewhere, NOW, checks.device), "wrong-mesh");
    const stranger = { ...group, groupKey: ed25519Holder().key.bytes };
    expectRefusal(() => verifyCrl(list, stranger, NOW, checks.device), "bad-signature");
  });
});

/** A folder with the files of a mesh, for programs that nobody here wrote. */
async function meshFolder() {
  const folder = mkdtempSync(join(tmpdir(), "swarmkeep-x509-"));
  const file = (name: string, ...objects: readonly [string, Uint8Array][]): string => {
    const path = join(folder, name);
    writeFileSync(path, objects.map(([kind, der]) => pem(kind, der)).join(""));
    return path;
  };
  // GnuTLS has no clock but the machine's.
  const now = Math.floor(Date.now() / 1000);
  const [whole, times] = [
    { notBefore: now - 9_000, notAfter: now + 9_000 },
    { notBefore: now, expires: now + 3_000 },
  ];
  const root = await makeRoot(rootHolder, whole);
  const cross = await makeCrossCertificate(root, { crlUrl }, whole, hosts);
  const fields = certificateFields({ key: p256Holder().key, ...times });
  const device = deviceCertificate(fields, [`x.${fields.index}.${label}.swarm.internal`]);
  const own: [string, Uint8Array] = ["CERTIFICATE", signX509(authorityToSign(cross))];
  const other = certificateSerial({ meshId, index: 8, period: 1, k: 0 });
  const member = { ...named, ...times };
  const outside = { ...member, hosts: { dns: ["example.org"], ip: [] } };
  return {
    folder,
    root: file("root.pem", ["CERTIFICATE", root]),
    cross: file("cross.pem", ["CERTIFICATE", cross]),
    own: file("mesh.pem", own),
    device: file("device.pem", ["CERTIFICATE", device]),
    small: file("small.pem", ["CERTIFICATE", deviceCertificate({ scope: "grp:a", ...times })]),
    member: file("member.pem", ["CERTIFICATE", signX509(memberCertificateToSign(member, authority))]),
    outside: file("outside.pem", ["CERTIFICATE", signX509(memberCertificateToSign(outside, authority))]),
    chain: file("chain.pem", ["CERTIFICATE", device], ["CERTIFICATE", cross], ["CERTIFICATE", root]),
    clear: file("clear.crl", ["X509 CRL", crl([revokedEntry(other)], {}, now)]),
    empty: file("empty.crl", ["X509 CRL", crl([], {}, now)]),
    revoking: file("revoking.crl", ["X509 CRL", crl([revokedEntry(other), revokedEntry(fields.serial)], {}, now)]),
    delta: file("delta.crl", ["X509 CRL", crl([revokedEntry(fields.serial)], { number: 1_001, base: 1_000 }, now)]),
  };
}

describe("X.509 in software that nobody here wrote", () => {
  let files: Awaited<ReturnType<typeof meshFolder>>;
  before(async () => {
    files = await meshFolder();
  });
  after(() => rmSync(files.folder, { recursive: true, force: true }));

  withTool("openssl", "openssl", () => {
    const verify = (...given: string[]) => {
      const args = ["verify", "-x509_strict", ...given];
      const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
      return { status, text: stdout + stderr };
    };

    it("accepts leaf, cross-certificate and root, strictly, and leaf under the mesh's own certificate", () => {
      for (const leaf of [files.device, files.small, files.member]) {
        const byRoot = verify("-CAfile", files.root, "-untrusted", files.cross, leaf);
        expect(byRoot.status, byRoot.text).to.equal(0);
        const byMesh = verify("-CAfile", files.own, leaf);
        expect(byMesh.status, byMesh.text).to.equal(0);
      }
    });

    it("accepts the device as client and as server, by its names", () => {
      const name = `x.70000.${label}.swarm.internal`;
      for (const purpose of ["sslclient", "sslserver"]) {
        const answer = verify("-CAfile", files.own, "-purpose", purpose, "-verify_hostname", name, files.device);
        expect(answer.status, answer.text).to.equal(0);
      }
      expect(verify("-CAfile", files.own, "-verify_hostname", "example.org", files.device).status).to.not.equal(0);
      const byAddress = verify("-CAfile", files.own, "-verify_ip", "127.0.0.1", files.member);
      expect(byAddress.status, byAddress.text).to.equal(0);
    });

    it("refuses a name that the root did not let the mesh certify", () => {
      expect(verify("-CAfile", files.own, files.outside).text).to.match(/permitted subtree violation/);
    });

    it("checks revocation by complete and delta lists", () => {
      const check = (...lists: string[]) => {
        const given = lists.flatMap((list) => ["-CRLfile", list]);
        return verify("-crl_check", "-extended_crl", "-use_deltas", "-CAfile", files.own, ...given, files.device);
      };
      for (const list of [files.clear, files.empty]) {
        const answer = check(list);
        expect(answer.status, answer.text).to.equal(0);
      }
      expect(check(files.revoking).text).to.match(/certificate revoked/);
      expect(check(files.clear, files.delta).text).to.match(/certificate revoked/);
      expect(check().text).to.match(/unable to get certificate CRL/);
    });

    it("prints lists and certificates as what they are", () => {
      const text = execFileSync("openssl", ["crl", "-in", files.delta, "-noout", "-text"], { encoding: "utf8" });
      expect(text)
        .to.match(/X509v3 Delta CRL Indicator: critical\s+1000/)
        .and.match(/X509v3 CRL Number:\s+1001/);
      const leaf = execFileSync("openssl", ["x509", "-in", files.device, "-noout", "-text"], { encoding: "utf8" });
      expect(leaf)
        .to.match(/CA:FALSE/)
        .and.include(`URI:spiffe://${label}.swarm.internal/geo/u33db/70000`);
    });
  });

  withTool("certtool", "GnuTLS", () => {
    const verify = (trusted: string, chain: string, list?: string) => {
      const given = list === undefined ? [] : ["--load-crl", list];
      const args = ["--verify", "--load-ca-certificate", trusted, ...given, "--infile", chain];
      const { status, stdout, stderr } = spawnSync("certtool", args, { encoding: "utf8" });
      return { status, text: stdout + stderr };
    };

    it("accepts leaf, cross-certificate and root, and leaf under the mesh's own certificate", () => {
      for (const [trusted, chain] of [
        [files.root, files.chain],
        [files.own, files.device],
        [files.own, files.member],
      ] as const) {
        const answer = verify(trusted, chain);
        expect(answer.status, answer.text).to.equal(0);
      }
    });

    it("refuses a revoked device, and names that the root did not let the mesh certify", () => {
      expect(verify(files.own, files.device, files.clear).status).to.equal(0);
      expect(verify(files.own, files.device, files.revoking).text).to.match(/revoked/);
      expect(verify(files.own, files.outside).text).to.match(/violates the signer's constraints/);
    });
  });

  it("Node reads the certificate as it is", () => {
    const leaf = new X509Certificate(pem("CERTIFICATE", deviceCertificate()));
    const own = new X509Certificate(execFileSync("cat", [files.own]));
    expect(leaf.checkIssued(own)).to.equal(true);
    expect(leaf.verify(own.publicKey)).to.equal(true);
    expect(leaf.checkHost(`70000.${label}.swarm.internal`)).to.not.equal(undefined);
  });
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "chai";

import { type BundlePins, encodeBundle, verifyBundle } from "../../src/certificate/bundle.js";
import {
  type CommitteeList,
  committeeListPayload,
  committeeListToSign,
  encodeCommitteeList,
  listedEndpoint,
  verifyCommitteeList,
} from "../../src/certificate/committee-list.js";
import { normalizeP256Signature } from "../../src/certificate/public-key-info.js";
import { decodeX509Certificate, pem } from "../../src/certificate/x509.js";
import {
  createRootCertificate,
  verifyCrossCertificate,
  verifyRootCertificate,
} from "../../src/certificate/x509-root.js";
import { COSE_ALG } from "../../src/statements/cose.js";
import { X509_OID } from "../../src/statements/x509.js";
import { withTool } from "../tools.js";
import {
  NOW,
  checks,
  ed25519Holder,
  expectRefusal,
  externalAad,
  facts,
  groupSign,
  hex,
  makeCrossCertificate,
  makeRoot,
  meshId,
  p256Holder,
  rootHolder,
  seed,
  trust,
  validity,
} from "./fixtures.js";

const committee: CommitteeList = {
  generation: 1,
  epoch: 3,
  tick: 99,
  issued: NOW,
  members: [1, 2, 3, 4].map((seat) => ({
    seat,
    account: seed(`account ${seat}`).slice(12),
    endpoint: `validator${seat}.example:8443`,
    tlsPin: seed(`tls ${seat}`),
    scope: "geo:u33",
    blsKey: trust.keys.bls,
    ed25519Key: trust.keys.ed25519,
  })),
};

function signedList(changes: Partial<CommitteeList> = {}, aad = externalAad): Uint8Array {
  const payload = committeeListPayload({ ...committee, ...changes });
  return encodeCommitteeList(payload, groupSign(COSE_ALG.bls, committeeListToSign(aad, payload)));
}

describe("root and cross-certificate", () => {
  it("give back what was certified", async () => {
    const root = await makeRoot();
    const { device } = checks;
    const verified = verifyCrossCertificate(
      await makeCrossCertificate(root),
      verifyRootCertificate(root, device),
      device,
    );
    expect(verified).to.deep.equal({ ...facts, ...validity });
  });

  it("keep every certified value, at its limits too", async () => {
    const root = await makeRoot();
    const edge = { chainId: 2n ** 64n - 1n, generation: 2 ** 53 - 1 };
    const times = { notBefore: 0, notAfter: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000 };
    const { device } = checks;
    const cross = await makeCrossCertificate(root, edge, times);
    expect(verifyCrossCertificate(cross, verifyRootCertificate(root, device), device)).to.deep.include({
      ...edge,
      ...times,
    });
  });

  withTool("openssl", "are accepted by openssl", () => {
    it("are accepted by openssl, strictly", async () => {
      const folder = mkdtempSync(join(tmpdir(), "swarmkeep-x509-"));
      try {
        const root = await makeRoot();
        const [rootFile, crossFile] = [join(folder, "root.pem"), join(folder, "cross.pem")];
        writeFileSync(rootFile, pem("CERTIFICATE", root));
        writeFileSync(crossFile, pem("CERTIFICATE", await makeCrossCertificate(root)));
        const at = ["-attime", String(NOW), "-x509_strict", "-check_ss_sig"];
        const output = execFileSync("openssl", ["verify", ...at, "-CAfile", rootFile, crossFile], { encoding: "utf8" });
        expect(output).to.contain("cross.pem: OK");
        const text = execFileSync("openssl", ["x509", "-in", crossFile, "-noout", "-text"], { encoding: "utf8" });
        expect(text).to.contain(`Subject: CN = Swarmkeep mesh ${hex(meshId).slice(0, 8)}`);
        expect(text).to.match(/CA:TRUE, pathlen:0[^]*Certificate Sign, CRL Sign/);
        expect(text).to.contain(X509_OID.groupKeys);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  it("carry signatures with s in the lower half, whatever the signer makes", async () => {
    const half = p256.Point.Fn.ORDER / 2n;
    for (const label of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
      const high = (message: Uint8Array): Uint8Array => {
        const low = rootHolder.sign(message);
        const s = BigInt(`0x${hex(low.slice(32))}`);
        const other = (p256.Point.Fn.ORDER - s).toString(16).padStart(64, "0");
        return Uint8Array.from([...low.slice(0, 32), ...Buffer.from(other, "hex")]);
      };
      const serial = seed(label).slice(0, 16);
      const root = await createRootCertificate({
        ...validity,
        key: rootHolder.key,
        commonName: "r",
        serial,
        sign: high,
      });
      const { signature } = verifyRootCertificate(root, checks.device);
      expect(BigInt(`0x${hex(signature.slice(32))}`) <= half).to.equal(true);
      expect(normalizeP256Signature(signature)).to.equal(signature);
    }
  });

  it("by another key, or for another purpose, are refused", async () => {
    const root = await makeRoot();
    const { device } = checks;
    const parsed = verifyRootCertificate(root, device);
    const cross = await makeCrossCertificate(root);
    const stranger = verifyRootCertificate(await makeRoot(p256Holder("stranger")), device);
    expectRefusal(() => verifyCrossCertificate(cross, stranger, device), "bad-signature");
    expectRefusal(() => verifyRootCertificate(cross, device), "wrong-kind");
    expectRefusal(() => verifyCrossCertificate(root, parsed, device), "wrong-kind");
    const renamed = { ...rootHolder, ...validity, commonName: "Another root", serial: seed("s").slice(0, 16) };
    const underAnotherName = await makeCrossCertificate(await createRootCertificate(renamed));
    expectRefusal(() => verifyCrossCertificate(underAnotherName, parsed, device), "bad-signature");
    const forged = await makeRoot({ key: rootHolder.key, sign: p256Holder("stranger").sign });
    expectRefusal(() => verifyRootCertificate(forged, device), "bad-signature");
    const request = { ...ed25519Holder(), ...validity, commonName: "r", serial: seed("s").slice(0, 16) };
    const edRoot = await createRootCertificate(request);
    expectRefusal(() => verifyRootCertificate(edRoot, device), "wrong-kind");
  });

  it("with any byte changed are refused", async () => {
    const root = verifyRootCertificate(await makeRoot(), checks.device);
    const cross = await makeCrossCertificate(root.encoded);
    for (let at = 0; at < cross.length; at += 3) {
      const changed = cross.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => verifyCrossCertificate(changed, root, checks.device), `byte ${at}`).to.throw();
    }
  });

  it("have one encoding: none with bytes after it, or lengths written longer", async () => {
    const root = await makeRoot();
    expectRefusal(() => decodeX509Certificate(Uint8Array.of(...root, 0), "root"), "malformed", "root");
    const [tag, form, high, low, ...rest] = root;
    expect(form).to.equal(0x82);
    const long = Uint8Array.of(tag as number, 0x83, 0, high as number, low as number, ...rest);
    expectRefusal(() => decodeX509Certificate(long, "root"), "malformed", "root");
    expectRefusal(() => decodeX509Certificate(new Uint8Array(4_097), "root"), "malformed", "root");
  });
});

describe("committee list", () => {
  it("under the BLS group key verifies, and gives its members", () => {
    expect(verifyCommitteeList(signedList(), trust, checks.bls)).to.deep.equal(committee);
  });

  it("of another mesh or generation, or changed, is refused", () => {
    expectRefusal(() => verifyCommitteeList(signedList({}, seed("x")), trust, checks.bls), "bad-signature");
    expectRefusal(() => verifyCommitteeList(signedList({ generation: 0 }), trust, checks.bls), "generation-old");
    expectRefusal(() => verifyCommitteeList(signedList({ generation: 2 }), trust, checks.bls), "generation-unknown");
  });

  it("has its seats in ascending order, each once", () => {
    const [first, second] = committee.members as [CommitteeList["members"][0], CommitteeList["members"][0]];
    for (const members of [[second, first], [first, first], [{ ...first, seat: 0 }]]) {
      const list = signedList({ members });
      expectRefusal(() => verifyCommitteeList(list, trust, checks.bls), "malformed");
    }
    expectRefusal(() => verifyCommitteeList(signedList({ members: [] }), trust, checks.bls), "malformed");
  });

  it("lists nonsense that a member registered as nothing, and stays readable", () => {
    for (const good of ["10.0.0.1:1", "[::1]:8443", "a-b.example:65535"]) expect(listedEndpoint(good)).to.equal(good);
    for (const bad of ["", "host", "http://host:1", "a b:1", "a:123456", `${"a".repeat(255)}:1`, "é:1"]) {
      expect(listedEndpoint(bad), bad).to.equal("");
    }
    const [first] = committee.members as [CommitteeList["members"][0]];
    const list = signedList({ members: [{ ...first, endpoint: "\u0000", scope: "anywhere" }] });
    expect(verifyCommitteeList(list, trust, checks.bls).members[0]).to.include({ endpoint: "", scope: "" });
  });
});

describe("trust bundle", () => {
  let root: Uint8Array;
  let cross: Uint8Array;
  let pins: BundlePins;
  before(async () => {
    root = await makeRoot();
    cross = await makeCrossCertificate(root);
    pins = { rootFingerprint: sha256(root), now: NOW, meshId };
  });
  const bundle = (crossCertificates = [cross], committeeList: Uint8Array | undefined = signedList()): Uint8Array =>
    encodeBundle({ root, crossCertificates, committeeList });

  it("verifies from the pinned root down to the committee", () => {
    expect(verifyBundle(bundle(), pins, checks)).to.deep.equal({
      ...facts,
      ...trust,
      former: undefined,
      generations: [{ generation: 1, keys: trust.keys, link: undefined }],
      validity,
      committee,
    });
    const bare = encodeBundle({ root, crossCertificates: [cross], committeeList: undefined });
    expect(verifyBundle(bare, pins, checks).committee).to.equal(undefined);
  });

  it("of another root or mesh is refused", () => {
    expectRefusal(() => verifyBundle(bundle(), { ...pins, rootFingerprint: seed("x") }, checks), "wrong-mesh");
    expectRefusal(() => verifyBundle(bundle(), { ...pins, meshId: seed("x") }, checks), "wrong-mesh");
  });

  it("follows the generations forward, and never back", async () => {
    const second = await makeCrossCertificate(root, { generation: 2 });
    const list = signedList({ generation: 2 });
    expect(verifyBundle(bundle([cross, second], list), pins, checks).generation).to.equal(2);
    expectRefusal(() => verifyBundle(bundle([second, cross], list), pins, checks), "malformed");
    expectRefusal(() => verifyBundle(bundle([cross, cross]), pins, checks), "malformed");
    expectRefusal(() => verifyBundle(bundle([cross]), { ...pins, minimumGeneration: 2 }, checks), "generation-old");
    const foreign = await makeCrossCertificate(root, { generation: 2, meshId: seed("x") });
    expectRefusal(
      () => verifyBundle(bundle([cross, foreign]), { rootFingerprint: sha256(root), now: NOW }, checks),
      "wrong-mesh",
    );
  });

  it("counts while its certificates do", () => {
    const at = (now: number | undefined) => () => verifyBundle(bundle(), { ...pins, now }, checks);
    expectRefusal(at(validity.notAfter + 1), "expired");
    expectRefusal(at(validity.notBefore - 61), "not-yet-valid");
    at(undefined)();
  });

  it("counts for as long as both the root and its word for the keys do", async () => {
    const short = { notBefore: validity.notBefore + 10, notAfter: validity.notAfter - 10 };
    const ending = await makeRoot(rootHolder, short);
    const crossCertificates = [await makeCrossCertificate(ending)];
    const encoded = encodeBundle({ root: ending, crossCertificates, committeeList: signedList() });
    const trusted = verifyBundle(encoded, { ...pins, rootFingerprint: sha256(ending) }, checks);
    expect(trusted.validity).to.deep.equal(short);
  });

  it("with a committee list that is not the swarm's is refused", () => {
    expectRefusal(() => verifyBundle(bundle([cross], signedList({}, seed("x"))), pins, checks), "bad-signature");
  });
});

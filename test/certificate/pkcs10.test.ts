import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { decodeCertificateRequest, requestedNames, verifyCertificateRequest } from "../../src/certificate/pkcs10.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { withTool } from "../tools.js";
import { readVectorBytes, withVectors } from "../vectors.js";
import { makeCsr } from "./csr-fixture.js";
import { checks, ed25519Holder, expectRefusal, p256Holder } from "./fixtures.js";

const verify = (encoded: Uint8Array): unknown => verifyCertificateRequest(encoded, checks.device);

describe("certificate request (PKCS#10)", () => {
  for (const holder of [ed25519Holder(), p256Holder()]) {
    it(`with a key of type ${holder.key.type} shows that key`, () => {
      expect(verify(makeCsr(holder))).to.deep.include({ key: holder.key });
    });
  }

  withTool("openssl", "made by openssl", () => {
    for (const [name, type, options] of [
      ["P-256", KEY_TYPE.p256, ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
      ["Ed25519", KEY_TYPE.ed25519, ["-newkey", "ed25519"]],
    ] as const) {
      it(`made by openssl with a ${name} key and attributes verifies`, () => {
        const folder = mkdtempSync(join(tmpdir(), "swarmkeep-csr-"));
        try {
          const file = join(folder, "csr.der");
          const subject = ["-subj", "/O=Example/CN=device 7", "-addext", "subjectAltName=DNS:device7.example"];
          const output = ["-outform", "DER", "-out", file, "-keyout", join(folder, "key.pem"), "-nodes"];
          execFileSync("openssl", ["req", "-new", ...options, ...subject, ...output], { stdio: "pipe" });
          const request = verifyCertificateRequest(readFileSync(file), checks.device);
          expect(request.key.type).to.equal(type);
          expect(requestedNames(request)).to.deep.equal(["device7.example"]);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  });

  it("gives the names that it asks for, in order and once", () => {
    const asked = (...names: string[]) => requestedNames(decodeCertificateRequest(makeCsr(p256Holder(), 0, names)));
    expect(asked("b.example", "A.example", "b.example")).to.deep.equal(["a.example", "b.example"]);
    expect(asked()).to.deep.equal([]);
  });

  it("signed by another key is refused", () => {
    const forged = makeCsr({ key: p256Holder().key, sign: p256Holder("thief").sign });
    expectRefusal(() => verify(forged), "bad-signature");
  });

  it("with any byte changed is refused", () => {
    const csr = makeCsr(p256Holder());
    for (let at = 0; at < csr.length; at++) {
      const changed = csr.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => verify(changed), `byte ${at}`)
        .to.throw()
        .with.property("name", "Refusal");
    }
  });

  it("of another version, too long or not DER is refused", () => {
    expectRefusal(() => verify(makeCsr(ed25519Holder(), 1)), "malformed", "csr.info");
    expectRefusal(() => verify(new Uint8Array(4_097)), "malformed", "csr");
    expectRefusal(() => verify(Uint8Array.of(0x30, 0x80, 0, 0)), "malformed", "csr");
  });

  withVectors("broken certificate requests", () => {
    for (const [name, code] of [
      ["csr.ber-length", "malformed"],
      ["csr.trailing", "malformed"],
      ["csr.truncated", "malformed"],
      ["csr.sig-bit", "wrong-kind"],
      ["csr.subject-bit", "wrong-kind"],
    ] as const) {
      it(`${name} is refused (an RSA request: ${code})`, () => {
        expectRefusal(() => verify(readVectorBytes("est", `${name}.tampered.der`)), code);
      });
    }

    it("an RSA request is refused as another kind of key", () => {
      const csr = readVectorBytes("est", "rfc7030_clientSimpleEnrol.der");
      expectRefusal(() => decodeCertificateRequest(csr), "wrong-kind");
    });
  });
});

import { execFileSync } from "node:child_process";

import { expect } from "chai";

import { decodeCertsOnly, encodeCertsOnly } from "../../src/certificate/cms.js";
import { WANTED_ATTRIBUTES, decodeCsrAttributes, encodeCsrAttributes } from "../../src/certificate/csr-attributes.js";
import { DER, der, derOid, derSequence } from "../../src/certificate/der.js";
import { pem } from "../../src/certificate/x509.js";
import { withTool } from "../tools.js";
import { readVectorBytes, withVectors } from "../vectors.js";
import { expectRefusal, makeCrossCertificate, makeRoot } from "./fixtures.js";

describe("certs-only messages (RFC 5652)", () => {
  let chain: readonly [Uint8Array, Uint8Array];
  before(async () => {
    const root = await makeRoot();
    chain = [await makeCrossCertificate(root), root];
  });

  it("hand over certificates in order", () => {
    expect(decodeCertsOnly(encodeCertsOnly(chain)).map((one) => Buffer.from(one))).to.deep.equal(
      chain.map(Buffer.from),
    );
    expect(decodeCertsOnly(encodeCertsOnly([]))).to.deep.equal([]);
  });

  withTool("openssl", "made for openssl", () => {
    it("are read by openssl", () => {
      const input = pem("PKCS7", encodeCertsOnly(chain));
      const printed = execFileSync("openssl", ["pkcs7", "-print_certs"], { input, encoding: "utf8" });
      expect(printed.match(/BEGIN CERTIFICATE/g)).to.have.length(2);
    });
  });

  withVectors("of RFC 7030, appendix A", () => {
    for (const [name, count] of [
      ["rfc7030_cacertsResponse", 4],
      ["rfc7030_serverSimpleEnrolResponse", 1],
    ] as const) {
      it(`${name} has ${count} of them, and is written again but for its empty list of CRLs`, () => {
        const encoded = readVectorBytes("est", `${name}.der`);
        const certificates = decodeCertsOnly(encoded);
        expect(certificates).to.have.length(count);
        const ours = Buffer.from(encodeCertsOnly(certificates)).toString("hex");
        const theirs = Buffer.from(encoded).toString("hex");
        expect(ours.slice(-200)).to.equal(theirs.replace(/a1003100$/, "3100").slice(-200));
      });
    }
  });

  it("with a signer, a content, a digest, more certificates or other bytes than they take are refused", () => {
    const good = Buffer.from(encodeCertsOnly(chain)).toString("hex");
    const refused = (hex: string): void => {
      expectRefusal(() => decodeCertsOnly(Uint8Array.from(Buffer.from(hex, "hex"))), "malformed");
    };
    refused(good.slice(0, -4) + "3101");
    refused(good.replace("2a864886f70d010702", "2a864886f70d010703"));
    refused(good + "00");
    refused(good.slice(0, 60));
    expectRefusal(() => decodeCertsOnly(encodeCertsOnly(Array.from({ length: 17 }, () => chain[1]))), "malformed");
    expectRefusal(() => decodeCertsOnly(new Uint8Array(65_537)), "malformed");
  });
});

describe("CSR attributes (RFC 7030, section 4.5.2)", () => {
  it("ask for a P-256 or Ed25519 key and alternative names", () => {
    const encoded = encodeCsrAttributes(WANTED_ATTRIBUTES);
    expect(encodeCsrAttributes(decodeCsrAttributes(encoded))).to.deep.equal(encoded);
    expect(decodeCsrAttributes(encoded)).to.have.length(4);
  });

  withVectors("of RFC 7030, appendix A", () => {
    for (const [name, count] of [
      ["rfc7030_csrattrs1", 4],
      ["rfc7030_csrattrs2", 6],
    ] as const) {
      it(`${name} is read and written again`, () => {
        const encoded = Uint8Array.from(readVectorBytes("est", `${name}.der`));
        const attributes = decodeCsrAttributes(encoded);
        expect(attributes).to.have.length(count);
        expect(encodeCsrAttributes(attributes)).to.deep.equal(encoded);
      });
    }
  });

  it("that are no list of identifiers are refused", () => {
    const bad = [
      der(DER.set),
      derSequence(der(DER.integer, Uint8Array.of(1))),
      derSequence(derSequence(derOid("1.2.3"))),
    ];
    for (const encoded of [...bad, new Uint8Array(4_097)])
      expectRefusal(() => decodeCsrAttributes(encoded), "malformed");
  });
});

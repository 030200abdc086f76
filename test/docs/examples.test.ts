import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { decodeCertificate, verifyCertificate } from "../../src/certificate/certificate.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import { checkRequest } from "../../src/certificate/request-check.js";
import { decodeRequest } from "../../src/certificate/request.js";
import { verifyDeviceRevocation } from "../../src/certificate/revocation-request.js";
import { nobleSignatures } from "../../src/certificate/signatures.js";
import { verifyBundle } from "../../src/certificate/bundle.js";
import { verifyPresentation } from "../../src/certificate/verify.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { parseDealing, verifyDealingProof } from "../../src/crypto/dealing.js";
import { decodeSignedRevocation } from "../../src/protocol/api.js";
import { examples, formatExample } from "./examples.js";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "examples");
const checks = { bls: nobleBls, device: nobleSignatures };

/** Fields of an example's file. */
function read(name: string) {
  const fields = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Record<string, unknown>;
  const text = (field: string): string => fields[field] as string;
  const toBytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
  return {
    text,
    number: (field: string): number => fields[field] as number,
    bytes: (field: string): Uint8Array => toBytes(text(field)),
    list: (field: string): Uint8Array[] => (fields[field] as string[]).map(toBytes),
  };
}

describe("the examples of docs/protocol.md", () => {
  it("are what the code makes (UPDATE_EXAMPLES=1 writes them anew)", async () => {
    const made = await examples();
    if (process.env["UPDATE_EXAMPLES"] !== undefined) {
      mkdirSync(folder, { recursive: true });
      for (const [name, example] of Object.entries(made)) {
        writeFileSync(join(folder, `${name}.json`), formatExample(example));
      }
    }
    const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
    expect(files.toSorted()).to.deep.equal(
      Object.keys(made)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
    for (const [name, example] of Object.entries(made)) {
      expect(readFileSync(join(folder, `${name}.json`), "utf8"), name).to.equal(formatExample(example));
    }
  });

  it("verify from the root's fingerprint down, as a device would", () => {
    const bundle = read("bundle");
    const shown = read("presentation");
    const now = shown.number("now");
    const pins = { rootFingerprint: bundle.bytes("rootFingerprint"), now };
    const trust = verifyBundle(bundle.bytes("bundle"), pins, checks);
    expect(trust.committee?.members).to.have.length(4);
    for (const algorithm of ["bls", "ed25519"]) {
      const result = verifyPresentation({
        trust,
        presentation: shown.bytes(algorithm),
        challenge: shown.bytes("challenge"),
        audience: shown.text("audience"),
        scope: "geo:u33db",
        now,
        memory: new HeadMemory(undefined, () => undefined),
        checks,
      });
      expect(result).to.include({ accepted: true, index: 260, scope: "geo:u33d" });
      expect(
        verifyCertificate(read(`certificate-${algorithm}`).bytes("certificate"), trust, now, checks).index,
      ).to.equal(260);
    }
    for (const name of ["enrolment", "renewal"]) {
      const { serial } = decodeCertificate(read(name).bytes("certificate"));
      const { certificate } = checkRequest(decodeRequest(read(name).bytes("request")), trust, checks);
      expect(certificate.serial, name).to.deep.equal(serial);
    }
    const revocation = read("revocation");
    expect(verifyDeviceRevocation(revocation.bytes("request"), trust, checks).index).to.equal(260);
    const { signature } = decodeSignedRevocation(revocation.bytes("statement"));
    expect(nobleBls.verify(trust.keys.bls, revocation.bytes("digest"), signature)).to.equal(true);
  });

  it("show dealings whose proofs hold, and an activation signed by their outcome", () => {
    const ceremony = read("ceremony");
    const meshId = read("ledger-digests").bytes("meshId");
    const context = { meshId, contract: ceremony.bytes("contract"), ceremony: 1n, attempt: 1 };
    for (const [i, dealing] of ceremony.list("dealings").entries()) {
      const parsed = parseDealing(dealing, "generation", ceremony.number("n"), ceremony.number("t"));
      expect(verifyDealingProof(context, i + 1, parsed)).to.equal(true);
    }
    const [key, digest] = [ceremony.bytes("blsKey"), ceremony.bytes("activationDigest")];
    expect(nobleBls.verify(key, digest, ceremony.bytes("activationSignature"))).to.equal(true);
  });
});

import { expect } from "chai";

import {
  type CoseSign1,
  decodeCoseSign1,
  decodeSignedObject,
  encodeCoseSign1,
  sigStructure,
  signObject,
} from "../../src/certificate/cose.js";
import { verifyByDevice } from "../../src/certificate/cose-key.js";
import { nobleSignatures } from "../../src/certificate/signatures.js";
import { COSE_ALG, COSE_HEADER, KEY_TYPE } from "../../src/statements/cose.js";
import { readVector, readVectors, withVectors } from "../vectors.js";
import { ed25519Holder, expectRefusal, externalAad, fromHex, hex, seed } from "./fixtures.js";

interface CoseVector {
  title: string;
  fail?: boolean;
  input: {
    plaintext?: string;
    plaintext_hex?: string;
    sign0: { external?: string; key: Record<string, string> };
  };
  intermediates: { ToBeSign_hex: string };
  output: { cbor: string };
}

/** A coordinate in hex, or in base64url as JOSE writes it. */
function coordinate(key: Record<string, string>, name: string): Uint8Array {
  return key[`${name}_hex`] !== undefined
    ? fromHex(key[`${name}_hex`] as string)
    : new Uint8Array(Buffer.from(key[name] as string, "base64url"));
}

/** Reads a vector's message with this project's decoder and checks it with this project's verifier. */
function check({ input, output }: CoseVector): { message: CoseSign1; signed: Uint8Array; valid: boolean } {
  const encoded = fromHex(output.cbor);
  const tagged = encoded[0] === 0x84 ? "absent" : "required";
  const message = decodeCoseSign1(encoded, "vector", { tagged });
  const signed = sigStructure(message.protectedHeader, fromHex(input.sign0.external ?? ""), message.payload);
  const algorithm = message.protectedHeader.get(COSE_HEADER.alg) ?? message.unprotectedHeader.get(COSE_HEADER.alg);
  const [x, y] = [coordinate(input.sign0.key, "x"), coordinate(input.sign0.key, "y")];
  const key = { type: KEY_TYPE.p256, bytes: Uint8Array.of(2 | ((y[31] as number) & 1), ...x) };
  const valid = algorithm === COSE_ALG.es256 && verifyByDevice(key, signed, message.signature, nobleSignatures);
  return { message, signed, valid };
}

describe("COSE_Sign1 (RFC 9052)", () => {
  withVectors("COSE_Sign1 and CWT", () => {
    for (const { name, vector } of readVectors<CoseVector>("cose", "sign1-tests")) {
      it(`vector ${name} is ${vector.fail === true ? "refused" : "accepted, byte for byte"}`, () => {
        if (vector.fail === true) {
          let valid = false;
          try {
            ({ valid } = check(vector));
          } catch (refusal) {
            expect(refusal).to.have.property("code", "malformed");
          }
          expect(valid).to.equal(false);
          return;
        }
        const { message, signed, valid } = check(vector);
        expect(hex(signed).toUpperCase()).to.equal(vector.intermediates.ToBeSign_hex);
        expect(valid).to.equal(true);
        expect(Buffer.from(message.payload).toString()).to.equal(vector.input.plaintext);
      });
    }

    it("the signed token of RFC 8392, appendix A.3, is accepted, and written again byte for byte", () => {
      const vector = readVector<CoseVector>("cwt", "A_3.json");
      const { message, signed, valid } = check(vector);
      expect(valid).to.equal(true);
      expect(hex(message.payload)).to.equal(vector.input.plaintext_hex);
      expect(hex(signed).toUpperCase()).to.equal(vector.intermediates.ToBeSign_hex);
      expect(hex(encodeCoseSign1(message)).toUpperCase()).to.equal(vector.output.cbor);
    });

    for (const name of ["A_4", "A_5", "A_6", "A_7"]) {
      it(`the token of RFC 8392 in file ${name}, which is no COSE_Sign1, is refused`, () => {
        const { output } = readVector<CoseVector>("cwt", `${name}.json`);
        expectRefusal(() => decodeCoseSign1(fromHex(output.cbor), "vector"), "malformed", "vector");
      });
    }
  });

  it("signs bytes that start with 0x84 and bind mesh, chain and contract", () => {
    const signed = sigStructure(new Map([[1, -8]]), externalAad, seed("payload"));
    expect(signed[0]).to.equal(0x84);
    expect(hex(signed)).to.contain(hex(externalAad));
  });

  it("is read back by the profile, by type and algorithm", async () => {
    const { sign } = ed25519Holder();
    const kind = { typ: 65003, algorithm: COSE_ALG.eddsa } as const;
    const encoded = await signObject(kind, externalAad, seed("payload"), sign);
    expect(decodeSignedObject(encoded, "object", 65003, [COSE_ALG.eddsa])).to.deep.include({
      ...kind,
      payload: seed("payload"),
    });
    expectRefusal(() => decodeSignedObject(encoded, "object", 65004, [COSE_ALG.eddsa]), "wrong-kind", "object.typ");
    expectRefusal(
      () => decodeSignedObject(encoded, "object", 65003, [COSE_ALG.es256]),
      "wrong-kind",
      "object.algorithm",
    );
  });

  for (const [what, encoded, field] of [
    ["an empty protected header", "d28440a041014100", "object.protected.algorithm"],
    ["a header without a type", "d28443a10127a041014100", "object.protected.typ"],
    ["a protected header that is no map", "d2844101a041014100", "object.protected"],
    ["a protected header out of order", "d28448a21019fdeb012700a041014100", "object.protected"],
    ["a detached payload", "d28447a201271019fdeba0f64100", "object.payload"],
    ["an empty signature", "d28447a201271019fdeba0410140", "object.signature"],
    ["three parts", "d28347a201271019fdeba04101", "object"],
    ["the tag in a longer form", "d8128447a201271019fdeba041014100", "object"],
  ] as const) {
    it(`with ${what} is refused`, () => {
      const decode = (): unknown => decodeSignedObject(fromHex(encoded), "object", 65003, [COSE_ALG.eddsa]);
      expectRefusal(decode, "malformed", field);
    });
  }
});

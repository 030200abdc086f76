import { expect } from "chai";
import fc from "fast-check";

import { type CborValue, encodeCbor } from "../../src/certificate/cbor.js";
import {
  certificatePayload,
  certificateSerial,
  decodeCertificate,
  decodeCertificatePayload,
  encodeCertificate,
  verifyCertificate,
} from "../../src/certificate/certificate.js";
import { encodeCoseSign1, encodeSignedObject } from "../../src/certificate/cose.js";
import { coseKey } from "../../src/certificate/cose-key.js";
import { CLAIM, COSE_ALG, COSE_TYP } from "../../src/statements/cose.js";
import {
  NOW,
  certificateFields,
  checks,
  ed25519Holder,
  expectRefusal,
  groupSign,
  hex,
  issue,
  meshId,
  p256Holder,
  seed,
  trust,
} from "./fixtures.js";

const widest = {
  scope: `grp:${"a".repeat(60)}`,
  key: p256Holder().key,
  index: 2 ** 40,
  deviceClass: 255,
  generation: 70_000,
};

describe("compact certificate", () => {
  for (const [name, algorithm] of [
    ["BLS", COSE_ALG.bls],
    ["Ed25519", COSE_ALG.eddsa],
  ] as const) {
    for (const holder of [ed25519Holder(), p256Holder()]) {
      it(`under the ${name} group key, for a key of type ${holder.key.type}, verifies`, () => {
        const fields = certificateFields({ key: holder.key });
        const certificate = verifyCertificate(issue({ key: holder.key }, algorithm), trust, NOW, checks);
        expect(certificate).to.deep.include({ ...fields, algorithm });
      });
    }
  }

  it("takes at most 300 bytes with every field at its widest", () => {
    expect(issue(widest).length).to.be.at.most(300);
    expect(issue().length).to.be.at.most(240);
  });

  it("has the same payload for the same fields, and gives them back", () => {
    const fields = fc.record({
      notBefore: fc.nat(2 ** 31 - 1),
      expires: fc.integer({ min: 2 ** 31, max: 2 ** 33 }),
      serial: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      key: fc.constantFrom(ed25519Holder("a").key, p256Holder("b").key, p256Holder("c").key, p256Holder("d").key),
      scope: fc.constantFrom("geo:u", "geo:u33dbcdefghj", "grp:a/b-c/9"),
      generation: fc.nat(),
      index: fc.maxSafeInteger().filter((index) => index >= 0),
      deviceClass: fc.nat(255),
    });
    fc.assert(
      fc.property(fields, (fields) => {
        expect(decodeCertificatePayload(certificatePayload(fields))).to.deep.equal(fields);
      }),
    );
  });

  it("has a serial that is fixed by mesh, device, period and count", () => {
    const fields = { meshId, index: 1, period: 2, k: 3 };
    const serial = certificateSerial(fields);
    expect(serial).to.have.length(16);
    for (const other of [{ meshId: seed("x") }, { index: 2 }, { period: 3 }, { k: 4 }]) {
      expect(hex(certificateSerial({ ...fields, ...other }))).not.to.equal(hex(serial));
    }
  });

  it("counts from a minute before notBefore to its last second", () => {
    const { notBefore, expires } = certificateFields();
    const certificate = issue();
    verifyCertificate(certificate, trust, notBefore - 60, checks);
    verifyCertificate(certificate, trust, expires - 1, checks);
    expectRefusal(() => verifyCertificate(certificate, trust, notBefore - 61, checks), "not-yet-valid");
    expectRefusal(() => verifyCertificate(certificate, trust, expires, checks), "expired");
  });

  it("of another generation is refused", () => {
    expectRefusal(() => verifyCertificate(issue({ generation: 0 }), trust, NOW, checks), "generation-old");
    expectRefusal(() => verifyCertificate(issue({ generation: 2 }), trust, NOW, checks), "generation-unknown");
  });

  it("of another mesh, chain or contract is refused", () => {
    for (const algorithm of [COSE_ALG.bls, COSE_ALG.eddsa] as const) {
      const foreign = issue({}, algorithm, seed("another domain"));
      expectRefusal(() => verifyCertificate(foreign, trust, NOW, checks), "bad-signature");
    }
  });

  it("with any byte changed is refused", () => {
    const certificate = issue({}, COSE_ALG.eddsa);
    for (let at = 0; at < certificate.length; at++) {
      const changed = certificate.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => verifyCertificate(changed, trust, NOW, checks), `byte ${at}`).to.throw();
    }
  });

  it("is not mistaken for another object, nor another for it", () => {
    const payload = certificatePayload(certificateFields());
    const signature = groupSign(COSE_ALG.eddsa, payload);
    const kinds = [
      { typ: COSE_TYP.drlHead, algorithm: COSE_ALG.eddsa },
      { typ: COSE_TYP.certificate, algorithm: COSE_ALG.es256 },
    ];
    for (const kind of kinds) {
      expectRefusal(() => decodeCertificate(encodeSignedObject({ ...kind, payload, signature })), "wrong-kind");
    }
  });

  it("has nothing outside the signature", () => {
    const message = {
      protectedHeader: new Map([
        [1, COSE_ALG.eddsa],
        [16, COSE_TYP.certificate],
      ]),
      unprotectedHeader: new Map([[4, seed("kid")]]),
      payload: certificatePayload(certificateFields()),
      signature: new Uint8Array(64),
    };
    expectRefusal(() => decodeCertificate(encodeCoseSign1(message)), "malformed", "certificate.unprotected");
    const extra = {
      ...message,
      unprotectedHeader: new Map(),
      protectedHeader: new Map([...message.protectedHeader, [2, 1]]),
    };
    expectRefusal(() => decodeCertificate(encodeCoseSign1(extra)), "malformed", "certificate.protected");
    const untagged = encodeCoseSign1({ ...message, unprotectedHeader: new Map() }, { tagged: false });
    expectRefusal(() => decodeCertificate(untagged), "malformed", "certificate");
  });

  const claims = (changes: readonly [number, CborValue | undefined][]): Uint8Array => {
    const { expires, notBefore, serial, key, scope } = certificateFields();
    const all = new Map<number, CborValue>([
      [CLAIM.exp, expires],
      [CLAIM.nbf, notBefore],
      [CLAIM.cti, serial],
      [CLAIM.cnf, new Map([[1, coseKey(key)]])],
      [CLAIM.scope, scope],
      [CLAIM.member, [1, 2, 0]],
    ]);
    for (const [claim, value] of changes) {
      if (value === undefined) all.delete(claim);
      else all.set(claim, value);
    }
    return encodeCertificate(COSE_ALG.eddsa, encodeCbor(all), new Uint8Array(64));
  };
  const x = new Uint8Array(32);
  for (const [what, changes, field] of [
    ["without an end", [[CLAIM.exp, undefined]], "claims.expires"],
    [
      "that ends before it begins",
      [
        [CLAIM.exp, 5],
        [CLAIM.nbf, 5],
      ],
      "claims.expires",
    ],
    ["with a negative time", [[CLAIM.nbf, -1]], "claims.notBefore"],
    ["with a short serial", [[CLAIM.cti, new Uint8Array(15)]], "claims.serial"],
    ["with an unknown claim", [[1, "issuer"]], "claims"],
    ["with a scope that is none", [[CLAIM.scope, "geo:a"]], "claims.scope"],
    ["with a class beyond a byte", [[CLAIM.member, [1, 2, 256]]], "claims.member.deviceClass"],
    ["with an index beyond 2^53", [[CLAIM.member, [1, 2n ** 53n, 0]]], "claims.member.index"],
    [
      "with a mixed key",
      [
        [
          CLAIM.cnf,
          new Map([
            [
              1,
              new Map<number, CborValue>([
                [1, 1],
                [-1, 1],
                [-2, x],
              ]),
            ],
          ]),
        ],
      ],
      "claims.confirmation.key",
    ],
    [
      "with a P-256 key without the sign of y",
      [
        [
          CLAIM.cnf,
          new Map([
            [
              1,
              new Map<number, CborValue>([
                [1, 2],
                [-1, 1],
                [-2, x],
              ]),
            ],
          ]),
        ],
      ],
      "claims.confirmation.key",
    ],
    ["with a key identifier", [[CLAIM.cnf, new Map([[3, x]])]], "claims.confirmation"],
  ] as [string, [number, CborValue | undefined][], string][]) {
    it(`${what} is refused by the field's name`, () => {
      expectRefusal(() => decodeCertificate(claims(changes)), "malformed", field);
    });
  }
});

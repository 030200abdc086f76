import { expect } from "chai";
import { TypedDataEncoder, getBytes, hexlify } from "ethers";
import fc from "fast-check";

import {
  DOMAIN_NAME,
  DOMAIN_VERSION,
  STATEMENTS,
  domainSeparator,
  statementDigest,
  typedDataTypes,
  type StatementName,
  type StatementValues,
} from "../../src/statements/eip712.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { isScope, scopeContains, scopesOverlap } from "../../src/statements/scope.js";

describe("EIP-712 statements", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

  for (const name of Object.keys(STATEMENTS) as StatementName[]) {
    it(`${name} has the digest of an independent implementation`, () => {
      const fields = typedDataTypes(name)[name] ?? [];
      const values = fc.record(
        Object.fromEntries(
          fields.map((field) => [
            field.name,
            field.type === "bytes32"
              ? bytes(32)
              : field.type === "address"
                ? bytes(20)
                : fc.bigInt({ min: 0n, max: (1n << BigInt(field.type.slice(4))) - 1n }),
          ]),
        ),
      );
      fc.assert(
        fc.property(
          values,
          fc.bigInt({ min: 1n, max: 1n << 64n }),
          bytes(20),
          bytes(32),
          (value, chainId, contract, meshId) => {
            const separator = domainSeparator({ chainId, verifyingContract: contract, meshId });
            const expected = TypedDataEncoder.hash(
              {
                name: DOMAIN_NAME,
                version: DOMAIN_VERSION,
                chainId,
                verifyingContract: hexlify(contract),
                salt: hexlify(meshId),
              },
              typedDataTypes(name),
              Object.fromEntries(
                Object.entries(value).map(([key, v]) => [key, v instanceof Uint8Array ? hexlify(v) : v]),
              ),
            );
            expect(statementDigest(separator, name, value as StatementValues)).to.deep.equal(getBytes(expected));
          },
        ),
        { numRuns: 25 },
      );
    });
  }

  it("refuses a missing field, a wrong length and an integer out of range by name", () => {
    const separator = new Uint8Array(32);
    expect(() => statementDigest(separator, "KeyCertification", { generation: 1n })).to.throw(/certificateHash/);
    expect(() =>
      statementDigest(separator, "Checkpoint", { number: 1n, blockNumber: 1n, blockHash: new Uint8Array(31) }),
    ).to.throw(/blockHash/);
    expect(() =>
      statementDigest(separator, "Checkpoint", { number: 1n << 64n, blockNumber: 1n, blockHash: new Uint8Array(32) }),
    ).to.throw(/number/);
  });
});

describe("quorum", () => {
  it("has the published sizes", () => {
    expect([4, 7, 10, 16, 25, 32].map((n) => quorumOf(n).t)).to.deep.equal([3, 5, 7, 11, 17, 22]);
  });

  it("makes any two quorums share an honest member, and lets the honest members sign alone", () => {
    for (let n = 4; n <= 32; n++) {
      const { f, t, a } = quorumOf(n);
      expect(2 * t - n).to.be.greaterThan(f);
      expect(t).to.be.at.most(a);
    }
  });

  it("refuses committees outside 4 to 32", () => {
    for (const n of [3, 33, 4.5, NaN]) expect(() => quorumOf(n)).to.throw(RangeError);
  });
});

describe("scopes", () => {
  it("contain deeper paths by whole segments and longer geohashes by prefix", () => {
    expect(scopeContains("grp:city/north", "grp:city/north/lamps")).to.equal(true);
    expect(scopeContains("grp:city/north", "grp:city/northern")).to.equal(false);
    expect(scopeContains("geo:u33", "geo:u33dc")).to.equal(true);
    expect(scopeContains("geo:u33dc", "geo:u33")).to.equal(false);
    expect(scopeContains("geo:u33", "grp:u33")).to.equal(false);
    expect(scopesOverlap("grp:city/north/lamps", "grp:city")).to.equal(true);
  });

  it("refuse anything else than the two forms", () => {
    for (const text of [
      "",
      "geo:",
      "geo:a",
      "geo:U33",
      "grp:",
      "grp:/a",
      "grp:a//b",
      "grp:a/",
      "grp:A",
      "x:y",
      `grp:${"a".repeat(61)}`,
      "grp:a\n",
    ]) {
      expect(isScope(text), JSON.stringify(text)).to.equal(false);
    }
  });
});

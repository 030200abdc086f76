import { expect } from "chai";
import { hexlify, keccak256, AbiCoder, getBytes } from "ethers";
import fc from "fast-check";

import {
  DOMAIN_NAME,
  DOMAIN_VERSION,
  STATEMENTS,
  domainSeparator,
  typeHash,
  type StatementName,
} from "../../src/statements/eip712.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { isScope, scopeContains } from "../../src/statements/scope.js";
import { DST } from "../../src/statements/tags.js";
import { connection, opened } from "../contracts/mesh.js";

const { ethers, networkHelpers } = connection;
const harness = await ethers.deployContract("StatementsHarness");

describe("the ledger and the programs agree on", () => {
  it("every statement's type", async () => {
    const onLedger = (await harness.typeHashes()).map(({ name, hash }) => [name, hash]);
    const here = (Object.keys(STATEMENTS) as StatementName[]).map((name) => [name, hexlify(typeHash(name))]);
    expect(onLedger).to.deep.equal(here);
  });

  it("the domain's name and version and the domain separation tags", async () => {
    expect([...(await harness.strings())]).to.deep.equal([DOMAIN_NAME, DOMAIN_VERSION, DST.signature, DST.possession]);
  });

  it("the struct hash of an activation", async () => {
    const values = [3n, 5n, keccak256("0x01"), keccak256("0x02"), keccak256("0x03"), keccak256("0x04")] as const;
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint64", "uint64", "bytes32", "bytes32", "bytes32", "bytes32"],
      [typeHash("Activation"), ...values],
    );
    expect(await harness.activation(...values)).to.equal(keccak256(encoded));
  });

  it("each contract's domain separator, which ERC-5267 tells to wallets", async () => {
    const mesh = await networkHelpers.loadFixture(opened);
    for (const contract of [
      mesh.anchor,
      mesh.registry,
      mesh.groupKeys,
      mesh.fleets,
      mesh.revocations,
      mesh.ceremony,
      mesh.shards,
    ]) {
      const verifyingContract = getBytes(await contract.getAddress());
      const domain = { chainId: mesh.chainId, verifyingContract, meshId: getBytes(mesh.meshId) };
      expect(await contract.domainSeparator()).to.equal(hexlify(domainSeparator(domain)));

      const {
        fields,
        name,
        version,
        chainId,
        verifyingContract: told,
        salt,
        extensions,
      } = await contract.eip712Domain();
      expect([fields, name, version, chainId, salt, extensions.length]).to.deep.equal([
        "0x1f",
        DOMAIN_NAME,
        DOMAIN_VERSION,
        mesh.chainId,
        mesh.meshId,
        0,
      ]);
      expect(told).to.equal(await contract.getAddress());
      expect(await contract.anchor()).to.equal(await mesh.anchor.getAddress());
    }
  });

  it("the sizes of a committee", async () => {
    for (let n = 4; n <= 32; n++) {
      const { f, t, a } = quorumOf(n);
      expect(await harness.quorum(n)).to.deep.equal([BigInt(f), BigInt(t), BigInt(a)]);
    }
  });

  // Strings that are scopes, nearly are, and are not.
  const geohash = fc.string({ unit: fc.constantFrom(..."0123456789bcdefghjkmnpqrstuvwxyzailoAZ/-"), maxLength: 13 });
  const path = fc
    .array(fc.string({ unit: fc.constantFrom(..."abcxyz019-_A "), maxLength: 9 }), { maxLength: 10 })
    .map((segments) => segments.join("/"));
  const scope = fc.oneof(
    geohash.map((text) => `geo:${text}`),
    path.map((text) => `grp:${text}`),
    fc.string({ unit: "grapheme", maxLength: 70 }),
    fc.constantFrom("geo:u33", "geo:u33dc", "grp:city", "grp:city/north", `grp:${"a".repeat(60)}`),
  );

  it("what a scope is", async () => {
    await fc.assert(
      fc.asyncProperty(scope, async (text) => {
        expect(await harness.isScope(text), text).to.equal(isScope(text));
      }),
      { numRuns: 300 },
    );
    for (let code = 0; code < 128; code++) {
      for (const text of [`geo:${String.fromCharCode(code)}`, `grp:${String.fromCharCode(code)}`]) {
        expect(await harness.isScope(text), JSON.stringify(text)).to.equal(isScope(text));
      }
    }
  });

  it("which scope contains which", async () => {
    const pair = fc.oneof(
      fc.tuple(scope, scope),
      fc.tuple(scope, scope).map(([a, b]): [string, string] => [a, a + b.slice(4)]),
      fc.tuple(scope, scope).map(([a, b]): [string, string] => [a, `${a}/${b.slice(4)}`]),
    );
    await fc.assert(
      fc.asyncProperty(
        pair.filter(([a, b]) => isScope(a) && isScope(b)),
        async ([outer, inner]) => {
          expect(await harness.scopeContains(outer, inner), `${outer} ${inner}`).to.equal(scopeContains(outer, inner));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Health statements: anybody may ask for them, so asking costs next to nothing. */
import { expect } from "chai";

import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import type { IssuedBook } from "../../src/validator/issued.js";
import { HealthStatements } from "../../src/validator/transparency.js";

describe("health statements", () => {
  it("of one period are hashed once in half a minute, however often they are asked for", async () => {
    let hashed = 0;
    const digests = (): Uint8Array[] => {
      hashed += 1;
      return Array.from({ length: hashed }, () => new Uint8Array(32).fill(7));
    };
    const identity = await tlsIdentity(await generateTlsKey());
    const statements = new HealthStatements({ digests } as unknown as IssuedBook, identity, new Uint8Array(32));
    const first = statements.statement(7, 1_000);
    for (let second = 0; second < 30; second++) expect(statements.statement(7, 1_000 + second)).to.equal(first);
    expect(hashed).to.equal(1);
    expect(statements.statement(7, 1_030)).not.to.deep.equal(first);
    expect(statements.statement(8, 1_030)).not.to.deep.equal(first);
    expect(hashed).to.equal(3);
  });
});

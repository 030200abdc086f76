/** That a shard map is proven anew when it changed or some blocks have passed, once for a crowd, and again after a failure. */
import { expect } from "chai";

import type { MapVersion } from "../../src/ledger/shard-book.js";
import type { VerifiedHeader } from "../../src/ledger/state-proof.js";
import { MapProver } from "../../src/validator/map-prover.js";

const version = (subject = 0n): MapVersion =>
  ({ fleetId: 1n, subject, map: {}, holders: "0x80", invalidated: false }) as unknown as MapVersion;
const at = (number: number): VerifiedHeader => ({ number }) as VerifiedHeader;

describe("proofs of shard maps", () => {
  it("are made once for a crowd within some blocks, and anew for another map, a changed one, or later", async () => {
    let proofs = 0;
    const prover = new MapProver({ proveShardMaps: async () => void proofs++ });
    const versions = [version()];
    await Promise.all([1, 2, 3].map(() => prover.prove(versions, at(10))));
    await prover.prove([...versions], at(13));
    expect(proofs).to.equal(1);
    await prover.prove([version(8n)], at(13));
    expect(proofs).to.equal(2);
    await prover.prove([version()], at(13));
    expect(proofs).to.equal(3);
    await prover.prove(versions, at(17));
    expect(proofs).to.equal(4);
  });

  it("that failed are not kept", async () => {
    let isLying = true;
    const prover = new MapProver({
      proveShardMaps: () => (isLying ? Promise.reject(new Error("lie")) : Promise.resolve()),
    });
    const versions = [version()];
    const failed = await prover.prove(versions, at(10)).catch((error: Error) => error.message);
    expect(failed).to.equal("lie");
    isLying = false;
    await prover.prove(versions, at(10));
  });
});

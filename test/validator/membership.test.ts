import { expect } from "chai";

import { Projection } from "../../src/ledger/projection.js";
import { type MembershipOptions, ensureRegistered } from "../../src/validator/membership.js";

const ACCOUNT = `0x${"11".repeat(20)}`;

describe("a validator that the finalised ledger does not know", () => {
  const start = (state: bigint): Promise<unknown> => {
    const registry = { validator: async () => ({ state }) };
    const sender = { address: ACCOUNT };
    const tls = { pin: new Uint8Array(32) };
    // Whoever gets as far as a registration asks for its keys.
    const keys = {
      tls,
      get blsSecret(): never {
        throw new RangeError("it registers");
      },
    };
    const bls = { publicKey: () => new Uint8Array(48) };
    const options = { projection: new Projection(), registry, sender, keys, settings: {}, bls };
    return ensureRegistered(options as unknown as MembershipOptions).catch((error: unknown) => error);
  };

  it("is told that it is not admitted", async () => {
    expect(await start(0n)).to.have.property("code", "not-admitted");
  });

  it("registers all the same where it was admitted in a block that is not final yet", async () => {
    expect(await start(1n)).to.be.instanceOf(RangeError);
  });
});

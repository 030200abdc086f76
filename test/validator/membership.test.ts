import { expect } from "chai";

import { Projection } from "../../src/ledger/projection.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { type MembershipOptions, ensureRegistered, foreignEntry } from "../../src/validator/membership.js";

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

describe("a validator's entry in the registry", () => {
  it("that somebody else has changed is told, with what is in it", () => {
    const projection = new Projection();
    const apply = (name: string, args: object): void =>
      projection.apply({ contract: "registry", blockNumber: 1, name, args } as unknown as LedgerEvent);
    const settings = { endpoint: "127.0.0.1:7000", scope: "geo:u33" };
    const entry = { account: ACCOUNT, tlsPin: "0xaa", ...settings };
    const told = (): string | undefined => foreignEntry(projection, ACCOUNT, settings, "0xaa");
    expect(told()).to.equal(undefined);
    apply("ValidatorAdmitted", { account: ACCOUNT, operator: ACCOUNT });
    expect(told(), "not registered yet").to.equal(undefined);
    apply("ValidatorRegistered", { ...entry, stake: 1n, blsKey: {} });
    expect(told()).to.equal(undefined);
    for (const [change, words] of [
      [{ endpoint: "127.0.0.1:9" }, /endpoint 127\.0\.0\.1:9, and not 127\.0\.0\.1:7000/],
      [{ scope: "geo:9" }, /scope geo:9/],
      [{ tlsPin: "0xbb" }, /another TLS key/],
    ] as const) {
      apply("ValidatorUpdated", { ...entry, ...change });
      expect(told()).to.match(words);
    }
    apply("ValidatorUpdated", entry);
    expect(told()).to.equal(undefined);
  });
});

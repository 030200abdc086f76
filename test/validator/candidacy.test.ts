/** Which gateways a member admits as candidates, and which it turns down. */
import { expect } from "chai";
import { getAddress, hexlify, toBeHex } from "ethers";

import { signCandidacy } from "../../src/certificate/candidacy.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { DEVICE_CLASS } from "../../src/statements/cose.js";
import { deviceOfOperator, deviceOperator } from "../../src/statements/device-operator.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { SwarmkeepError, deviceRevoked } from "../../src/statements/errors.js";
import { type CandidacyOptions, coSignCandidacy } from "../../src/validator/candidacy.js";
import { Standing } from "../../src/validator/standing.js";
import { NOW, checks, ed25519Holder, externalAad, issue, seed, trust } from "../certificate/fixtures.js";

const BASE = 70_144;
const EXPIRY = NOW + 600;
const binding = seed("channel");
const separator = seed("registry separator");
const accountOf = (n: number): Uint8Array => seed(`account ${n}`).slice(12);

/** Fleet 1 has ten devices from BASE on, and its grant lets `candidates` of them be candidates until `expiry`. */
function world(candidates: bigint, expiry = BigInt(NOW + 9)) {
  const projection = new Projection();
  const apply = (contract: string, name: string, args: object): void =>
    projection.apply({ contract, blockNumber: 1, name, args } as unknown as LedgerEvent);
  const registrar = toBeHex(1, 20);
  apply("fleets", "GrantGiven", { grantId: 1n, registrar, scopes: ["grp:a"], indexes: 10n, candidates, expiry });
  const policy = { scopes: ["grp:a"], maximumLifetime: 60n, quota: 1n, joinMethods: 3n, graceSeconds: 0n };
  apply("fleets", "FleetRegistered", { fleetId: 1n, grantId: 1n, policy });
  const manifestRoot = hexlify(new Uint8Array(32));
  apply("fleets", "BatchAppended", { fleetId: 1n, batch: 0n, manifestRoot, base: BigInt(BASE), count: 10n });
  const signed: Uint8Array[] = [];
  const revoked = new Set<number>();
  const standing = Object.assign(new Standing(projection), {
    finalised: { number: 1, timestamp: NOW },
    committee: { generation: 1, keys: trust.keys },
    signer: { partial: (message: Uint8Array) => signed.push(message) },
    silence: undefined,
    doubts: () => undefined,
  });
  const options = {
    context: { separators: { anchor: externalAad, registry: separator } },
    standing,
    checks,
    prover: {
      prove(index: number) {
        return revoked.has(index) ? Promise.reject(deviceRevoked(index)) : Promise.resolve();
      },
    },
    nowSeconds: () => NOW,
  } as unknown as CandidacyOptions;
  const admitted = (index: number, account: Uint8Array): void =>
    apply("registry", "ValidatorAdmitted", { account: getAddress(hexlify(account)), operator: deviceOperator(index) });
  return { options, standing, signed, revoked, admitted };
}

async function ask(options: CandidacyOptions, index: number, account = accountOf(index), changes: object = {}) {
  const certificate = issue({ index, deviceClass: DEVICE_CLASS.gateway });
  const fields = { account, expiry: EXPIRY, channelBinding: binding, certificate, ...changes };
  const body = await signCandidacy(fields, ed25519Holder(), externalAad);
  try {
    await coSignCandidacy(options, body, binding);
    return "signed";
  } catch (error) {
    return error instanceof SwarmkeepError ? error.code : String(error);
  }
}

describe("a member admits gateways as candidates", () => {
  it("signs for the account, the device and the time that the gateway names", async () => {
    const { options, signed } = world(1n);
    expect(await ask(options, BASE + 3)).to.equal("signed");
    const values = { account: accountOf(BASE + 3), index: BASE + 3, expiry: EXPIRY };
    expect(signed).to.deep.equal([statementDigest(separator, "DeviceAdmission", values)]);
  });

  it("one for a device, one for an account, and as many as the grant allows while it runs", async () => {
    const { options, signed, admitted } = world(2n);
    admitted(BASE, accountOf(0));
    expect(await ask(options, BASE)).to.equal("already-a-candidate");
    expect(await ask(options, BASE + 1, accountOf(0))).to.equal("account-known");
    admitted(BASE + 1, accountOf(1));
    expect(await ask(options, BASE + 2)).to.equal("no-candidate-left");
    expect(await ask(world(0n).options, BASE)).to.equal("no-candidate-left");
    expect(await ask(world(1n, BigInt(NOW - 1)).options, BASE)).to.equal("grant-expired");
    expect(await ask(options, BASE + 10)).to.equal("unknown-device");
    expect(signed).to.deep.equal([]);
  });

  it("none that is revoked, on another connection, for too long, or while it signs nothing", async () => {
    const { options, standing, signed, revoked } = world(1n);
    revoked.add(BASE);
    expect(await ask(options, BASE)).to.equal("revoked");
    expect(await ask(options, BASE + 1, undefined, { channelBinding: seed("another") })).to.equal("wrong-channel");
    for (const expiry of [NOW, NOW + 3_601]) {
      expect(await ask(options, BASE + 1, undefined, { expiry })).to.equal("bad-expiry");
    }
    // Revoked in the block that came while the proof of the one before was made.
    const prove: CandidacyOptions["prover"]["prove"] = async (index) => {
      const entry = `${toBeHex(Math.floor(index / 256), 4)}${toBeHex(1n << BigInt(index % 256), 32).slice(2)}`;
      standing.projection.bitmap.change(2, entry, (before, mask) => ({ ...before, held: mask }));
      Object.assign(standing, { finalised: { number: 2, timestamp: NOW } });
    };
    expect(await ask({ ...options, prover: { prove } as CandidacyOptions["prover"] }, BASE + 2)).to.equal("revoked");
    Object.assign(standing, { silence: "endpoints disagree" });
    expect(await ask(options, BASE + 1)).to.equal("ledger-away");
    expect(signed).to.deep.equal([]);
  });

  it("knows a device by its operator, and no other operator for one", () => {
    for (const index of [0, BASE, 2 ** 40 - 1]) expect(deviceOfOperator(deviceOperator(index))).to.equal(index);
    for (const operator of [hexlify(seed("operator")), deviceOperator(1).replace("0000", "0001"), "0x"]) {
      expect(deviceOfOperator(operator)).to.equal(undefined);
    }
  });
});

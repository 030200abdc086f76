/** Certificate revocation lists as members build them from the ledger: of whom there is something to list, and of nobody else. */
import { expect } from "chai";
import { hexlify, toBeHex } from "ethers";

import type { DrlHead } from "../../src/certificate/drl.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import type { TickClock } from "../../src/ledger/ticks.js";
import { FROST_KIND } from "../../src/protocol/api.js";
import { RevocationFiles } from "../../src/validator/revocation-files.js";
import { NOW, facts, makeCrossCertificate, makeRoot, meshId } from "../certificate/fixtures.js";

const PERIOD_SECONDS = 3_600;
const U16 = 0xffffn;

/** Fleet n has the devices from 256 (n - 1) on, and its quota. */
async function projectionOf(quotas: readonly bigint[]): Promise<Projection> {
  const projection = new Projection();
  const apply = (contract: string, name: string, args: object): void =>
    projection.apply({ contract, blockNumber: 1, name, args } as unknown as LedgerEvent);
  const parameters = { certificatePeriodSeconds: BigInt(PERIOD_SECONDS), headLifetimeSeconds: 900n };
  apply("anchor", "GenesisAccepted", { meshId: hexlify(meshId), parameters });
  const certificate = await makeCrossCertificate(await makeRoot(), facts);
  apply("anchor", "KeysCertified", { generation: 1n, certificate: hexlify(certificate) });
  for (const [i, quota] of quotas.entries()) {
    const fleetId = BigInt(i + 1);
    const policy = { scopes: ["grp:a"], maximumLifetime: 3_600n, quota, joinMethods: 3n, graceSeconds: 0n };
    const grant = {
      grantId: fleetId,
      registrar: toBeHex(1, 20),
      scopes: ["grp:a"],
      indexes: 256n,
      candidates: 0n,
      expiry: 1n,
    };
    apply("fleets", "GrantGiven", grant);
    apply("fleets", "FleetRegistered", { fleetId, grantId: fleetId, policy });
    const manifestRoot = hexlify(new Uint8Array(32));
    apply("fleets", "BatchAppended", { fleetId, batch: 0n, manifestRoot, base: BigInt(256 * i), count: 256n });
  }
  return projection;
}

function revoke(projection: Projection, index: number): void {
  const entry = toBeHex(Math.floor(index / 256), 4) + toBeHex(1n << BigInt(index % 256), 32).slice(2);
  projection.bitmap.change(1, entry, (before, mask) => ({ ...before, revoked: before.revoked | mask }));
}

const head: DrlHead = {
  number: 1,
  root: new Uint8Array(32),
  words: 1,
  blockNumber: 1,
  issued: NOW,
  expires: NOW + 900,
};

async function listOf(projection: Projection): Promise<Uint8Array | undefined> {
  const ticks = { parameters: { tickSeconds: 1, headSeconds: 1 } } as unknown as TickClock;
  const files = new RevocationFiles({ projection, ticks, generation: 1, meshId, timeOf: async () => NOW });
  return files.toSign(FROST_KIND.crl, head, { number: 1, hash: "", parentHash: "", stateRoot: "", timestamp: NOW });
}

describe("certificate revocation lists of a validator", () => {
  it("have the serials of a revoked device of a fleet that X.509 is offered to", async () => {
    const projection = await projectionOf([8n]);
    const empty = (await listOf(projection)) as Uint8Array;
    revoke(projection, 3);
    const list = (await listOf(projection)) as Uint8Array;
    expect(list.length).to.be.at.least(empty.length + 8 * 16);
  });

  it("have none of a fleet that it is not offered to, whatever its quota: one device would fill them", async () => {
    const projection = await projectionOf([8n, U16]);
    revoke(projection, 3);
    const list = await listOf(projection);
    revoke(projection, 256 + 3);
    expect(await listOf(projection)).to.deep.equal(list);
  });
});

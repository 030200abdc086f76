/** Shard maps from events: what programs believe of a version is what the contract answers, and what the swarm signs for devices. */
import { expect } from "chai";
import { getBytes, hexlify } from "ethers";

import { decodeShardMapPayload, encodeHolders } from "../../src/certificate/shard-map.js";
import { type MeshAddresses, addressesOf, allAddresses } from "../../src/ledger/contracts.js";
import { eventDecoder } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import type { LedgerLog } from "../../src/ledger/source.js";
import { currentMap } from "../../src/validator/map-signing.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import type { Standing } from "../../src/validator/standing.js";
import { type Mesh, connection } from "../contracts/mesh.js";
import { BATCH, type MapStruct, mapOf, withFleet } from "../contracts/shard-map-fixture.js";

const { time, loadFixture } = connection.networkHelpers;
const STATUS = ["none", "pending", "active", "grace", "ended", "invalidated"];
const listed = [{ tlsPin: new Uint8Array(32).fill(3), endpoint: "holder.example:7443" }];
const HOLDERS = hexlify(encodeHolders(listed));

async function fixture(): Promise<{ mesh: Mesh; now: bigint; addresses: MeshAddresses }> {
  const mesh = await withFleet(connection);
  const addresses = await addressesOf(await mesh.anchor.getAddress(), connection.ethers.provider);
  return { mesh, now: BigInt(await time.latest()), addresses };
}

describe("shard maps as programs read them", () => {
  it("are where the fleets' address says", async () => {
    const { mesh, addresses } = await loadFixture(fixture);
    expect(addresses.shards).to.equal(await mesh.fleets.shards());
    expect(addresses).to.deep.equal(allAddresses(addresses));
  });

  it("stand where the contract says, at every time, and are signed for devices as they stand", async () => {
    const { mesh, now, addresses } = await loadFixture(fixture);
    const shards = mesh.shards.connect(mesh.registrar);
    const current = (version: bigint, rest: Partial<MapStruct> = {}): MapStruct =>
      mapOf({ version, validFrom: now, validUntil: now + 3_600n, ...rest });
    await shards.rotate(1, current(1n), HOLDERS);
    await shards.rotate(1, current(2n, { validFrom: now + 600n, validUntil: now + 4_000n }), HOLDERS);
    await shards.rotateDevice(BATCH, 7, current(1n), HOLDERS);
    await shards.shorten(1, 0, 2, now + 3_000n, 60);
    await shards.invalidate(1, 8, 1);
    await shards.limitScope(1, "grp:city/lamps", now + 700n);
    await shards.limitDevice(BATCH, 9, now + 700n);

    const projection = new Projection();
    const decode = eventDecoder(addresses);
    for (const log of await connection.ethers.provider.getLogs({ address: addresses.shards, fromBlock: 0 })) {
      const { address, topics, data, blockNumber, blockHash, transactionHash, index: logIndex } = log;
      const found = { address: address.toLowerCase(), topics: [...topics], data, blockNumber, blockHash };
      projection.apply(decode({ ...found, transactionHash, logIndex } as LedgerLog));
    }
    const book = projection.shards;
    for (const version of book.all()) {
      const { fleetId, subject, map } = version;
      const { terms } = await mesh.shards.mapOf(fleetId, subject, map.version);
      expect(terms.root).to.equal(map.root);
      expect(terms.validUntil).to.equal(map.validUntil);
      for (const later of [-1n, 0n, 599n, 600n, 1_199n, 1_200n, 2_999n, 3_000n, 3_059n, 3_060n, 9_999n]) {
        const status = await mesh.shards.statusAt(fleetId, subject, map.version, now + later);
        expect(book.statusAt(version, Number(now + later)), `${subject}/${map.version} +${later}`).to.equal(
          STATUS[Number(status)],
        );
      }
    }
    const second = book.versions(1n, 0n)[1];
    if (second === undefined) throw new Error("a version is missing");
    const none = (): boolean => false;
    expect(book.isLimited(second, 9n, none, Number(now + 701n))).to.equal(true);
    expect(book.isLimited(second, 9n, none, Number(now + 700n))).to.equal(false);
    expect(book.isLimited(second, 8n, none, Number(now + 701n))).to.equal(false);
    expect(book.isLimited(second, 8n, (scope) => scope === "grp:city/lamps", Number(now + 701n))).to.equal(true);

    Object.defineProperty(projection, "office", { value: { generation: 1n } });
    const context = meshContext(getBytes(mesh.meshId), 31337n, addresses);
    const payload = currentMap(
      { context, standing: { projection } as Standing, nowSeconds: () => Number(now + 900n) },
      1,
      8,
    );
    const terms = decodeShardMapPayload(payload);
    expect(terms).to.deep.include({ fleetId: 1, subject: 0, version: 2, validUntil: Number(now + 3_000n) });
    expect(terms.holders.map(({ endpoint }) => endpoint)).to.deep.equal(["holder.example:7443"]);
  });
});

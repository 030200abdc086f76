import { expect } from "chai";
import { getBytes, keccak256 } from "ethers";

import { DAY, FAR, NO_SIGNATURE, connection, gasOf, word, type Mesh } from "./mesh.js";
import { BATCH, HOLDERS, type MapStruct, mapHash, mapOf, withFleet } from "./shard-map-fixture.js";

const { networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** Whole transactions, a list of seven holders included. */
const ROTATE_FLEET_CEILING = 250_000n;
const ROTATE_DEVICE_CEILING = 155_000n;
const STATUS = { none: 0n, pending: 1n, active: 2n, grace: 3n, ended: 4n, invalidated: 5n };
const LIMIT = 31_622_400n;

async function fixture(): Promise<{ mesh: Mesh; now: bigint }> {
  return { mesh: await withFleet(connection), now: BigInt(await time.latest()) };
}

/** Version 1 from now on, for an hour. */
function current(now: bigint, rest: Partial<MapStruct> = {}): MapStruct {
  return mapOf({ validFrom: now, validUntil: now + 3_600n, ...rest });
}

async function withMap(): Promise<{ mesh: Mesh; now: bigint; map: MapStruct }> {
  const { mesh, now } = await fixture();
  const map = current(now);
  await mesh.shards.connect(mesh.registrar).rotate(1, map, HOLDERS);
  return { mesh, now, map };
}

describe("ShardMap", () => {
  describe("rotation", () => {
    it("keeps the version, its root and the hash of its holders, and tells them", async () => {
      const { mesh, now } = await loadFixture(fixture);
      const map = current(now);
      await expect(mesh.shards.connect(mesh.registrar).rotate(1, map, HOLDERS))
        .to.emit(mesh.shards, "MapRotated")
        .withArgs(1n, 0n, Object.values(map), HOLDERS);
      const kept = await mesh.shards.mapOf(1, 0, 1);
      expect([...kept.terms]).to.deep.equal(Object.values(map));
      expect(kept.holdersHash).to.equal(keccak256(HOLDERS));
      expect(kept.invalidated).to.equal(false);
      expect(await mesh.shards.latestVersion(1, 0)).to.equal(1n);
    });

    it("takes versions one after another", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      for (const version of [0n, 1n, 3n, 4_294_967_295n]) {
        await expect(shards.rotate(1, current(now, { version }), HOLDERS))
          .to.be.revertedWithCustomError(shards, "WrongVersion")
          .withArgs(version, 2n);
      }
      await shards.rotate(1, current(now, { version: 2n }), HOLDERS);
    });

    it("is the fleet's registrar's, while its grant runs", async () => {
      const { mesh, now } = await loadFixture(fixture);
      for (const other of [mesh.stranger, mesh.members[0] as Mesh["stranger"]]) {
        await expect(mesh.shards.connect(other).rotate(1, current(now), HOLDERS))
          .to.be.revertedWithCustomError(mesh.shards, "NotRegistrar")
          .withArgs(other.address, mesh.registrar.address);
      }
      await expect(mesh.shards.connect(mesh.registrar).rotate(2, current(now), HOLDERS))
        .to.be.revertedWithCustomError(mesh.shards, "UnknownFleet")
        .withArgs(2n);
      await time.setNextBlockTimestamp(FAR + 1n);
      const late = current(FAR, { validUntil: FAR + DAY });
      await expect(mesh.shards.connect(mesh.registrar).rotate(1, late, HOLDERS))
        .to.be.revertedWithCustomError(mesh.shards, "GrantExpired")
        .withArgs(FAR, FAR + 1n);
    });

    it("refuses what no map can have, by name", async () => {
      const { mesh, now } = await loadFixture(fixture);
      const shards = mesh.shards.connect(mesh.registrar);
      for (const [field, rest] of [
        ["scheme", { scheme: 0n }],
        ["scheme", { scheme: 3n }],
        ["shards", { shards: 0n }],
        ["shards", { shards: 33n }],
        ["threshold", { threshold: 1n }],
        ["threshold", { threshold: 6n }],
        ["threshold", { scheme: 1n, threshold: 4n }],
        ["replicas", { replicas: 0n }],
        ["replicas", { replicas: 17n }],
        ["validFrom", { validFrom: 0n }],
        ["validFrom", { validFrom: now + LIMIT + DAY, validUntil: now + LIMIT + 2n * DAY }],
        ["validUntil", { validUntil: now }],
        ["validUntil", { validFrom: now - DAY, validUntil: now - 1n }],
        ["validUntil", { validUntil: now + LIMIT + 1n }],
        ["graceSeconds", { graceSeconds: LIMIT + 1n }],
        ["rotationSeconds", { rotationSeconds: 0n }],
        ["root", { root: word(0) }],
      ] as const) {
        const map = current(now, rest);
        await expect(shards.rotate(1, map, HOLDERS), field)
          .to.be.revertedWithCustomError(shards, "InvalidMap")
          .withArgs(field, map[field]);
      }
      for (const length of [0, 8_193]) {
        await expect(shards.rotate(1, current(now), new Uint8Array(length)))
          .to.be.revertedWithCustomError(shards, "InvalidHolders")
          .withArgs(length);
      }
    });

    it("is the swarm's as well, by its statement, once", async () => {
      const { mesh, now } = await loadFixture(fixture);
      const map = current(now);
      const sign = async (subject: bigint, signed = map) =>
        mesh.swarmSign(mesh.shards, "ShardMapRoot", {
          fleetId: 1n,
          subject,
          mapHash: getBytes(mapHash(signed, HOLDERS)),
          expiry: FAR,
        });
      const shards = mesh.shards.connect(mesh.stranger);
      await expect(shards.rotateBySwarm(1, 0, map, "0x81", FAR, await sign(0n))).to.be.revertedWithCustomError(
        shards,
        "InvalidSwarmSignature",
      );
      await expect(shards.rotateBySwarm(1, 1, map, HOLDERS, FAR, await sign(0n))).to.be.revertedWithCustomError(
        shards,
        "InvalidSwarmSignature",
      );
      await expect(shards.rotateBySwarm(2, 0, map, HOLDERS, FAR, NO_SIGNATURE)).to.be.revertedWithCustomError(
        shards,
        "UnknownFleet",
      );
      await shards.rotateBySwarm(1, 0, map, HOLDERS, FAR, await sign(0n));
      await expect(shards.rotateBySwarm(1, 0, map, HOLDERS, FAR, await sign(0n))).to.be.revertedWithCustomError(
        shards,
        "StatementUsed",
      );
      expect(await mesh.shards.latestVersion(1, 0)).to.equal(1n);
    });

    it("of one device stands apart from its fleet's", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await shards.rotateDevice(BATCH, 299, current(now, { threshold: 2n }), HOLDERS);
      expect((await shards.mapOf(1, 300, 1)).terms.threshold).to.equal(2n);
      expect(await shards.latestVersion(1, 0)).to.equal(1n);
      await expect(shards.rotateDevice(BATCH, 300, current(now), HOLDERS))
        .to.be.revertedWithCustomError(shards, "NotInBatch")
        .withArgs(300n, 0n, 300n);
      await expect(shards.rotateDevice({ ...BATCH, count: 301n }, 300, current(now), HOLDERS))
        .to.be.revertedWithCustomError(mesh.fleets, "UnknownBatch")
        .withArgs(1n, 0n);
    });

    for (const size of [1n, 1_000n, 1_000_000n]) {
      it(`of a fleet of ${size} stays under its gas ceiling`, async () => {
        const mesh = await withFleet(connection, size);
        const now = BigInt(await time.latest());
        const holders = `0x${"ab".repeat(7 * 64)}`;
        const shards = mesh.shards.connect(mesh.registrar);
        expect(await gasOf(shards.rotate(1, current(now), holders))).to.be.at.most(ROTATE_FLEET_CEILING);
      });
    }

    it("of one device stays under its gas ceiling", async () => {
      const { mesh } = await loadFixture(withMap);
      const now = BigInt(await time.latest());
      const holders = `0x${"ab".repeat(7 * 64)}`;
      const shards = mesh.shards.connect(mesh.registrar);
      expect(await gasOf(shards.rotateDevice(BATCH, 7, current(now), holders))).to.be.at.most(ROTATE_DEVICE_CEILING);
    });
  });

  describe("status", () => {
    it("goes from pending to active, grace and ended", async () => {
      const { mesh, now, map } = await loadFixture(withMap);
      const end = BigInt(map.validUntil);
      for (const [at, status] of [
        [now - 1n, STATUS.pending],
        [now, STATUS.active],
        [end - 1n, STATUS.active],
        [end, STATUS.grace],
        [end + 599n, STATUS.grace],
        [end + 600n, STATUS.ended],
      ] as const) {
        expect(await mesh.shards.statusAt(1, 0, 1, at), `${at - now}`).to.equal(status);
      }
      expect(await mesh.shards.statusAt(1, 0, 2, now)).to.equal(STATUS.none);
      expect(await mesh.shards.statusAt(1, 1, 1, now)).to.equal(STATUS.none);
    });

    it("of the old version is grace from the time on that the next one begins", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const next = current(now, { version: 2n, validFrom: now + 1_000n, validUntil: now + 5_000n });
      await mesh.shards.connect(mesh.registrar).rotate(1, next, HOLDERS);
      expect(await mesh.shards.statusAt(1, 0, 1, now + 999n)).to.equal(STATUS.active);
      expect(await mesh.shards.statusAt(1, 0, 2, now + 999n)).to.equal(STATUS.pending);
      expect(await mesh.shards.statusAt(1, 0, 1, now + 1_000n)).to.equal(STATUS.grace);
      expect(await mesh.shards.statusAt(1, 0, 1, now + 1_600n)).to.equal(STATUS.ended);
      expect(await mesh.shards.statusAt(1, 0, 2, now + 1_600n)).to.equal(STATUS.active);
    });
  });

  describe("shortening", () => {
    it("takes effect in its own block, and only towards sooner", async () => {
      const { mesh, now, map } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await expect(shards.shorten(1, 0, 1, now + 10n, 0))
        .to.emit(shards, "MapShortened")
        .withArgs(1n, 0n, 1n, now + 10n, 0n);
      expect(await shards.statusAt(1, 0, 1, now + 10n)).to.equal(STATUS.ended);
      for (const [until, grace] of [
        [map.validUntil, 0n],
        [now + 10n, 1n],
      ] as const) {
        await expect(shards.shorten(1, 0, 1, until, grace))
          .to.be.revertedWithCustomError(shards, "NotShorter")
          .withArgs(now + 10n, 0n);
      }
    });

    it("and invalidation end a version for ever, grace included", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await expect(shards.invalidate(1, 0, 1))
        .to.emit(shards, "MapInvalidated")
        .withArgs(1n, 0n, 1n);
      expect(await shards.statusAt(1, 0, 1, now)).to.equal(STATUS.invalidated);
      for (const again of [
        shards.invalidate(1, 0, 1),
        shards.shorten(1, 0, 1, now, 0),
        shards.replaceHolders(1, 0, 1, "0x81"),
        shards.invalidate(1, 0, 2),
      ]) {
        await expect(again).to.be.revertedWithCustomError(shards, "NoSuchVersion");
      }
    });

    it("of one scope or one device is kept, and moves only towards sooner", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await expect(shards.limitScope(1, "grp:city/lamps", now + 500n))
        .to.emit(shards, "ScopeLimited")
        .withArgs(1n, "grp:city/lamps", now + 500n);
      await expect(shards.limitDevice(BATCH, 3, now + 500n))
        .to.emit(shards, "DeviceLimited")
        .withArgs(1n, 3n, now + 500n);
      expect(await shards.scopeLimit(1, keccak256(Buffer.from("grp:city/lamps")))).to.equal(now + 500n);
      expect(await shards.deviceLimit(1, 3)).to.equal(now + 500n);
      await expect(shards.limitDevice(BATCH, 3, now + 500n))
        .to.be.revertedWithCustomError(shards, "NotSooner")
        .withArgs(now + 500n);
      await expect(shards.limitScope(1, "grp:city/lamps", 0)).to.be.revertedWithCustomError(shards, "NotSooner");
      await expect(shards.limitScope(1, "nowhere", now)).to.be.revertedWithCustomError(shards, "InvalidScope");
      await time.increaseTo(now + 500n);
      await shards.limitDevice(BATCH, 3, now + 900n);
    });

    it("and all else that ends something stay the registrar's after its grant ended, and nobody else's", async () => {
      const { mesh, now } = await loadFixture(withMap);
      const calls = (shards: Mesh["shards"]) => [
        shards.shorten(1, 0, 1, now, 0),
        shards.replaceHolders(1, 0, 1, "0x81"),
        shards.limitScope(1, "grp:city", now + 1n),
        shards.limitDevice(BATCH, 0, now + 1n),
        shards.removeHolder(BATCH, 0),
        shards.invalidate(1, 0, 1),
      ];
      for (const call of calls(mesh.shards.connect(mesh.stranger))) {
        await expect(call).to.be.revertedWithCustomError(mesh.shards, "NotRegistrar");
      }
      await time.increaseTo(FAR + 1n);
      for (const call of calls(mesh.shards.connect(mesh.registrar))) await call;
    });
  });

  describe("holders", () => {
    it("of a version are replaced where it stands", async () => {
      const { mesh } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await expect(shards.replaceHolders(1, 0, 1, "0x8101"))
        .to.emit(shards, "HoldersReplaced")
        .withArgs(1n, 0n, 1n, "0x8101");
      expect((await shards.mapOf(1, 0, 1)).holdersHash).to.equal(keccak256("0x8101"));
    });

    it("are gateway-class devices too, which their registrar offers and withdraws", async () => {
      const { mesh } = await loadFixture(withMap);
      const shards = mesh.shards.connect(mesh.registrar);
      await expect(shards.addHolder(BATCH, 5, word(8), "gate.example:7443"))
        .to.emit(shards, "HolderAdded")
        .withArgs(1n, 5n, word(8), "gate.example:7443");
      await expect(shards.addHolder(BATCH, 300, word(8), "gate.example:7443")).to.be.revertedWithCustomError(
        shards,
        "NotInBatch",
      );
      await expect(
        mesh.shards.connect(mesh.stranger).addHolder(BATCH, 5, word(8), "gate.example:7443"),
      ).to.be.revertedWithCustomError(shards, "NotRegistrar");
      await expect(shards.removeHolder(BATCH, 5)).to.emit(shards, "HolderRemoved").withArgs(1n, 5n);
    });
  });
});

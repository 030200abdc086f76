import { expect } from "chai";

import { certificateSerial } from "../../src/certificate/certificate.js";
import { type ListedDevice, crlEntries, isOnList, listChanges, serialsPerDevice } from "../../src/protocol/crl.js";
import { RevocationBitmap } from "../../src/ledger/bitmap.js";
import { hex, meshId } from "../certificate/fixtures.js";

const times = { certificatePeriodSeconds: 1_000, headLifetimeSeconds: 40 };
const start = 1_000_000;
const device: ListedDevice = { index: 7, since: start, held: false, maximumLifetime: 3_000, quota: 2 };

const serials = (given: ListedDevice, issued: number): string[] =>
  [...crlEntries(meshId, [given], issued, times)].map(({ serial }) => hex(serial));
const serial = (period: number, k: number): string => hex(certificateSerial({ meshId, index: 7, period, k }));

describe("what a revocation list holds", () => {
  it("is every serial of a revoked device that can be unexpired, and leaves with the last of them", () => {
    const listed = serials(device, start);
    expect(listed).to.include.members([serial(996, 0), serial(1_000, 0), serial(1_000, 1)]);
    expect(listed).to.not.include(serial(1_001, 0));
    expect(listed.length).to.be.at.most(serialsPerDevice(device, times));
    // Period 1000 ends at 1,001,000; its last certificate may begin 120 + 40 s later and lasts 3,000 s.
    const end = 1_001_000 + 120 + 40 + 3_000;
    expect(serials(device, end)).to.deep.equal([serial(1_000, 0), serial(1_000, 1)]);
    expect(isOnList(device, end + 40, times)).to.equal(false);
  });

  it("never takes more serials than the bound by which fleets are refused the X.509 form", () => {
    for (let since = start; since < start + 2_000; since += 61) {
      for (const maximumLifetime of [60, 999, 1_000, 3_000]) {
        const given = { ...device, since, maximumLifetime };
        expect(serials(given, since).length).to.be.at.most(serialsPerDevice(given, times));
      }
    }
  });

  it("says of held devices that they are, and of changes what is new, what came back, and what became final", () => {
    const held = { ...device, held: true };
    expect([...crlEntries(meshId, [held], start, times)][0]?.reason).to.equal("certificateHold");
    const back = { ...held, index: 8 };
    const again = { ...held, index: 9 };
    const later = { ...again, since: start + 500 };
    const changes = listChanges([held, back, again], [{ ...held, held: false }, later], start + 600, times);
    expect(changes.added.map(({ index }) => index)).to.deep.equal([7, 9]);
    expect(changes.removed.map(({ index }) => index)).to.deep.equal([8]);
    expect(listChanges([device], [device], start + 600, times)).to.deep.equal({ added: [], removed: [] });
  });
});

describe("bits of the revocation list", () => {
  const entry = (word: number, mask: bigint): string =>
    `0x${word.toString(16).padStart(8, "0")}${mask.toString(16).padStart(64, "0")}`;
  const hold = (bitmap: RevocationBitmap, block: number, mask: bigint): void =>
    bitmap.change(block, entry(0, mask), ({ revoked, held }, bits) => ({ revoked, held: held | bits }));
  const release = (bitmap: RevocationBitmap, block: number, mask: bigint): void =>
    bitmap.change(block, entry(0, mask), ({ revoked, held }, bits) => ({ revoked, held: held & ~bits }));
  const revoke = (bitmap: RevocationBitmap, block: number, mask: bigint): void =>
    bitmap.change(block, entry(0, mask), ({ revoked, held }, bits) => ({ revoked: revoked | bits, held }));

  it("are known with the block since which they are set without a break", () => {
    const bitmap = new RevocationBitmap();
    hold(bitmap, 10, 0b11n);
    release(bitmap, 20, 0b01n);
    hold(bitmap, 30, 0b101n);
    revoke(bitmap, 40, 0b010n);
    expect(bitmap.listedSince(0, 15)).to.deep.equal([
      { bit: 0, since: 10, held: true },
      { bit: 1, since: 10, held: true },
    ]);
    expect(bitmap.listedSince(0, 45)).to.deep.equal([
      { bit: 0, since: 30, held: true },
      { bit: 1, since: 10, held: false },
      { bit: 2, since: 30, held: true },
    ]);
    expect(bitmap.listedSince(0, 5)).to.deep.equal([]);
    expect(bitmap.listedSince(9, 45)).to.deep.equal([]);
  });
});

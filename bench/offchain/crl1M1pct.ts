/**
 * A certificate revocation list of a million devices of which one in a hundred is revoked, all of them lately: certificates of a
 * day, two in a period of a day, so each revoked device has two serials in each of two periods.
 */
import { meshAuthority } from "../../src/certificate/x509-authority.js";
import { crlToSign } from "../../src/certificate/x509-crl.js";
import { type ListedDevice, crlEntries } from "../../src/protocol/crl.js";
import { NOW, meshId, trust } from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";

const DEVICES = 1_000_000;
const REVOKED_EVERY = 100;
const times = { certificatePeriodSeconds: 86_400, headLifetimeSeconds: 1_800 };

function makeList(): Uint8Array {
  const listed: ListedDevice[] = Array.from({ length: DEVICES / REVOKED_EVERY }, (_, i) => ({
    index: i * REVOKED_EVERY,
    since: NOW - 60,
    held: false,
    maximumLifetime: 86_400,
    quota: 2,
  }));
  const entries = crlEntries(meshId, listed, NOW, times);
  const fields = { number: 1_000, base: undefined, thisUpdate: NOW, nextUpdate: NOW + 1_800, entries };
  return crlToSign(fields, meshAuthority({ ...trust, meshId }));
}

const common = { goal: undefined, best: undefined, source: undefined };

export const crlBytes1M1pct: OffchainFigure = {
  ...common,
  operation: "crlBytes1M1pct",
  unit: "bytes, 10,000 devices revoked within a day",
  measure: async () => makeList().length,
};

export const crlMilliseconds1M1pct: OffchainFigure = {
  ...common,
  operation: "crlMilliseconds1M1pct",
  unit: "ms to build that list",
  async measure() {
    makeList();
    const begun = performance.now();
    makeList();
    return performance.now() - begun;
  },
};

import { expect } from "chai";
import fc from "fast-check";

import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import {
  type DeviceRevocation,
  decodeDeviceRevocation,
  signDeviceRevocation,
  verifyDeviceRevocation,
} from "../../src/certificate/revocation-request.js";
import { Refusal } from "../../src/certificate/refusal.js";
import type { Enrolment } from "../../src/certificate/request.js";
import { checks, ed25519Holder, expectRefusal, externalAad, issue, p256Holder, seed, trust } from "./fixtures.js";

const holder = ed25519Holder();
const salt = seed("salt");
const tree = new ManifestTree(manifestLeaf({ index: 70_000, salt, key: holder.key, deviceClass: 0 }));
const enrolment: Enrolment = {
  fleetId: 1,
  batch: 0,
  root: tree.root(),
  base: 70_000,
  count: 1,
  salt,
  key: holder.key,
  deviceClass: 0,
  path: tree.path(0),
};
const fields: DeviceRevocation = {
  index: 70_000,
  reason: 1,
  expiry: 1_800_003_600,
  channelBinding: seed("channel"),
  subject: issue(),
};

describe("a device's request to be revoked", () => {
  it("counts when it is signed by the certified key, or by the manifest key", async () => {
    for (const subject of [fields.subject, enrolment]) {
      const encoded = await signDeviceRevocation({ ...fields, subject }, holder, externalAad);
      expect(verifyDeviceRevocation(encoded, trust, checks)).to.deep.equal({ ...fields, subject });
    }
  });

  it("of anybody else is refused", async () => {
    for (const stranger of [ed25519Holder("stranger"), p256Holder()]) {
      for (const subject of [fields.subject, enrolment]) {
        const encoded = await signDeviceRevocation({ ...fields, subject }, stranger, externalAad);
        expectRefusal(() => verifyDeviceRevocation(encoded, trust, checks), "bad-signature");
      }
    }
  });

  it("for another device than the signer's is refused", async () => {
    for (const subject of [fields.subject, enrolment]) {
      const encoded = await signDeviceRevocation({ ...fields, index: 70_001, subject }, holder, externalAad);
      expectRefusal(() => verifyDeviceRevocation(encoded, trust, checks), "not-listed");
    }
  });

  it("for another mesh, chain or contract is refused", async () => {
    const encoded = await signDeviceRevocation(fields, holder, seed("another separator"));
    expectRefusal(() => verifyDeviceRevocation(encoded, trust, checks), "bad-signature");
  });

  it("with any byte changed, cut off or added is refused, and nothing else happens", async () => {
    const encoded = await signDeviceRevocation({ ...fields, subject: enrolment }, holder, externalAad);
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const changed = encoded.slice();
        changed[position] = (changed[position] as number) ^ change;
        for (const bytes of [changed, encoded.slice(0, position), Uint8Array.of(...encoded, change)]) {
          expect(() => verifyDeviceRevocation(bytes, trust, checks)).to.throw(Refusal);
        }
      }),
      { numRuns: 40 },
    );
    expect(decodeDeviceRevocation(encoded).revocation.subject).to.deep.equal(enrolment);
  });
});

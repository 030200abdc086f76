import { expect } from "chai";

import { type Candidacy, signCandidacy, verifyCandidacy } from "../../src/certificate/candidacy.js";
import { COSE_ALG, DEVICE_CLASS } from "../../src/statements/cose.js";
import {
  NOW,
  certificateFields,
  checks,
  ed25519Holder,
  expectRefusal,
  externalAad,
  issue,
  p256Holder,
  revocations,
  seed,
  trust,
} from "./fixtures.js";

const holder = ed25519Holder();
const gateway = { deviceClass: DEVICE_CLASS.gateway };
const fields: Candidacy = {
  account: seed("candidate").slice(12),
  expiry: NOW + 600,
  channelBinding: seed("channel"),
  certificate: issue(gateway),
};
const asked = (changes: Partial<Candidacy> = {}, signer = holder, aad = externalAad): Promise<Uint8Array> =>
  signCandidacy({ ...fields, ...changes }, signer, aad);

describe("a gateway's request to be a candidate", () => {
  it("counts when it is signed by the certified key, whichever group key certified it", async () => {
    for (const certificate of [issue(gateway), issue(gateway, COSE_ALG.eddsa)]) {
      const { device, ...rest } = verifyCandidacy(await asked({ certificate }), trust, NOW, checks);
      expect(rest).to.deep.equal({ ...fields, certificate });
      expect(device.index).to.equal(certificateFields().index);
    }
    const certificate = issue({ ...gateway, key: p256Holder().key });
    verifyCandidacy(await asked({ certificate }, p256Holder()), trust, NOW, checks);
  });

  it("of anybody else, for another mesh, or changed on its way is refused", async () => {
    for (const stranger of [ed25519Holder("stranger"), p256Holder()]) {
      const encoded = await asked({}, stranger);
      expectRefusal(() => verifyCandidacy(encoded, trust, NOW, checks), "bad-signature");
    }
    const elsewhere = await asked({}, holder, revocations);
    expectRefusal(() => verifyCandidacy(elsewhere, trust, NOW, checks), "bad-signature");
    const encoded = await asked();
    const place = Buffer.from(encoded).indexOf(Buffer.from(fields.account));
    encoded[place] = (encoded[place] as number) ^ 1;
    expectRefusal(() => verifyCandidacy(encoded, trust, NOW, checks), "bad-signature");
  });

  it("of another device than a gateway is refused, and with a certificate that does not run, or is another mesh's", async () => {
    const refusals = [
      [issue({ deviceClass: DEVICE_CLASS.sensor }), NOW, "wrong-class"],
      [issue(gateway), NOW + 3_000, "expired"],
      [issue(gateway), NOW - 661, "not-yet-valid"],
      [issue({ ...gateway, generation: 2 }), NOW, "generation-unknown"],
      [issue(gateway, COSE_ALG.bls, revocations), NOW, "bad-signature"],
    ] as const;
    for (const [certificate, now, code] of refusals) {
      const encoded = await asked({ certificate });
      expectRefusal(() => verifyCandidacy(encoded, trust, now, checks), code);
    }
  });
});

import { expect } from "chai";

import { encodeCbor } from "../../src/certificate/cbor.js";
import { encodeSignedObject, signObject } from "../../src/certificate/cose.js";
import { decodeDrlProof, encodeDrlProof } from "../../src/certificate/drl.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import {
  type PresentationRequest,
  decodePresentation,
  encodePresentation,
  makePresentation,
} from "../../src/certificate/presentation.js";
import type { RefusalCode } from "../../src/certificate/refusal.js";
import { type VerificationRequest, verifyPresentation } from "../../src/certificate/verify.js";
import { COSE_ALG, COSE_TYP } from "../../src/statements/cose.js";
import {
  NOW,
  certificateFields,
  checks,
  drlTree,
  ed25519Holder,
  externalAad,
  issue,
  listProof,
  p256Holder,
  seed,
  trust,
} from "./fixtures.js";

const challenge = seed("challenge");
const holder = ed25519Holder();
const certificate = issue();
const drlProof = listProof();
const present = (changes: Partial<PresentationRequest> = {}): Promise<Uint8Array> =>
  makePresentation({ certificate, drlProof, challenge, externalAad, ...holder, ...changes });

type Changes = Partial<VerificationRequest>;
const verify = (presentation: Uint8Array, changes: Changes = {}): ReturnType<typeof verifyPresentation> =>
  verifyPresentation({
    trust,
    presentation,
    challenge,
    scope: "geo:u33d",
    now: NOW,
    memory: new HeadMemory(undefined, () => {}),
    checks,
    ...changes,
  });

function expectRefused(presentation: Uint8Array, code: RefusalCode, changes: Changes = {}): void {
  const result = verify(presentation, changes);
  expect(result.accepted ? "accepted" : result.refusal.code).to.equal(code);
}

describe("presentation", () => {
  for (const [name, algorithm] of [
    ["BLS", COSE_ALG.bls],
    ["Ed25519", COSE_ALG.eddsa],
  ] as const) {
    for (const [keyName, device] of [
      ["Ed25519", ed25519Holder()],
      ["P-256", p256Holder()],
    ] as const) {
      it(`with a ${name} certificate of a ${keyName} key is accepted, with its facts`, async () => {
        const presentation = await present({
          ...device,
          certificate: issue({ key: device.key }, algorithm),
          drlProof: listProof({ algorithm }),
          audience: "gateway-7",
        });
        const result = verify(presentation, { audience: "gateway-7" });
        expect(result).to.deep.include({ accepted: true, ...certificateFields({ key: device.key }) });
      });
    }
  }

  it("is refused where the answer is to somebody else, or with something else", async () => {
    const presentation = await present();
    expectRefused(presentation, "wrong-challenge", { challenge: seed("another") });
    expectRefused(presentation, "wrong-audience", { audience: "gateway-7" });
    const other = encodePresentation({ ...decodePresentation(presentation), certificate: issue({ deviceClass: 1 }) });
    expectRefused(other, "wrong-certificate");
  });

  it("made with a copied certificate is refused", async () => {
    expectRefused(await present({ ...ed25519Holder("thief") }), "bad-signature");
    expectRefused(await present({ ...p256Holder("thief") }), "bad-signature");
    expectRefused(await present({ externalAad: seed("another mesh") }), "bad-signature");
  });

  it("is refused with a certificate that no longer, not yet or never counted", async () => {
    const presentation = await present();
    const long = await present({ drlProof: listProof({ head: { expires: NOW + 9_000 } }) });
    expectRefused(long, "expired", { now: NOW + 3_000 });
    expectRefused(presentation, "not-yet-valid", { now: NOW - 661 });
    expectRefused(presentation, "generation-old", { trust: { ...trust, generation: 2 } });
    expectRefused(presentation, "generation-unknown", { trust: { ...trust, generation: 0 } });
    expectRefused(await present({ certificate: issue({}, COSE_ALG.bls, seed("another")) }), "bad-signature");
  });

  it("is refused outside the certificate's scope", async () => {
    const presentation = await present();
    for (const scope of ["geo:u", "geo:u33db", "geo:u33dbfc"])
      expect(verify(presentation, { scope }).accepted).to.equal(true);
    for (const scope of ["geo:u33x", "grp:u33db"]) expectRefused(presentation, "out-of-scope", { scope });
    expectRefused(presentation, "out-of-scope", { scope: "geo:u33d", scopeRule: "equal" });
    expect(verify(presentation, { scope: "geo:u33db", scopeRule: "equal" }).accepted).to.equal(true);
  });

  it("of a revoked device is refused, and so is a stale, future or older list", async () => {
    expectRefused(await present({ drlProof: listProof({ listed: [70_000] }) }), "revoked");
    expectRefused(await present({ drlProof: listProof({ devices: 65_536, index: 0 }) }), "not-listed");
    const presentation = await present();
    expectRefused(presentation, "head-stale", { now: NOW + 900 });
    expectRefused(await present({ drlProof: listProof({ head: { issued: NOW + 61 } }) }), "head-future");
    const memory = new HeadMemory({ number: 1_000_001, issued: NOW }, () => {});
    expectRefused(presentation, "head-rollback", { memory });
  });

  it("with a list that its head does not sign is refused", async () => {
    const clean = drlTree(131_072, []);
    const { word, path } = clean.prove(273);
    const genuine = decodeDrlProof(listProof({ listed: [70_000] }));
    expectRefused(await present({ drlProof: encodeDrlProof({ ...genuine, word, path }) }), "not-listed");
    const head = { ...genuine.head, root: clean.root() };
    expectRefused(await present({ drlProof: encodeDrlProof({ ...genuine, head, word, path }) }), "bad-signature");
  });

  it("to a verifier without a clock is judged by the newest head", async () => {
    const presentation = await present();
    expect(verify(presentation, { now: undefined }).accepted).to.equal(true);
    const memory = new HeadMemory({ number: 5, issued: NOW + 900 }, () => {});
    expectRefused(presentation, "head-stale", { now: undefined, memory });
    const late = listProof({ head: { issued: NOW + 3_000, expires: NOW + 4_000 } });
    expectRefused(await present({ drlProof: late }), "expired", { now: undefined });
  });

  it("is refused at a time that is no number", async () => {
    expectRefused(await present(), "not-yet-valid", { now: NaN });
    const lost = new HeadMemory({ number: 5, issued: NaN }, () => {});
    expectRefused(await present(), "head-stale", { now: undefined, memory: lost });
  });

  it("whose parts are of another kind is refused", async () => {
    const good = decodePresentation(await present());
    const payload = encodeCbor([challenge, seed("hash"), ""]);
    const asRequest = await signObject(
      { typ: COSE_TYP.issuanceRequest, algorithm: COSE_ALG.eddsa },
      externalAad,
      payload,
      holder.sign,
    );
    expectRefused(encodePresentation({ ...good, answer: asRequest }), "wrong-kind");
    const short = { typ: COSE_TYP.presentation, algorithm: COSE_ALG.eddsa, signature: new Uint8Array(64) };
    const noChallenge = encodeSignedObject({ ...short, payload: encodeCbor([new Uint8Array(15), seed("hash"), ""]) });
    expectRefused(encodePresentation({ ...good, answer: noChallenge }), "malformed");
    expectRefused(encodePresentation({ ...good, drlProof: good.certificate }), "malformed");
    expectRefused(new Uint8Array(), "malformed");
  });

  it("is not made for a challenge that nobody accepts", async () => {
    for (const bad of [
      { challenge: new Uint8Array(15) },
      { challenge: new Uint8Array(65) },
      { audience: "é".repeat(128) },
    ]) {
      const refused: unknown = await present(bad).catch((error: unknown) => error);
      expect(refused).to.have.property("code", "malformed");
    }
  });
});

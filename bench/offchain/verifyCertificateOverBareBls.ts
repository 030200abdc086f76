/** A verifier's whole check of a certificate under BLS, decoding included, over one bare native BLS verification of as many bytes. */
import blst from "@chainsafe/blst";

import { decodeCertificate, certificateToSign, verifyCertificate } from "../../src/certificate/certificate.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { NOW, externalAad, issue, trust } from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";
import { timeRatio } from "../ratio.js";

export const verifyCertificateOverBareBls: OffchainFigure = {
  operation: "verifyCertificateOverBareBls",
  unit: "x one bare native BLS verification",
  goal: 1.3,
  best: undefined,
  source: "pure JavaScript elsewhere",

  async measure() {
    const checks = { bls: blstBls, device: nativeSignatures };
    const encoded = issue();
    const { algorithm, payload, signature } = decodeCertificate(encoded);
    const message = certificateToSign(algorithm, externalAad, payload);
    const key = blst.PublicKey.fromBytes(trust.keys.bls, true);
    return timeRatio({
      count: 100,
      measured(count) {
        for (let i = 0; i < count; i++) verifyCertificate(encoded, trust, NOW, checks);
      },
      // The key is at hand; the signature arrives as bytes, and has to be a point of its group.
      unit(count) {
        for (let i = 0; i < count; i++) {
          const point = blst.Signature.fromBytes(signature, true);
          if (!blst.verify(message, key, point)) throw new Error("a good signature does not verify");
        }
      },
    });
  },
};

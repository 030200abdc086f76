/**
 * Certificates that one validator signs per second by its whole issuing path (decoding, policy, manifest, the device's
 * signature, its slot on disk, partial signature, evidence), over bare native BLS signatures per second on one thread.
 */
import blst from "@chainsafe/blst";

import type { OffchainFigure } from "../figure.js";
import { WARM_UP_TURNS, timeRatio } from "../ratio.js";
import { openIssuingValidator } from "./issuing-validator.js";

/** Requests in flight at once: each that is answered is followed by another. */
const IN_FLIGHT = 64;
/** Requests in a turn. */
const TURN = 384;

export const issuedPerSecondOverBareSign: OffchainFigure = {
  operation: "issuedPerSecondOverBareSign",
  unit: "certificates for each bare native BLS signature",
  goal: 0.5,
  best: undefined,
  source: "SPIRE: 500 signings/s for each address",

  async measure() {
    const turns = 15;
    const validator = await openIssuingValidator(TURN * (turns + WARM_UP_TURNS));
    try {
      const queue = validator.requests.slice();
      const secret = blst.SecretKey.fromBytes(validator.share);
      const message = new Uint8Array(250);
      const timePerCertificate = await timeRatio({
        count: TURN,
        turns,
        async measured(count) {
          const turn = queue.splice(0, count).values();
          const oneAfterAnother = async (): Promise<void> => {
            for (const request of turn) await validator.issue(request);
          };
          await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother));
        },
        unit(count) {
          for (let i = 0; i < count; i++) secret.sign(message).toBytes();
        },
      });
      return 1 / timePerCertificate;
    } finally {
      await validator.close();
    }
  },
};

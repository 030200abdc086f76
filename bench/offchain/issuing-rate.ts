/** How fast one validator answers requests by its whole issuing path, beside bare native BLS signatures on one thread. */
import blst from "@chainsafe/blst";

import { WARM_UP_TURNS, timeRatio } from "../ratio.js";
import { type IssuingValidator, openIssuingValidator } from "./issuing-validator.js";

/** Requests in flight at once: each that is answered is followed by another. */
const IN_FLIGHT = 64;
/** Requests in a turn. */
const TURN = 384;
const TURNS = 15;

/** Certificates for each bare signature. `requests` says what is asked, of the `TURN * (TURNS + WARM_UP_TURNS)` devices. */
export async function issuedOverBareSign(
  requests: (validator: IssuingValidator) => Promise<readonly Uint8Array[]>,
): Promise<number> {
  const validator = await openIssuingValidator(TURN * (TURNS + WARM_UP_TURNS));
  try {
    const queue = [...(await requests(validator))];
    const secret = blst.SecretKey.fromBytes(validator.share);
    const message = new Uint8Array(250);
    const timePerCertificate = await timeRatio({
      count: TURN,
      turns: TURNS,
      measured: (count) => answerAll(validator, queue.splice(0, count)),
      unit(count) {
        for (let i = 0; i < count; i++) secret.sign(message).toBytes();
      },
    });
    return 1 / timePerCertificate;
  } finally {
    await validator.close();
  }
}

export async function answerAll(validator: IssuingValidator, requests: readonly Uint8Array[]): Promise<void> {
  const left = requests.values();
  const oneAfterAnother = async (): Promise<void> => {
    for (const request of left) await validator.issue(request);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother));
}

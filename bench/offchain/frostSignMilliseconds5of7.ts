/** See frost-signer.ts. */
import type { OffchainFigure } from "../figure.js";
import { frostSigner } from "./frost-signer.js";

const COUNT = 20;

export const frostSignMilliseconds5of7: OffchainFigure = {
  operation: "frostSignMilliseconds5of7",
  unit: "ms for one signature, on one thread",
  goal: undefined,
  best: undefined,
  source: undefined,

  async measure() {
    const { sign } = frostSigner();
    const message = new Uint8Array(400).fill(0x30);
    await sign(message);
    const begun = performance.now();
    for (let i = 0; i < COUNT; i++) await sign(message);
    return (performance.now() - begun) / COUNT;
  },
};

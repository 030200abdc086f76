/** What whoever keeps shards answers: a validator, and a gateway-class device (docs/protocol.md, section 20.8). */
import { encodeCbor } from "../certificate/cbor.js";
import { PATH } from "../protocol/api.js";
import { encodeShardAnswer } from "../protocol/shards.js";
import { type CalledRoute, expectCertifiedDevice } from "./caller.js";
import type { Holding } from "./holding.js";

/** Bytes of the largest delivery. */
const DELIVERY_BODY_BYTES = 1 << 20;

/** Devices are known by the handshake; the registrar signs what it sends. */
export function holderRoutes(holding: Holding): CalledRoute[] {
  return [
    {
      method: "POST",
      path: PATH.shards,
      handle: async ({ body }, caller) => ({
        body: encodeShardAnswer(await holding.give(body, expectCertifiedDevice(caller))),
      }),
    },
    {
      method: "POST",
      path: PATH.shardDelivery,
      bodyBytes: DELIVERY_BODY_BYTES,
      handle: async ({ body }) => ({ body: encodeCbor(await holding.take(body)) }),
    },
    {
      method: "POST",
      path: PATH.shardSample,
      handle: async ({ body }) => ({ body: encodeShardAnswer(await holding.show(body)) }),
    },
  ];
}

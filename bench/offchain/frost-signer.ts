/** One FROST-Ed25519 signature by 5 of 7 on one thread: both rounds of all five, every share verified by the combiner. */
import { randomBytes } from "node:crypto";

import { FrostNonces } from "../../src/crypto/frost.js";
import { combineFrost } from "../../src/protocol/frost-combiner.js";
import { sharedKeys } from "../../test/crypto/shared-key-fixture.js";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Signs as a device that asks five validators does, the network left out. */
export function frostSigner(): { readonly groupKey: Uint8Array; sign(message: Uint8Array): Promise<Uint8Array> } {
  const { ed25519: key, edShares } = sharedKeys(7, "frost bench");
  const members = [...edShares].slice(0, key.t).map(([seat, share]) => ({ seat, share }));
  return {
    groupKey: key.groupKey,
    async sign(message) {
      const nonces = new Map<number, FrostNonces>();
      const { signatures } = await combineFrost({
        key,
        messages: [message],
        async commit() {
          const parts = members.map((member) => {
            const drawn = FrostNonces.draw(member.seat, member.share, random);
            nonces.set(member.seat, drawn);
            return { member, part: { ...drawn.commitment, session: new Uint8Array(16) } };
          });
          return { parts, failures: [] };
        },
        committed: (part) => [part],
        async share({ seat, share }, _, __, signing) {
          return (nonces.get(seat) as FrostNonces).sign(key, share, signing);
        },
      });
      return signatures[0] as Uint8Array;
    },
  };
}

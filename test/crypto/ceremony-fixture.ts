/** Dealings for tests: repeatable randomness, receivers with their one-time keys, a whole honest attempt. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { toBytes, type Randomness } from "../../src/crypto/bytes.js";
import { makeDealing } from "../../src/crypto/dealing.js";
import { commit, ed, g1, randomScalar, type EdPoint, type G1Point } from "../../src/crypto/group.js";
import type { CeremonyContext } from "../../src/crypto/transcript.js";

/** SHA-256 in counter mode: the same seed gives the same bytes. */
export function seeded(seed: string): Randomness {
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    while (blocks.length * 32 < length) blocks.push(sha256(concatBytes(utf8ToBytes(seed), toBytes(counter++, 8))));
    return concatBytes(...blocks).slice(0, length);
  };
}

export const CONTEXT: CeremonyContext = {
  meshId: new Uint8Array(32).fill(0x11),
  contract: new Uint8Array(20).fill(0x22),
  ceremony: 1n,
  attempt: 1,
};

export interface Receiver {
  readonly secret: bigint;
  readonly key: G1Point;
}

export function makeReceivers(n: number, random: Randomness): Receiver[] {
  return Array.from({ length: n }, () => {
    const secret = randomScalar(g1, random);
    return { secret, key: commit(g1, secret) };
  });
}

/** Dealings of seats 1..dealers for the receivers. */
export function makeDealings(
  receivers: readonly Receiver[],
  dealers: number,
  t: number,
  random: Randomness,
): Uint8Array[] {
  return Array.from({ length: dealers }, (_, i) =>
    makeDealing({ context: CONTEXT, dealer: i + 1, t, receivers: receivers.map(({ key }) => key), random }),
  );
}

/** A point of order 8 of edwards25519. */
export const EIGHT_TORSION: EdPoint = (() => {
  for (let y = 2; ; y++) {
    const bytes = new Uint8Array(32);
    bytes[0] = y;
    try {
      // order * P keeps the component of small order alone; integers above the order need two factors.
      const point = ed25519.Point.fromBytes(bytes);
      const torsion = point.multiplyUnsafe(ed.order - 1n).add(point);
      if (!torsion.double().double().is0()) return torsion;
    } catch {
      // Not every y has a point.
    }
  }
})();

/** Changes one byte in place. */
export function flip(bytes: Uint8Array, at: number, mask = 1): void {
  bytes[at] = (bytes[at] as number) ^ mask;
}

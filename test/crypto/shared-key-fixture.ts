/** A key pair in shares, dealt by a trusted hand: for tests of signing alone. */
import { commit, ed, encodeScalar, g1 } from "../../src/crypto/group.js";
import { evaluate, randomPolynomial } from "../../src/crypto/lagrange.js";
import type { SharedEdKey } from "../../src/crypto/frost.js";
import type { SharedBlsKey } from "../../src/crypto/threshold-bls.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { seeded } from "./ceremony-fixture.js";

export interface SharedKeys {
  readonly bls: SharedBlsKey;
  readonly ed25519: SharedEdKey;
  /** By seat, from 1. */
  readonly blsShares: ReadonlyMap<number, Uint8Array>;
  readonly edShares: ReadonlyMap<number, Uint8Array>;
}

export function sharedKeys(n: number, seed: string): SharedKeys {
  const { t } = quorumOf(n);
  const random = seeded(seed);
  const [f, h] = [randomPolynomial(g1, t, random), randomPolynomial(ed, t, random)];
  const seats = Array.from({ length: n }, (_, i) => i + 1);
  const bySeat = <T>(value: (seat: number) => T) => new Map(seats.map((seat) => [seat, value(seat)]));
  return {
    bls: {
      groupKey: commit(g1, f[0] as bigint).toBytes(),
      t,
      verificationKeys: bySeat((seat) => commit(g1, evaluate(f, seat, g1.order)).toBytes()),
    },
    ed25519: {
      groupKey: commit(ed, h[0] as bigint).toBytes(),
      t,
      n,
      verificationKeys: bySeat((seat) => commit(ed, evaluate(h, seat, ed.order)).toBytes()),
    },
    blsShares: bySeat((seat) => encodeScalar(evaluate(f, seat, g1.order))),
    edShares: bySeat((seat) => encodeScalar(evaluate(h, seat, ed.order))),
  };
}

/** What the ceremony engine asks for, as calls of the KeyCeremony contract. */
import { g1ToEip2537 } from "../crypto/points.js";
import { INTERFACES } from "../ledger/contracts.js";
import { g1Struct } from "../ledger/points.js";
import type { CeremonyEffect } from "../protocol/ceremony/effects.js";
import { bitmapOf } from "../protocol/ceremony/events.js";

const DEFECT = { g1: 0, ed25519: 1 } as const;

/** A call of the contract. */
export interface CeremonyCall {
  readonly action: string;
  readonly data: string;
}

/** The transaction that carries an effect out; undefined for a signature, which is no transaction. */
export function callOf(effect: CeremonyEffect): CeremonyCall | undefined {
  const encode = (name: string, values: readonly unknown[]): string =>
    INTERFACES.ceremony.encodeFunctionData(name, values);
  switch (effect.name) {
    case "accept": {
      const { ceremony, attempt, seat, key } = effect;
      return { action: "accept the seat", data: encode("accept", [ceremony, attempt, seat, g1Struct(key)]) };
    }
    case "deal": {
      const { ceremony, attempt, seat, dealing, opening } = effect;
      return { action: "deal", data: encode("deal", [ceremony, attempt, seat, dealing, opening]) };
    }
    case "complain": {
      const { ceremony, attempt, dealer, receiver, defect, opening } = effect;
      const { points, proof, ...rest } = opening;
      const struct = {
        ephemeralKey: g1Struct(g1ToEip2537(points.ephemeralKey)),
        receivingKey: g1Struct(g1ToEip2537(points.receiverKey)),
        sharedPoint: g1Struct(g1ToEip2537(points.shared)),
        ...proof,
        ...rest,
      };
      const values = [ceremony, attempt, dealer, receiver, DEFECT[defect], struct];
      return { action: `complain about seat ${dealer}`, data: encode("complain", values) };
    }
    case "malformed": {
      const { ceremony, attempt, dealer, malformation } = effect;
      const { kind, ...struct } = malformation;
      const values = [ceremony, attempt, dealer, DEFECT[kind], struct];
      return { action: `show that seat ${dealer} dealt no points`, data: encode("malformed", values) };
    }
    case "acknowledge": {
      const { ceremony, attempt, receiver, dealings, outcomeHash } = effect;
      const values = [ceremony, attempt, receiver, bitmapOf(dealings), outcomeHash];
      return { action: "acknowledge the outcome", data: encode("acknowledge", values) };
    }
    case "advance":
      return { action: "advance the ceremony", data: encode("advance", [effect.ceremony]) };
    case "sign-activation":
      return undefined;
  }
}

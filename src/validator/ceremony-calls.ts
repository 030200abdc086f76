/** Between the ceremony engine and the KeyCeremony contract: events in the engine's terms, and effects as calls. */
import { ZeroAddress, getBytes } from "ethers";

import { g1ToEip2537 } from "../crypto/points.js";
import { INTERFACES, type MeshAddresses } from "../ledger/contracts.js";
import { readDealing } from "../ledger/dealing.js";
import { g1Bytes, g1Struct } from "../ledger/points.js";
import type { CeremonyEvent as LedgerCeremonyEvent } from "../ledger/projection.js";
import type { LedgerSource } from "../ledger/source.js";
import type { CeremonyEffect } from "../protocol/ceremony/effects.js";
import { type CeremonyEvent, seatsOf } from "../protocol/ceremony/events.js";

const DEFECT = { g1: 0, ed25519: 1 } as const;

function defectOf(value: bigint): "g1" | "ed25519" {
  return value === 0n ? "g1" : "ed25519";
}

/** What the engine needs of the ledger beside the event itself. */
export interface EventSource {
  readonly source: LedgerSource;
  readonly addresses: MeshAddresses;
  /** Seats and threshold of the ceremony. */
  readonly sizes: { readonly n: number; readonly t: number };
}

/** An event in the engine's terms; a dealing is fetched from its transaction. @throws LedgerError */
export async function engineEvent(event: LedgerCeremonyEvent, from: EventSource): Promise<CeremonyEvent> {
  const { ceremony } = event.args;
  switch (event.name) {
    case "CeremonyStarted": {
      const { kind, seats, threshold } = event.args;
      const name = kind === 0n ? "generation" : "resharing";
      return { name: event.name, ceremony, kind: name, seats: Number(seats), threshold: Number(threshold) };
    }
    case "Invited": {
      const accounts = event.args.accounts.map((account) => (account === ZeroAddress ? undefined : account));
      return { name: event.name, ...phaseOf(event.args), accounts };
    }
    case "Accepted":
      return { name: event.name, ...attemptOf(event.args), account: event.args.account, key: g1Bytes(event.args.key) };
    case "Seated":
      return { name: event.name, ...phaseOf(event.args), accounts: event.args.accounts };
    case "Dealt": {
      const { n, t } = from.sizes;
      const { bytes } = await readDealing(from.source, from.addresses, event, n, t);
      const { dealer, ephemeralHash, g1Hash, edHash, sealedRoot } = event.args;
      return {
        name: event.name,
        ...attemptOf(event.args),
        dealer: Number(dealer),
        dealing: bytes,
        ephemeralHash: getBytes(ephemeralHash),
        g1Hash: getBytes(g1Hash),
        edHash: getBytes(edHash),
        sealedRoot: getBytes(sealedRoot),
      };
    }
    case "Dealings":
      return { name: event.name, ...phaseOf(event.args), dealt: seatsOf(event.args.dealt) };
    case "ComplaintUpheld":
    case "ComplaintRefuted": {
      const { dealer, receiver, defect } = event.args;
      return {
        name: event.name,
        ...attemptOf(event.args),
        dealer: Number(dealer),
        receiver: Number(receiver),
        defect: defectOf(defect),
      };
    }
    case "CommitmentMalformed": {
      const { dealer, defect, index } = event.args;
      return {
        name: event.name,
        ...attemptOf(event.args),
        dealer: Number(dealer),
        defect: defectOf(defect),
        index: Number(index),
      };
    }
    case "Satisfied":
      return { name: event.name, ...attemptOf(event.args), receiver: Number(event.args.receiver) };
    case "Closed": {
      const { counted, qualifiedHash } = event.args;
      return {
        name: event.name,
        ...phaseOf(event.args),
        counted: seatsOf(counted),
        qualifiedHash: getBytes(qualifiedHash),
      };
    }
    case "Acknowledged": {
      const { receiver, outcomeHash } = event.args;
      return {
        name: event.name,
        ...attemptOf(event.args),
        receiver: Number(receiver),
        outcomeHash: getBytes(outcomeHash),
      };
    }
    case "AttemptFailed":
      return { name: event.name, ceremony, attempt: Number(event.args.attempt) };
    case "Activated": {
      const { generation, epoch, outcomeHash } = event.args;
      return { name: event.name, ...attemptOf(event.args), generation, epoch, outcomeHash: getBytes(outcomeHash) };
    }
  }
}

function attemptOf({ ceremony, attempt }: { ceremony: bigint; attempt: bigint }): {
  ceremony: bigint;
  attempt: number;
} {
  return { ceremony, attempt: Number(attempt) };
}

function phaseOf(args: { ceremony: bigint; attempt: bigint; deadline: bigint }): {
  ceremony: bigint;
  attempt: number;
  deadline: number;
} {
  return { ...attemptOf(args), deadline: Number(args.deadline) };
}

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
    case "satisfied": {
      const { ceremony, attempt, receiver } = effect;
      return { action: "be satisfied with the dealings", data: encode("satisfied", [ceremony, attempt, receiver]) };
    }
    case "acknowledge": {
      const { ceremony, attempt, receiver, outcomeHash } = effect;
      return {
        action: "acknowledge the outcome",
        data: encode("acknowledge", [ceremony, attempt, receiver, outcomeHash]),
      };
    }
    case "advance":
      return { action: "advance the ceremony", data: encode("advance", [effect.ceremony]) };
    case "sign-activation":
      return undefined;
  }
}

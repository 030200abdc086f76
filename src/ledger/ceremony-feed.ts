/** Events of the key ceremony in the form that its engine takes (src/protocol/ceremony), dealings fetched and checked. */
import { ZeroAddress, getBytes } from "ethers";

import type { GroupName } from "../crypto/group.js";
import { seatsOf, type CeremonyEvent as EngineEvent } from "../protocol/ceremony/events.js";
import type { MeshAddresses } from "./contracts.js";
import { type DealingShape, readDealing } from "./dealing.js";
import { LedgerError } from "./errors.js";
import { g1Bytes } from "./points.js";
import type { CeremonyEvent } from "./projection.js";
import type { LedgerSource } from "./source.js";

export class CeremonyFeed {
  readonly #source: LedgerSource;
  readonly #addresses: MeshAddresses;
  readonly #shapes = new Map<bigint, DealingShape>();

  constructor(source: LedgerSource, addresses: MeshAddresses) {
    this.#source = source;
    this.#addresses = addresses;
  }

  /**
   * Translates the next event; `CeremonyStarted` of its ceremony must have come before.
   * @throws LedgerError of `readDealing`.
   */
  async translate(event: CeremonyEvent): Promise<EngineEvent> {
    const { ceremony } = event.args;
    if (event.name === "CeremonyStarted") {
      const { kind, seats, threshold } = event.args;
      const shape = {
        kind: kind === 1n ? "resharing" : "generation",
        seats: Number(seats),
        threshold: Number(threshold),
      } as const;
      this.#shapes.set(ceremony, shape);
      return { name: event.name, ceremony, ...shape };
    }
    const of = { ceremony, attempt: Number(event.args.attempt) };
    switch (event.name) {
      case "Invited": {
        const accounts = event.args.accounts.map((account) => (account === ZeroAddress ? undefined : account));
        return { name: event.name, ...of, accounts, deadline: Number(event.args.deadline) };
      }
      case "Accepted": {
        const key = g1Bytes(event.args.key);
        return { name: event.name, ...of, account: event.args.account, key };
      }
      case "Seated":
        return { name: event.name, ...of, accounts: event.args.accounts, deadline: Number(event.args.deadline) };
      case "Dealt": {
        const { bytes } = await readDealing(this.#source, this.#addresses, event, this.#shapeOf(ceremony));
        return {
          name: event.name,
          ...of,
          dealer: Number(event.args.dealer),
          dealing: bytes,
          ephemeralHash: getBytes(event.args.ephemeralHash),
          g1Hash: getBytes(event.args.g1Hash),
          edHash: getBytes(event.args.edHash),
          sealedRoot: getBytes(event.args.sealedRoot),
        };
      }
      case "Dealings":
        return { name: event.name, ...of, dealt: seatsOf(event.args.dealt), deadline: Number(event.args.deadline) };
      case "ComplaintUpheld":
      case "ComplaintRefuted": {
        const { dealer, receiver, defect } = event.args;
        const names = { dealer: Number(dealer), receiver: Number(receiver), defect: groupOf(defect) };
        return { name: event.name, ...of, ...names };
      }
      case "CommitmentMalformed": {
        const { dealer, defect, index } = event.args;
        return { name: event.name, ...of, dealer: Number(dealer), defect: groupOf(defect), index: Number(index) };
      }
      case "Closed": {
        const { counted, qualifiedHash, deadline } = event.args;
        const hash = getBytes(qualifiedHash);
        return { name: event.name, ...of, counted: seatsOf(counted), qualifiedHash: hash, deadline: Number(deadline) };
      }
      case "Acknowledged": {
        const { receiver, outcomeHash } = event.args;
        return { name: event.name, ...of, receiver: Number(receiver), outcomeHash: getBytes(outcomeHash) };
      }
      case "AttemptFailed":
        return { name: event.name, ...of };
      case "Activated": {
        const { generation, epoch, outcomeHash } = event.args;
        return { name: event.name, ...of, generation, epoch, outcomeHash: getBytes(outcomeHash) };
      }
    }
  }

  #shapeOf(ceremony: bigint): DealingShape {
    const shape = this.#shapes.get(ceremony);
    if (shape === undefined) {
      throw new LedgerError("bad-log", `an event of ceremony ${ceremony} came before its start`, { ceremony });
    }
    return shape;
  }
}

function groupOf(defect: bigint): GroupName {
  return defect === 0n ? "g1" : "ed25519";
}

/**
 * What a registrar says about shard maps besides making versions: versions and devices are cut off sooner, and gateway-class devices are
 * offered as holders. Each counts from its block on.
 */
import { hexlify } from "ethers";

import { parseEndpoint } from "../net/endpoint.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MapName } from "../protocol/shards.js";
import type { MeshLedger } from "./ledger.js";
import { batchOfDevice } from "./registrar.js";

export interface RegistrarOnLedger {
  readonly ledger: MeshLedger;
  readonly sender: TransactionSender;
}

/** Ends a version at once and for ever, grace included. @throws LedgerError `reverted` where there is none, as all here */
export function invalidateShards(
  { ledger, sender }: RegistrarOnLedger,
  { fleetId, subject, version }: MapName,
): Promise<Receipt> {
  const data = ledger.contracts.shards.interface.encodeFunctionData("invalidate", [fleetId, subject, version]);
  return sender.send({ to: ledger.addresses.shards, data, action: "invalidate the shards" });
}

/** Has a version end sooner. @param validUntil seconds since 1970 */
export function shortenShards(
  { ledger, sender }: RegistrarOnLedger,
  { fleetId, subject, version }: MapName,
  validUntil: number,
  graceSeconds: number,
): Promise<Receipt> {
  const values = [fleetId, subject, version, validUntil, graceSeconds] as const;
  const data = ledger.contracts.shards.interface.encodeFunctionData("shorten", [...values]);
  return sender.send({ to: ledger.addresses.shards, data, action: "shorten the schedule" });
}

/** Cuts devices in a scope off after `until`, of versions that began before. */
export function limitScope(
  { ledger, sender }: RegistrarOnLedger,
  fleetId: number,
  scope: string,
  until: number,
): Promise<Receipt> {
  const data = ledger.contracts.shards.interface.encodeFunctionData("limitScope", [fleetId, scope, until]);
  return sender.send({ to: ledger.addresses.shards, data, action: "limit a scope" });
}

/** Cuts one device off, as `limitScope`. */
export async function limitDevice(
  { ledger, sender }: RegistrarOnLedger,
  index: number,
  until: number,
): Promise<Receipt> {
  const batch = await batchOfDevice(ledger, index);
  const data = ledger.contracts.shards.interface.encodeFunctionData("limitDevice", [batch, index, until]);
  return sender.send({ to: ledger.addresses.shards, data, action: "limit a device" });
}

/**
 * Offers a gateway-class device as a holder for its fleet: versions that are made from now on have shards with it.
 * @param tlsPin SHA-256 of the SubjectPublicKeyInfo of its TLS key
 * @throws SwarmkeepError `bad-endpoint`
 */
export async function offerHolder(
  { ledger, sender }: RegistrarOnLedger,
  index: number,
  tlsPin: Uint8Array,
  endpoint: string,
): Promise<Receipt> {
  parseEndpoint(endpoint);
  const values = [await batchOfDevice(ledger, index), index, hexlify(tlsPin), endpoint] as const;
  const data = ledger.contracts.shards.interface.encodeFunctionData("addHolder", [...values]);
  return sender.send({ to: ledger.addresses.shards, data, action: "offer a holder" });
}

/** Takes the offer back; versions that name it go on to. */
export async function withdrawHolder({ ledger, sender }: RegistrarOnLedger, index: number): Promise<Receipt> {
  const batch = await batchOfDevice(ledger, index);
  const data = ledger.contracts.shards.interface.encodeFunctionData("removeHolder", [batch, index]);
  return sender.send({ to: ledger.addresses.shards, data, action: "withdraw a holder" });
}

/** A registrar revokes devices of its fleets for good, by the swarm's signature, or holds and releases them by itself. */
import { type BaseWallet, getBytes, hexlify, solidityPackedKeccak256, toBigInt } from "ethers";

import { PATH, decodePartialAnswer, encodeRevokeRequest } from "../protocol/api.js";
import { revocationDigest, revocationEntries } from "../protocol/revocation.js";
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MeshLedger } from "./ledger.js";
import { batchOfDevice, expectRegistrar, signByAccount } from "./registrar.js";
import { type Validators, gatherSwarmSignature } from "./swarm-signature.js";

/** Seconds for which the ledger takes the statement. */
const LIFETIME_SECONDS = 600;

export interface Revoked {
  readonly receipt: Receipt;
  /** Milliseconds until the swarm had signed, and from then until a block had it. */
  readonly signedAfter: number;
  readonly minedAfter: number;
}

/** Those of the devices that the ledger has as revoked for ever: asked for again they would only cost gas again. */
export async function revokedAlready(
  { contracts }: Pick<MeshLedger, "contracts">,
  indexes: readonly number[],
): Promise<readonly number[]> {
  const isRevoked = await Promise.all(
    indexes.map(async (index) => {
      const { words, masks } = revocationEntries([index]);
      return ((await contracts.revocations.revoked(words[0] as number)) & toBigInt(masks[0] as Uint8Array)) !== 0n;
    }),
  );
  return indexes.filter((_, i) => isRevoked[i]);
}

/**
 * Revokes devices for ever.
 * @param indexes at most 1024
 */
export async function revokeDevices(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  wallet: BaseWallet,
  request: { readonly indexes: readonly number[]; readonly reason: number },
): Promise<Revoked> {
  const begun = performance.now();
  const indexes = [...new Set(request.indexes)].sort((a, b) => a - b);
  const { address } = wallet;
  for (const index of indexes) await expectRegistrar(ledger, index, address);

  const { reason } = request;
  const expiry = Math.floor(Date.now() / 1000) + LIFETIME_SECONDS;
  const values = {
    indexesHash: getBytes(solidityPackedKeccak256(["uint64[]"], [indexes])),
    reason,
    expiry,
  };
  const signature = signByAccount(ledger, wallet, "revocations", "RevocationRequest", values);
  const body = encodeRevokeRequest({ by: "registrar", indexes, reason, expiry, signature });
  const entries = revocationEntries(indexes);
  const digest = revocationDigest(ledger.separator("revocations"), entries, reason, expiry);
  const swarm = await gatherSwarmSignature(validators, digest, async (client, signal) =>
    decodePartialAnswer((await client.request({ method: "POST", path: PATH.revoke, body, signal })).body),
  );
  const signedAfter = performance.now() - begun;

  const data = ledger.contracts.revocations.interface.encodeFunctionData("revoke", [
    [...entries.words],
    entries.masks.map((mask) => hexlify(mask)),
    reason,
    expiry,
    signatureStruct(swarm),
  ]);
  const receipt = await sender.send({ to: ledger.addresses.revocations, data, action: "revoke the devices" });
  return { receipt, signedAfter, minedAfter: performance.now() - begun - signedAfter };
}

/** Holds devices of one batch, or releases them: a transaction of the registrar's, ordered by the ledger. */
export async function holdDevices(
  ledger: MeshLedger,
  sender: TransactionSender,
  kind: "hold" | "release",
  indexes: readonly number[],
): Promise<Receipt> {
  const batch = await batchOfDevice(ledger, indexes[0] as number);
  const { words, masks } = revocationEntries(indexes);
  const { interface: abi } = ledger.contracts.revocations;
  const values: [typeof batch, number[], string[]] = [batch, [...words], masks.map((mask) => hexlify(mask))];
  const data = kind === "hold" ? abi.encodeFunctionData("hold", values) : abi.encodeFunctionData("release", values);
  return sender.send({ to: ledger.addresses.revocations, data, action: `${kind} the devices` });
}

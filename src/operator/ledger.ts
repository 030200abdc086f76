/** A mesh on the ledger, as somebody who sends a transaction now and then opens it: from the mesh file. */
import { type BaseWallet, Wallet, getBytes, toBeHex } from "ethers";

import {
  type ContractName,
  type MeshAddresses,
  type MeshContracts,
  addressesOf,
  contractsAt,
} from "../ledger/contracts.js";
import { Endpoint } from "../ledger/endpoint.js";
import { LedgerError, isPassing } from "../ledger/errors.js";
import { TransactionSender } from "../ledger/sender.js";
import { hexNumber } from "../ledger/source.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { domainSeparator } from "../statements/eip712.js";

export interface MeshLedger {
  readonly mesh: MeshFile;
  readonly endpoint: Endpoint;
  readonly addresses: MeshAddresses;
  readonly contracts: MeshContracts;
  /** The EIP-712 domain separator of statements to a contract. */
  separator(contract: ContractName): Uint8Array;
  close(): void;
}

/**
 * Opens the first endpoint that answers. Where none is one's own, all that answer have to name the same contracts; what is read after
 * that is the word of the first.
 * @throws LedgerError `wrong-chain`, `no-mesh`, `endpoints-disagree` and those of the way to a node; SwarmkeepError `wrong-mesh`
 */
export async function openMeshLedger(mesh: MeshFile): Promise<MeshLedger> {
  const endpoint = await firstEndpoint(mesh.rpc, mesh.chainId);
  try {
    const addresses = await addressesOf(mesh.anchor, endpoint.provider);
    const contracts = contractsAt(addresses, endpoint.provider);
    const found = await contracts.anchor.meshId();
    const expected = toBeHex(BigInt(`0x${Buffer.from(mesh.meshId).toString("hex")}`), 32);
    if (found !== expected) {
      throw new SwarmkeepError(`the trust anchor at ${mesh.anchor} is of mesh ${found}, not of ${expected}`, {
        kind: "usage",
        code: "wrong-mesh",
        advice: "Use the mesh file that belongs to this ledger.",
        details: { anchor: mesh.anchor, found, expected },
      });
    }
    if (!mesh.ownNode) await expectAgreement(mesh, endpoint, addresses);
    return {
      mesh,
      endpoint,
      addresses,
      contracts,
      separator: (contract) =>
        domainSeparator({
          chainId: mesh.chainId,
          meshId: mesh.meshId,
          verifyingContract: getBytes(addresses[contract]),
        }),
      close: () => endpoint.close(),
    };
  } catch (error) {
    endpoint.close();
    throw error;
  }
}

/** Whoever is away says nothing. */
async function expectAgreement(mesh: MeshFile, first: Endpoint, addresses: MeshAddresses): Promise<void> {
  await Promise.all(
    mesh.rpc.map(async (url) => {
      const other = new Endpoint({ url, chainId: mesh.chainId });
      try {
        const found = await addressesOf(mesh.anchor, other.provider);
        if (JSON.stringify(found) === JSON.stringify(addresses)) return;
        const message = `the endpoints ${first.label} and ${other.label} name different contracts for the anchor ${mesh.anchor}`;
        throw new LedgerError("endpoints-disagree", message, { endpoints: [first.label, other.label] });
      } catch (error) {
        if (!isPassing(error) || (error as LedgerError).code === "endpoints-disagree") throw error;
      } finally {
        other.close();
      }
    }),
  );
}

/** The first endpoint that serves the chain; the last one's error where none does. */
export async function firstEndpoint(urls: readonly string[], chainId: bigint): Promise<Endpoint> {
  let last: unknown = new LedgerError("refused", "no ledger endpoint was given");
  for (const url of urls) {
    const endpoint = new Endpoint({ url, chainId });
    try {
      await endpoint.send("eth_blockNumber");
      return endpoint;
    } catch (error) {
      endpoint.close();
      if (!isPassing(error)) throw error;
      last = error;
    }
  }
  throw last;
}

/** Sends with one account, by its private key or with whatever signs for it, and ends with `work`. */
export async function withSender<T>(
  endpoint: Endpoint,
  account: string | BaseWallet,
  work: (sender: TransactionSender) => Promise<T>,
): Promise<T> {
  const sender = new TransactionSender({
    endpoint,
    wallet: typeof account === "string" ? new Wallet(account) : account,
    pollMs: 250,
  });
  try {
    return await work(sender);
  } finally {
    sender.close();
  }
}

/** States of a validator, as the registry numbers them. */
export const VALIDATOR_STATES = ["none", "admitted", "active", "exiting", "exited"] as const;

/** Time of the newest block, or of the given one, in seconds since 1970. */
export async function blockTime(endpoint: Endpoint, block: number | "latest" = "latest"): Promise<number> {
  const tag = block === "latest" ? block : hexNumber(block);
  const answer = (await endpoint.send("eth_getBlockByNumber", [tag, false])) as { timestamp?: unknown } | null;
  if (typeof answer?.timestamp === "string") return Number(answer.timestamp);
  throw new LedgerError("bad-answer", `${endpoint.label} gave no block ${block}`);
}

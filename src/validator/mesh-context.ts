/** The names under which everything in one mesh is signed: its id, its chain, and a domain for each contract. */
import { getBytes } from "ethers";

import type { ContractName, MeshAddresses } from "../ledger/contracts.js";
import { domainSeparator } from "../statements/eip712.js";

export interface MeshContext {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly chainId: bigint;
  readonly addresses: MeshAddresses;
  /** EIP-712 domain separators; that of the anchor is also the external_aad of COSE objects. */
  readonly separators: Readonly<Record<ContractName, Uint8Array>>;
}

export function meshContext(meshId: Uint8Array, chainId: bigint, addresses: MeshAddresses): MeshContext {
  const separator = (name: ContractName): Uint8Array =>
    domainSeparator({ chainId, meshId, verifyingContract: getBytes(addresses[name]) });
  return {
    meshId,
    chainId,
    addresses,
    separators: {
      anchor: separator("anchor"),
      registry: separator("registry"),
      ceremony: separator("ceremony"),
      groupKeys: separator("groupKeys"),
      fleets: separator("fleets"),
      revocations: separator("revocations"),
      rotation: separator("rotation"),
      shards: separator("shards"),
      generations: separator("generations"),
      recovery: separator("recovery"),
      measurement: separator("measurement"),
      reputation: separator("reputation"),
      rewards: separator("rewards"),
    },
  };
}

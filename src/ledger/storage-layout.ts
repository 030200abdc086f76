/**
 * Where the contracts keep what members prove before they sign: storage slots and how their words are packed, as the
 * compiler lays them out (Solidity documentation, "Layout of State Variables in Storage"). A test holds this to the contracts.
 */
import { AbiCoder, keccak256 } from "ethers";

/** Slot of `key` in the mapping at `slot`. */
export function mappingSlot(key: bigint, slot: bigint): bigint {
  return BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(["uint256", "uint256"], [key, slot])));
}

/** `bits` bits of a word from bit `from` on, 0 the least significant. */
export function bitsOf(word: bigint, from: bigint, bits: bigint): bigint {
  return (word >> from) & ((1n << bits) - 1n);
}

// Slot 0 of these four is the mapping of used statements.

export const ANCHOR_SLOTS = {
  /** Six addresses in the order of `Contracts`, from bit 0 of a slot each. */
  contracts: [3n, 4n, 5n, 6n, 7n, 8n],
} as const;

export const FLEET_SLOTS = {
  /** uint64 nextIndex, from bit 0. */
  nextIndex: 1n,
  /** bytes24 policyHash from bit 0, uint32 grantId from bit 192, uint32 batches from bit 224. */
  fleet: (fleetId: bigint): bigint => mappingSlot(fleetId, 4n),
  batchHash: (fleetId: bigint, batch: bigint): bigint => mappingSlot(batch, mappingSlot(fleetId, 2n)),
} as const;

export const REVOCATION_SLOTS = {
  revoked: (word: number): bigint => mappingSlot(BigInt(word), 1n),
  held: (word: number): bigint => mappingSlot(BigInt(word), 2n),
} as const;

export const SHARD_SLOTS = {
  /** uint32 from bit 0: the newest version of a subject's map. */
  latest: (fleetId: bigint, subject: bigint): bigint => mappingSlot(subject, mappingSlot(fleetId, 1n)),
  /** A version: the fields of `IShardMap.Map` before its root, in their order from bit 0; the root; the holders' hash. */
  record: (fleetId: bigint, subject: bigint, version: bigint): readonly [bigint, bigint, bigint] => {
    const first = mappingSlot(version, mappingSlot(subject, mappingSlot(fleetId, 4n)));
    return [first, first + 1n, first + 2n];
  },
  /** bool from bit 0. */
  invalidated: (fleetId: bigint, subject: bigint, version: bigint): bigint =>
    mappingSlot(version, mappingSlot(subject, mappingSlot(fleetId, 5n))),
} as const;

/** The keys of the generation, and two terms: the committee in office and the one before. */
export const OFFICE_SLOTS = {
  /** Of each term: uint64 epoch and ceremony from bit 0; and verificationRoot. */
  terms: [
    [0n, 1n],
    [3n, 4n],
  ],
  /** uint8 from bit 0: which of the two is in office; uint64 generation from bit 72. */
  current: 6n,
  /** Four words of the EIP-2537 encoding. */
  blsKey: [7n, 8n, 9n, 10n],
  edKey: 11n,
} as const;

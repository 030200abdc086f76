/** The Revocation statement (docs/protocol.md, section 3.6): bits of the revocation list, set for good by a swarm signature. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { drlPosition } from "../certificate/drl.js";
import { toBytes } from "../crypto/bytes.js";
import { statementDigest } from "../statements/eip712.js";

/** Words of the list and, for each, the bits to set. */
export interface RevocationEntries {
  /** Ascending. */
  readonly words: readonly number[];
  /** 32 bytes each, big-endian. */
  readonly masks: readonly Uint8Array[];
}

/** Words and masks of some devices. */
export function revocationEntries(indexes: readonly number[]): RevocationEntries {
  const masks = new Map<number, Uint8Array>();
  for (const index of indexes) {
    const { position, bit } = drlPosition(index);
    const mask = masks.get(position) ?? new Uint8Array(32);
    mask[31 - (bit >> 3)] = (mask[31 - (bit >> 3)] as number) | (1 << (bit & 7));
    masks.set(position, mask);
  }
  const words = [...masks.keys()].sort((a, b) => a - b);
  return { words, masks: words.map((word) => masks.get(word) as Uint8Array) };
}

/** keccak256(abi.encodePacked(uint32[] words, uint256[] masks)): packed arrays pad every element to 32 bytes. */
export function revocationEntriesHash({ words, masks }: RevocationEntries): Uint8Array {
  return keccak_256(concatBytes(...words.map((word) => toBytes(word, 32)), ...masks));
}

/**
 * The digest that the swarm signs, 32 bytes.
 * @param revocations EIP-712 domain separator of the RevocationList.
 * @param expiry until when the ledger takes it, seconds since 1970.
 */
export function revocationDigest(
  revocations: Uint8Array,
  entries: RevocationEntries,
  reason: number,
  expiry: number,
): Uint8Array {
  return statementDigest(revocations, "Revocation", { entriesHash: revocationEntriesHash(entries), reason, expiry });
}

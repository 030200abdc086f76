/**
 * What the proofs of a ceremony are bound to, and their Fiat-Shamir challenges (docs/protocol.md, section 4). A proof
 * made for one mesh, contract, ceremony, attempt or seat is worthless for any other.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { bytesToNumberBE, concatBytes, expectLength, toBytes } from "./bytes.js";
import { g1, type G1Point } from "./group.js";
import { g1ToEip2537 } from "./points.js";

/** One attempt at one ceremony. */
export interface CeremonyContext {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  /** Address of the KeyCeremony contract, 20 bytes. */
  readonly contract: Uint8Array;
  readonly ceremony: bigint;
  /** Counts from 1. */
  readonly attempt: number;
}

/** address | u64 ceremony | u32 attempt | u8 seat ...: the part that a sealed share's key and the challenges have in common. */
export function encodeContext(context: CeremonyContext, ...seats: readonly number[]): Uint8Array {
  expectLength(context.meshId, 32, "a mesh id");
  expectLength(context.contract, 20, "a contract's address");
  return concatBytes(
    context.contract,
    toBytes(context.ceremony, 8),
    toBytes(context.attempt, 4),
    ...seats.map((seat) => toBytes(seat, 1)),
  );
}

/** keccak256(tag | mesh id | context | points in EIP-2537 encoding) modulo the order of G1. */
export function challenge(
  tag: string,
  context: CeremonyContext,
  seats: readonly number[],
  points: readonly G1Point[],
): bigint {
  const transcript = concatBytes(
    utf8ToBytes(tag),
    context.meshId,
    encodeContext(context, ...seats),
    ...points.map(g1ToEip2537),
  );
  return bytesToNumberBE(keccak_256(transcript)) % g1.order;
}

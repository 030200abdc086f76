/**
 * Messages of share repair (docs/protocol.md, section 4.9): a member of the committee in office that has no share, because it was late
 * or lost what it had, is given its own by t others. What they compute is in `crypto/repair.ts`. No I/O.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, tuple, uint } from "../certificate/reader.js";
import type { PartCommitments, RepairPlan } from "../crypto/repair.js";
import type { SharePair } from "../crypto/sealing.js";
import { MAXIMUM_COMMITTEE } from "../statements/quorum.js";

/** What the late member asks for: the same bytes for all helpers, and between them. */
export interface RepairOrder extends RepairPlan {
  /** That put the committee into office. */
  readonly ceremony: number;
  /** Random, 16 bytes. */
  readonly nonce: Uint8Array;
}

/** Bytes of the longest request: the commitments of all helpers to all parts. */
export const MAXIMUM_REPAIR_BYTES = 65_536;

const ORDER: CborLimits = { maximumLength: 512, maximumDepth: 3 };
const SUMMED: CborLimits = { maximumLength: MAXIMUM_REPAIR_BYTES, maximumDepth: 6 };
const seat = uint(MAXIMUM_COMMITTEE);

const readOrder = tuple<RepairOrder>({
  ceremony: uint(),
  late: seat,
  helpers: list(seat, 1, MAXIMUM_COMMITTEE),
  nonce: bytes(16),
});

function orderFields({ ceremony, late, helpers, nonce }: RepairOrder) {
  return [ceremony, late, [...helpers], nonce];
}

export function encodeRepairOrder(order: RepairOrder): Uint8Array {
  return encodeCbor(orderFields(order));
}

/** @throws Refusal `malformed`, as every decoder here. */
export function decodeRepairOrder(encoded: Uint8Array): RepairOrder {
  return readOrder(decodeCbor(encoded, "repairOrder", ORDER), "repairOrder");
}

/** Names an order: who helps whom, and how, is one and the same for all who name it so. */
export function repairId(order: RepairOrder): string {
  return bytesToHex(sha256(encodeRepairOrder(order)));
}

const readCommitments = tuple<PartCommitments>({
  g1: list(bytes(48), 1, MAXIMUM_COMMITTEE),
  ed25519: list(bytes(32), 1, MAXIMUM_COMMITTEE),
});

function commitmentFields({ g1, ed25519 }: PartCommitments) {
  return [[...g1], [...ed25519]];
}

export function encodePartCommitments(commitments: PartCommitments): Uint8Array {
  return encodeCbor(commitmentFields(commitments));
}

export function decodePartCommitments(encoded: Uint8Array): PartCommitments {
  return readCommitments(decodeCbor(encoded, "partCommitments", SUMMED), "partCommitments");
}

/** Asks a helper for its sum. */
export interface SumRequest {
  readonly order: RepairOrder;
  /** Of each helper, in their order. */
  readonly commitments: readonly PartCommitments[];
}

const readSumRequest = tuple<SumRequest>({
  order: readOrder,
  commitments: list(readCommitments, 1, MAXIMUM_COMMITTEE),
});

export function encodeSumRequest({ order, commitments }: SumRequest): Uint8Array {
  return encodeCbor([orderFields(order), commitments.map(commitmentFields)]);
}

export function decodeSumRequest(encoded: Uint8Array): SumRequest {
  return readSumRequest(decodeCbor(encoded, "sumRequest", SUMMED), "sumRequest");
}

const readPair = tuple<SharePair>({ g1: bytes(32), ed25519: bytes(32) });

/** A part, or a sum of parts: secret, for the one who asked. */
export function encodeSharePair({ g1, ed25519 }: SharePair): Uint8Array {
  return encodeCbor([g1, ed25519]);
}

export function decodeSharePair(encoded: Uint8Array): SharePair {
  return readPair(decodeCbor(encoded, "sharePair", ORDER), "sharePair");
}

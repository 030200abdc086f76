/**
 * Bodies of a holder's interface (docs/protocol.md, section 20.8): what generator and devices ask of whoever keeps shards, and the
 * names of collections.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";

import { type CborLimits, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { bytes, list, nullable, tuple, uint } from "../certificate/reader.js";

/** One version of one subject's map: what a holder keeps together and deletes together. */
export interface MapName {
  readonly fleetId: number;
  readonly subject: number;
  readonly version: number;
}

export function collectionName({ fleetId, subject, version }: MapName): string {
  return `${fleetId}-${subject}-${version}`;
}

/** The map of a collection; undefined for other names. */
export function mapOfCollection(name: string): MapName | undefined {
  const [, fleetId, subject, version] = /^(\d{1,15})-(\d{1,15})-(\d{1,10})$/.exec(name) ?? [];
  if (version === undefined) return undefined;
  return { fleetId: Number(fleetId), subject: Number(subject), version: Number(version) };
}

/** Shards in one delivery. */
export const MAXIMUM_DELIVERY = 4_096;
/** Ids in one request of a device or generator. */
export const MAXIMUM_IDS = 64;
const LARGE: CborLimits = { maximumLength: 1 << 20, maximumDepth: 4 };
const SMALL: CborLimits = { maximumLength: 16_384, maximumDepth: 4 };

/** The registrar's name under a request: until when it counts, and its signature over ShardDelivery, 65 bytes. */
export interface Signed {
  readonly expiry: number;
  readonly signature: Uint8Array;
}

/** What the generator gives a holder to keep. */
export interface ShardDelivery extends MapName {
  readonly shards: readonly { readonly id: Uint8Array; readonly device: number; readonly bytes: Uint8Array }[];
}

type ShardRow = ShardDelivery["shards"][number];

const readRow = tuple<ShardRow>({ id: bytes(32), device: uint(), bytes: bytes(1, 8_192) });
const place = { fleetId: uint(), subject: uint(), version: uint(0xffff_ffff) };

/** The part that is signed: `contentHash` is its keccak256. */
export function deliveryContent({ fleetId, subject, version, shards }: ShardDelivery): Uint8Array {
  return encodeCbor([fleetId, subject, version, shards.map(({ id, device, bytes: sealed }) => [id, device, sealed])]);
}

const readDelivery = tuple({ ...place, shards: list(readRow, 1, MAXIMUM_DELIVERY) });

export interface SignedContent extends Signed {
  readonly content: Uint8Array;
}

const readSigned = tuple<SignedContent>({ content: bytes(1, 1 << 20), expiry: uint(), signature: bytes(65) });

/** Content under the registrar's signature. */
export function encodeSignedContent({ content, expiry, signature }: SignedContent): Uint8Array {
  return encodeCbor([content, expiry, signature]);
}

/** @throws Refusal `malformed`, as every decoder here. */
export function decodeSignedContent(encoded: Uint8Array): SignedContent {
  return readSigned(decodeCbor(encoded, "signedContent", LARGE), "signedContent");
}

export function contentHash(content: Uint8Array): Uint8Array {
  return keccak_256(content);
}

export function decodeDeliveryContent(content: Uint8Array): ShardDelivery {
  return readDelivery(decodeCbor(content, "delivery", LARGE), "delivery");
}

/** What the generator asks a holder to show: the shards with these ids, or with none, how many it has. */
export interface SampleRequest extends MapName {
  readonly ids: readonly Uint8Array[];
}

export function sampleContent({ fleetId, subject, version, ids }: SampleRequest): Uint8Array {
  return encodeCbor([fleetId, subject, version, [...ids]]);
}

const readSample = tuple<SampleRequest>({ ...place, ids: list(bytes(32), 0, MAXIMUM_IDS) });

export function decodeSampleContent(content: Uint8Array): SampleRequest {
  return readSample(decodeCbor(content, "sample", SMALL), "sample");
}

/** Ids of the shards that a device asks for. Which device it is has been shown in the handshake. */
const readRequest = list(bytes(32), 1, MAXIMUM_IDS);

export function encodeShardRequest(ids: readonly Uint8Array[]): Uint8Array {
  return encodeCbor([...ids]);
}

export function decodeShardRequest(encoded: Uint8Array): readonly Uint8Array[] {
  return readRequest(decodeCbor(encoded, "shardRequest", SMALL), "shardRequest");
}

/** Bytes by id in the order of the request; null where the holder has none. And how much of the version it has in all. */
export interface ShardAnswer {
  readonly shards: readonly (Uint8Array | null)[];
  readonly count: number;
  readonly bytes: number;
}

const readAnswer = tuple<ShardAnswer>({
  shards: list(nullable(bytes(1, 8_192)), 0, MAXIMUM_IDS),
  count: uint(),
  bytes: uint(),
});

export function encodeShardAnswer({ shards, count, bytes: size }: ShardAnswer): Uint8Array {
  return encodeCbor([[...shards], count, size]);
}

export function decodeShardAnswer(encoded: Uint8Array): ShardAnswer {
  return readAnswer(decodeCbor(encoded, "shardAnswer", LARGE), "shardAnswer");
}

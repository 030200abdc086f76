/** Decoders of shard maps, entries and one-time signatures, with inputs that they take. */
import {
  type ShardMapTerms,
  decodeHolders,
  decodeShardMap,
  decodeShardMapPayload,
  encodeHolders,
  encodeShardMap,
  shardMapPayload,
} from "../../src/certificate/shard-map.js";
import {
  decodeDeliveryContent,
  decodeSampleContent,
  decodeShardAnswer,
  decodeShardRequest,
  decodeSignedContent,
  deliveryContent,
  encodeShardAnswer,
  encodeShardRequest,
  encodeSignedContent,
  sampleContent,
} from "../../src/protocol/shards.js";
import { decodeEntry, decodePlacedEntry, encodeEntry, encodePlacedEntry } from "../../src/shards/entry.js";
import { decodeOneTimeSignature, encodeOneTimeSignature, signOnce } from "../../src/shards/one-time-keys.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { type FuzzTarget, fuzzTarget } from "../fuzz-target.js";

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

export const sampleTerms: ShardMapTerms = {
  generation: 1,
  fleetId: 1,
  subject: 0,
  version: 2,
  scheme: SCHEME.shamir,
  threshold: 3,
  shards: 5,
  replicas: 2,
  validFrom: 1_900_000_000,
  validUntil: 1_900_086_400,
  graceSeconds: 600,
  rotationSeconds: 80_000,
  root: bytes(5),
  holders: [
    { tlsPin: bytes(1), endpoint: "a.example:7443" },
    { tlsPin: bytes(2), endpoint: "[2001:db8::1]:7443" },
  ],
};

const entry = encodeEntry({
  device: 7,
  version: 2,
  sharing: { scheme: SCHEME.segments, threshold: 2, shards: 2 },
  salt: bytes(3),
  shards: [
    { id: bytes(4), hash: bytes(5) },
    { id: bytes(6), hash: bytes(7) },
  ],
  oneTime: { count: 4, type: KEY_TYPE.ed25519, root: bytes(8) },
});

const place = { fleetId: 1, subject: 0, version: 2 };
const delivery = { ...place, shards: [{ id: bytes(1), device: 7, bytes: bytes(2, 48) }] };

export const shardTargets: readonly FuzzTarget[] = [
  fuzzTarget("decodeDeliveryContent", [deliveryContent(delivery)], decodeDeliveryContent, deliveryContent),
  fuzzTarget(
    "decodeSampleContent",
    [sampleContent({ ...place, ids: [] }), sampleContent({ ...place, ids: [bytes(1)] })],
    decodeSampleContent,
    sampleContent,
  ),
  fuzzTarget(
    "decodeSignedContent",
    [encodeSignedContent({ content: deliveryContent(delivery), expiry: 9, signature: bytes(3, 65) })],
    decodeSignedContent,
    encodeSignedContent,
  ),
  fuzzTarget("decodeShardRequest", [encodeShardRequest([bytes(1), bytes(2)])], decodeShardRequest, encodeShardRequest),
  fuzzTarget(
    "decodeShardAnswer",
    [encodeShardAnswer({ shards: [bytes(4, 48), null], count: 3, bytes: 400 })],
    decodeShardAnswer,
    encodeShardAnswer,
  ),
  fuzzTarget("decodeHolders", [encodeHolders(sampleTerms.holders)], decodeHolders, encodeHolders),
  fuzzTarget("decodeShardMapPayload", [shardMapPayload(sampleTerms)], decodeShardMapPayload, shardMapPayload),
  fuzzTarget(
    "decodeShardMap",
    [encodeShardMap(shardMapPayload(sampleTerms), bytes(9, 96))],
    decodeShardMap,
    ({ payload, signature }) => encodeShardMap(payload, signature),
  ),
  fuzzTarget("decodeEntry", [entry], decodeEntry, encodeEntry),
  fuzzTarget(
    "decodePlacedEntry",
    [encodePlacedEntry({ entry, position: 1, count: 3, path: bytes(1, 64) })],
    decodePlacedEntry,
    encodePlacedEntry,
  ),
  ...Object.values(KEY_TYPE).map((type) =>
    fuzzTarget(
      "decodeOneTimeSignature",
      [encodeOneTimeSignature(signOnce(bytes(1), 2, 5, type, bytes(2, 64)))],
      decodeOneTimeSignature,
      encodeOneTimeSignature,
    ),
  ),
];

/**
 * A version of a shard map as the swarm signs it for devices, which read no ledger (docs/protocol.md, section 20.5). A deterministic
 * function of the ledger, so that all members sign the same bytes. And the holders that it names.
 */
import { COSE_ALG, COSE_TYP } from "../statements/cose.js";
import type { CertificateTrust } from "./certificate.js";
import { type CborLimits, decodeCbor, encodeCbor } from "./cbor.js";
import { listedEndpoint } from "./committee-list.js";
import { bytesToSign, decodeSignedObject, encodeSignedObject } from "./cose.js";
import { bytes, entry, list, map, oneOf, text, tuple, uint } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import type { SwarmSignatures } from "./signatures.js";
import { keysOf } from "./succession.js";

/** Who keeps shards. */
export interface Holder {
  /** SHA-256 of the SubjectPublicKeyInfo of its TLS key: its name. */
  readonly tlsPin: Uint8Array;
  /** `host:port` */
  readonly endpoint: string;
}

export interface ShardMapTerms {
  readonly generation: number;
  readonly fleetId: number;
  /** 0 is the whole fleet, device index + 1 one device. */
  readonly subject: number;
  readonly version: number;
  readonly scheme: 1 | 2;
  readonly threshold: number;
  readonly shards: number;
  readonly replicas: number;
  /** Seconds since 1970. */
  readonly validFrom: number;
  /** The version's own end, or the beginning of the next one. */
  readonly validUntil: number;
  readonly graceSeconds: number;
  readonly rotationSeconds: number;
  readonly root: Uint8Array;
  readonly holders: readonly Holder[];
}

export const MAXIMUM_HOLDERS = 64;
const HOLDER_LIMITS: CborLimits = { maximumLength: 8_192, maximumDepth: 2 };
const LIMITS: CborLimits = { maximumLength: 10_240, maximumDepth: 3 };
const KIND = { typ: COSE_TYP.shardMap, algorithm: COSE_ALG.bls } as const;
const U32 = 0xffff_ffff;

const readHolder = tuple<Holder>({
  tlsPin: bytes(32),
  endpoint: text("`host:port`", (endpoint) => endpoint !== "" && endpoint === listedEndpoint(endpoint)),
});
const readHolders = list(readHolder, 1, MAXIMUM_HOLDERS);

function holderRows(holders: readonly Holder[]): (readonly [Uint8Array, string])[] {
  return holders.map(({ tlsPin, endpoint }) => [tlsPin, endpoint] as const);
}

/** Names of holders must rise, so that a list has one form and names each once. */
function expectAscending(holders: readonly Holder[], field: string): readonly Holder[] {
  for (const [position, { tlsPin }] of holders.entries()) {
    const before = holders[position - 1]?.tlsPin;
    if (before !== undefined && compareBytes(before, tlsPin) >= 0) {
      throw malformed(`${field}[${position}]`, "does not follow the one before it");
    }
  }
  return holders;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The list as the ledger takes it, ordered. */
export function encodeHolders(holders: readonly Holder[]): Uint8Array {
  return encodeCbor(holderRows(holders.toSorted((a, b) => compareBytes(a.tlsPin, b.tlsPin))));
}

/** @throws Refusal `malformed` */
export function decodeHolders(encoded: Uint8Array): readonly Holder[] {
  return expectAscending(readHolders(decodeCbor(encoded, "holders", HOLDER_LIMITS), "holders"), "holders");
}

const readTerms = map<ShardMapTerms>({
  generation: entry(1, uint()),
  fleetId: entry(2, uint()),
  subject: entry(3, uint()),
  version: entry(4, uint(U32)),
  scheme: entry(5, oneOf(1, 2)),
  threshold: entry(6, uint(32)),
  shards: entry(7, uint(32)),
  replicas: entry(8, uint(16)),
  validFrom: entry(9, uint()),
  validUntil: entry(10, uint()),
  graceSeconds: entry(11, uint(U32)),
  rotationSeconds: entry(12, uint(U32)),
  root: entry(13, bytes(32)),
  holders: entry(14, readHolders),
});

/** The payload that members sign. */
export function shardMapPayload(terms: ShardMapTerms): Uint8Array {
  const { generation, fleetId, subject, version, scheme, threshold, shards, replicas } = terms;
  const { validFrom, validUntil, graceSeconds, rotationSeconds, root, holders } = terms;
  return encodeCbor(
    new Map<number, number | Uint8Array | (readonly [Uint8Array, string])[]>([
      [1, generation],
      [2, fleetId],
      [3, subject],
      [4, version],
      [5, scheme],
      [6, threshold],
      [7, shards],
      [8, replicas],
      [9, validFrom],
      [10, validUntil],
      [11, graceSeconds],
      [12, rotationSeconds],
      [13, root],
      [14, holderRows(holders)],
    ]),
  );
}

/** @throws Refusal `malformed` */
export function decodeShardMapPayload(payload: Uint8Array): ShardMapTerms {
  const terms = readTerms(decodeCbor(payload, "shardMap", LIMITS), "shardMap");
  expectAscending(terms.holders, "shardMap.holders");
  return terms;
}

export function shardMapToSign(externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return bytesToSign(KIND, externalAad, payload);
}

export function encodeShardMap(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeSignedObject({ ...KIND, payload, signature });
}

/** Decodes without believing anything yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeShardMap(
  encoded: Uint8Array,
): ShardMapTerms & { readonly payload: Uint8Array; readonly signature: Uint8Array } {
  const { payload, signature } = decodeSignedObject(encoded, "shardMap", COSE_TYP.shardMap, [COSE_ALG.bls], {
    ...LIMITS,
    maximumLength: LIMITS.maximumLength + 256,
  });
  return { ...decodeShardMapPayload(payload), payload, signature };
}

/**
 * The map, if the swarm signed it. Its time is for the caller to judge.
 * @param now seconds since 1970: until when a map under the keys before counts.
 * @throws Refusal `malformed`, `wrong-kind`, `generation-old`, `generation-unknown` or `bad-signature`
 */
export function verifyShardMap(
  encoded: Uint8Array,
  trust: CertificateTrust,
  now: number | undefined,
  bls: SwarmSignatures,
): ShardMapTerms {
  const { payload, signature, ...terms } = decodeShardMap(encoded);
  const keys = keysOf(terms.generation, trust, now);
  if (!bls.verify(keys.bls, shardMapToSign(trust.externalAad, payload), signature)) {
    throw new Refusal("bad-signature", "the shard map is not signed by this mesh, chain and contract's group key");
  }
  return terms;
}

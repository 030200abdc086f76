/**
 * A key in pieces (docs/protocol.md, section 20.2). Segments: the key stream is cut into n pieces of 32 bytes, and all of them make
 * the seed, by HKDF, so that each one matters whole. Shamir: 32 bytes of the stream are split over GF(2^8) into n shares, of which t
 * rebuild it (`shamir-secret-sharing`, audited). Shamir itself never notices a wrong share; the caller checks each one
 * against the map before it comes here.
 */
import { combine, split } from "shamir-secret-sharing";

import { TAG } from "../statements/tags.js";
import { hkdf, u64, wipe } from "./bytes.js";
import { KEY_LENGTH, type ShardContext } from "./derivation.js";
import { ShardError } from "./errors.js";

/** Schemes by their number in the map. */
export const SCHEME = { segments: 1, shamir: 2 } as const;
export type Scheme = (typeof SCHEME)[keyof typeof SCHEME];

export const MAXIMUM_SHARDS = 32;

export interface Sharing {
  readonly scheme: Scheme;
  /** Pieces that rebuild the seed. */
  readonly threshold: number;
  readonly shards: number;
}

/** @throws ShardError `bad-scheme` */
export function checkSharing({ scheme, threshold, shards }: Sharing): void {
  const whole = Number.isInteger(threshold) && Number.isInteger(shards) && shards >= 1 && shards <= MAXIMUM_SHARDS;
  const fits = scheme === SCHEME.segments ? threshold === shards : threshold >= 2 && threshold <= shards;
  if (whole && fits && (scheme === SCHEME.segments || scheme === SCHEME.shamir)) return;
  const name =
    scheme === SCHEME.segments ? "segments" : scheme === SCHEME.shamir ? "Shamir shares" : `scheme ${scheme}`;
  throw new ShardError("bad-scheme", `a key cannot be made of ${threshold} of ${shards} ${name}`, {
    scheme,
    threshold,
    shards,
  });
}

/** Bytes of key stream that a sharing takes. */
export function streamLength({ scheme, shards }: Sharing): number {
  return scheme === SCHEME.segments ? KEY_LENGTH * shards : KEY_LENGTH;
}

/** Bytes of one piece. */
export function pieceLength({ scheme }: Pick<Sharing, "scheme">): number {
  return scheme === SCHEME.segments ? KEY_LENGTH : KEY_LENGTH + 1;
}

/** The pieces of a key stream of `streamLength` bytes, by index. The caller wipes them. */
export async function splitStream(stream: Uint8Array, sharing: Sharing): Promise<Uint8Array[]> {
  checkSharing(sharing);
  if (sharing.scheme === SCHEME.segments) {
    return Array.from({ length: sharing.shards }, (_, i) => stream.slice(KEY_LENGTH * i, KEY_LENGTH * (i + 1)));
  }
  // The library wants a plain Uint8Array, of which a Buffer is none.
  const secret = Uint8Array.from(stream);
  try {
    return await split(secret, sharing.shards, sharing.threshold);
  } finally {
    wipe(secret);
  }
}

/**
 * The seed of the device's keys from checked pieces by index. The caller wipes it.
 * @throws ShardError `too-few-shards`
 */
export async function joinPieces(
  pieces: ReadonlyMap<number, Uint8Array>,
  sharing: Sharing,
  { meshId, device, version }: ShardContext,
): Promise<Uint8Array> {
  checkSharing(sharing);
  const indexes = [...pieces.keys()].sort((a, b) => a - b);
  if (indexes.length < sharing.threshold) {
    throw new ShardError("too-few-shards", `${indexes.length} shards are good, and ${sharing.threshold} are needed`, {
      good: indexes,
      needed: sharing.threshold,
    });
  }
  const taken = indexes.slice(0, sharing.threshold).map((index) => Uint8Array.from(pieces.get(index) as Uint8Array));
  let material: Uint8Array | undefined;
  try {
    material = sharing.scheme === SCHEME.segments ? Buffer.concat(taken) : await combine(taken);
    const info = Buffer.concat([Buffer.from(TAG.shardSeed), meshId, u64(device), u64(version)]);
    return hkdf(material, undefined, info, KEY_LENGTH);
  } finally {
    wipe(material, ...taken);
  }
}

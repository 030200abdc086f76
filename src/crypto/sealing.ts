/**
 * Sealed shares (docs/protocol.md, section 4.2): the two shares of one receiver under a one-time pad from HKDF-SHA-256
 * (RFC 5869) of a Diffie-Hellman value in G1. No authentication tag: the commitments give integrity, and a contract can
 * judge an opening, which an authenticated cipher would not let it do.
 */
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { TAG } from "../statements/tags.js";
import { concatBytes, expectLength, toBytes } from "./bytes.js";
import type { G1Point } from "./group.js";
import { merkleLeaf } from "./merkle.js";
import { packG1 } from "./points.js";
import { encodeContext, type CeremonyContext } from "./transcript.js";

/** Bytes of a sealed share: G1 share and Ed25519 share, 32 bytes each. */
export const SEALED_LENGTH = 64;

/** Both shares of one receiver from one dealer, or both combined ones: 32 bytes each, big-endian. Wipe after use. */
export interface SharePair {
  readonly g1: Uint8Array;
  readonly ed25519: Uint8Array;
}

export function wipe(...secrets: readonly (SharePair | Uint8Array)[]): void {
  for (const secret of secrets) {
    if (secret instanceof Uint8Array) {
      secret.fill(0);
    } else {
      secret.g1.fill(0);
      secret.ed25519.fill(0);
    }
  }
}

/** `shared` = e * K_receiver = k_receiver * E, not infinity. Sealing and unsealing are the same operation. */
function pad(context: CeremonyContext, dealer: number, receiver: number, shared: G1Point): Uint8Array {
  const secret = packG1(shared);
  const info = concatBytes(utf8ToBytes(TAG.sealedShare), encodeContext(context, dealer, receiver));
  const stream = hkdf(sha256, secret, context.meshId, info, SEALED_LENGTH);
  secret.fill(0);
  return stream;
}

export function sealShares(
  context: CeremonyContext,
  dealer: number,
  receiver: number,
  shared: G1Point,
  shares: SharePair,
): Uint8Array {
  const sealed = pad(context, dealer, receiver, shared);
  sealed.forEach((byte, i) => (sealed[i] = byte ^ ((i < 32 ? shares.g1[i] : shares.ed25519[i - 32]) as number)));
  return sealed;
}

/** What the sealed bytes hold, valid shares or not. */
export function unsealShares(
  context: CeremonyContext,
  dealer: number,
  receiver: number,
  shared: G1Point,
  sealed: Uint8Array,
): SharePair {
  expectLength(sealed, SEALED_LENGTH, "a sealed share");
  const opened = pad(context, dealer, receiver, shared);
  opened.forEach((byte, i) => (opened[i] = byte ^ (sealed[i] as number)));
  const shares = { g1: opened.slice(0, 32), ed25519: opened.slice(32) };
  opened.fill(0);
  return shares;
}

/** Leaves of the tree over a dealing's sealed shares, in seat order. */
export function sealedLeaves(sealed: readonly Uint8Array[]): Uint8Array[] {
  return sealed.map((bytes, i) => merkleLeaf(keccak_256, toBytes(i + 1, 1), bytes));
}

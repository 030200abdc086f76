/**
 * The mesh of the worked examples: a root, four validators, and the shares that their key ceremony gave them. All secrets are
 * hashes of labels, so that every run gives the same bytes.
 */
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { getBytes, hexlify } from "ethers";

import { nobleBls } from "../../src/crypto/bls.js";
import { makeDealing, parseDealing } from "../../src/crypto/dealing.js";
import { FrostNonces, aggregateShares } from "../../src/crypto/frost.js";
import { commit, g1, randomScalar } from "../../src/crypto/group.js";
import { type Commitments, decodeCommitments, judgeDealing } from "../../src/crypto/judging.js";
import { combineShares, deriveGroupKeys, qualifiedHash, verificationRoot } from "../../src/crypto/outcome.js";
import type { SharePair } from "../../src/crypto/sealing.js";
import { combinePartials } from "../../src/crypto/threshold-bls.js";
import { allAddresses } from "../../src/ledger/contracts.js";
import { evidenceDigest } from "../../src/protocol/evidence.js";
import { COSE_ALG, type GroupAlgorithm, KEY_TYPE } from "../../src/statements/cose.js";
import { domainSeparator } from "../../src/statements/eip712.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { seeded } from "../crypto/ceremony-fixture.js";

export const seed = (label: string): Uint8Array => sha256(utf8ToBytes(`example ${label}`));
export const address = (label: string): Uint8Array => seed(label).slice(12);

export const { n, t } = quorumOf(4);
export const NOW = 1_800_000_000;
export const PERIOD_SECONDS = 86_400;

// ---- The mesh ------------------------------------------------------------------------------------------------------

export const rootSecret = seed("root key");
export const rootKey = { type: KEY_TYPE.p256, bytes: p256.getPublicKey(rootSecret, true) };
export const signByRoot = (message: Uint8Array): Uint8Array => p256.sign(message, rootSecret, { lowS: true });
export const rootPoint = p256.getPublicKey(rootSecret, false);
export const [rootX, rootY, nonce] = [rootPoint.slice(1, 33), rootPoint.slice(33), seed("nonce")];
// abi.encode of three words is the words.
export const meshId = keccak_256(concatBytes(rootX, rootY, nonce));
export const chainId = 31337n;
const all = allAddresses({
  anchor: hexlify(address("TrustAnchor")),
  registry: hexlify(address("ValidatorRegistry")),
  ceremony: hexlify(address("KeyCeremony")),
  groupKeys: hexlify(address("GroupKeys")),
  fleets: hexlify(address("FleetRegistry")),
  revocations: hexlify(address("RevocationList")),
  rotation: hexlify(address("Rotation")),
});
export const contracts = {
  anchor: getBytes(all.anchor),
  registry: getBytes(all.registry),
  ceremony: getBytes(all.ceremony),
  groupKeys: getBytes(all.groupKeys),
  fleets: getBytes(all.fleets),
  revocations: getBytes(all.revocations),
  rotation: getBytes(all.rotation),
  shards: getBytes(all.shards),
  generations: getBytes(all.generations),
  recovery: getBytes(all.recovery),
};
export const separatorOf = (verifyingContract: Uint8Array): Uint8Array =>
  domainSeparator({ chainId, verifyingContract, meshId });
export const separators = {
  anchor: separatorOf(contracts.anchor),
  registry: separatorOf(contracts.registry),
  ceremony: separatorOf(contracts.ceremony),
  fleets: separatorOf(contracts.fleets),
  revocations: separatorOf(contracts.revocations),
  rotation: separatorOf(contracts.rotation),
  shards: separatorOf(contracts.shards),
  generations: separatorOf(contracts.generations),
  recovery: separatorOf(contracts.recovery),
};
export const externalAad = separators.anchor;

/** Accounts in ascending order, as seats are. */
export const members = Array.from({ length: n }, (_, i) => ({
  seat: i + 1,
  account: address(`account ${i}`).fill(i + 1, 0, 1),
  tlsSecret: seed(`TLS key ${i}`),
}));
/** SubjectPublicKeyInfo of a P-256 key (RFC 5480) up to the point. */
export const SPKI_PREFIX = Uint8Array.from(Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"));
export const spkiOf = (secret: Uint8Array): Uint8Array => concatBytes(SPKI_PREFIX, p256.getPublicKey(secret, false));

export function evidence(seat: number, digest: Uint8Array, part: Uint8Array): Uint8Array {
  const { tlsSecret } = members[seat - 1] as (typeof members)[number];
  return p256.sign(evidenceDigest(separators.registry, digest, part), tlsSecret, { lowS: true });
}

// ---- The ceremony --------------------------------------------------------------------------------------------------

export const context = { meshId, contract: contracts.ceremony, ceremony: 1n, attempt: 1 };
export const random = seeded("examples");
export const receivingSecrets = members.map(() => randomScalar(g1, random));
export const receivingKeys = receivingSecrets.map((secret) => commit(g1, secret));
export const dealings = members.map(({ seat }) =>
  makeDealing({ context, dealer: seat, t, receivers: receivingKeys, random }),
);
export const counted = [1, 2, 3];
export const parsed = dealings.map((dealing) => parseDealing(dealing, "generation", n, t));
export const committed = counted.map((dealer) => decodeCommitments(parsed[dealer - 1] as (typeof parsed)[number]));
export const keys = deriveGroupKeys("generation", counted, committed as Commitments[], n);
export const qualified = qualifiedHash(1n, 1, counted);
export const root = verificationRoot(keys.verificationKeys);

export function shareOf(dealer: number, receiver: number): SharePair {
  const dealing = parsed[dealer - 1] as (typeof parsed)[number];
  const judgement = judgeDealing(context, dealer, dealing, receiver, receivingSecrets[receiver - 1] as bigint);
  if (judgement.verdict !== "good") throw new Error(`the dealing of seat ${dealer} is not good`);
  return judgement.shares;
}
export const shares = members.map(({ seat }) =>
  combineShares(
    "generation",
    counted,
    counted.map((dealer) => shareOf(dealer, seat)),
  ),
);
export const edKey = {
  groupKey: keys.ed25519,
  t,
  n,
  verificationKeys: new Map(keys.verificationKeys.map((key) => [key.seat, key.ed25519])),
};

export interface BlsSigning {
  readonly signature: Uint8Array;
  readonly partials: readonly { readonly seat: number; readonly signature: Uint8Array }[];
}

export function signByBls(message: Uint8Array): BlsSigning {
  const partials = counted.map((seat) => ({
    seat,
    signature: nobleBls.sign((shares[seat - 1] as SharePair).g1, message),
  }));
  return { signature: combinePartials(partials), partials };
}

export function signByFrost(message: Uint8Array) {
  const nonces = counted.map((seat) => FrostNonces.draw(seat, (shares[seat - 1] as SharePair).ed25519, random));
  const session = { message, commitments: nonces.map(({ commitment }) => commitment) };
  const parts = new Map(
    nonces.map((nonce) => {
      const { seat } = nonce.commitment;
      return [seat, nonce.sign(edKey, (shares[seat - 1] as SharePair).ed25519, session)];
    }),
  );
  return { signature: aggregateShares(edKey, session, parts), commitments: session.commitments, shares: parts };
}

export const signBySwarm = (algorithm: GroupAlgorithm, message: Uint8Array): Uint8Array =>
  algorithm === COSE_ALG.bls ? signByBls(message).signature : signByFrost(message).signature;

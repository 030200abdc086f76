/**
 * Every domain tag that Swarmkeep puts in front of a hash, a signature or a key derivation. Nothing else spells one.
 * A tag is unique to its use, so bytes made for one purpose never have a meaning for another.
 */

/** Hash-to-curve domain separation tags (RFC 9380; draft-irtf-cfrg-bls-signature, section 4.2.3). */
export const DST = {
  /** Swarm signatures, partial signatures, identity signatures. */
  signature: "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
  /** Proofs of possession of a validator's identity key. */
  possession: "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
} as const;

/** Prefixes of hashes and `info` strings of HKDF (docs/protocol.md, sections 4, 6, 7, 13 and 15). */
export const TAG = {
  dealingProof: "swarmkeep/dealing-proof/v1",
  shareOpening: "swarmkeep/share-opening/v1",
  sealedShare: "swarmkeep/sealed-share/v1",
  serial: "swarmkeep/serial/v1",
  memberSerial: "swarmkeep/member-serial/v1",
  authoritySerial: "swarmkeep/authority-serial/v1",
  certifiedKey: "swarmkeep/certified-key/v1",
  renewedKey: "swarmkeep/renewed-key/v1",
  preSharedKey: "swarmkeep/psk/v1",
  manifestKey: "swarmkeep/manifest-key/v1",
  draw: "swarmkeep/draw/v1",
  probeWork: "swarmkeep/probe-work/v1",
  /** Shards (section 20): what is derived from the generator's master, the device's root, and the rebuilt seed. */
  shardMaster: "swarmkeep/shard-master/v1",
  shardRatchet: "swarmkeep/shard-ratchet/v1",
  shardDevice: "swarmkeep/shard-device/v1",
  shardStream: "swarmkeep/shard-stream/v1",
  shardSeal: "swarmkeep/shard-seal/v1",
  shardId: "swarmkeep/shard-id/v1",
  shardSeed: "swarmkeep/shard-seed/v1",
  shardRoot: "swarmkeep/shard-root/v1",
  shardPlacement: "swarmkeep/shard-placement/v1",
  shardTopic: "swarmkeep/shards/v1",
  sealedRoot: "swarmkeep/sealed-root/v1",
  oneTimeKey: "swarmkeep/one-time-key/v1",
  oneTimeSignature: "swarmkeep/one-time-signature/v1",
  syntheticIv: "swarmkeep/synthetic-iv/v1",
  sealedMessage: "swarmkeep/sealed-message/v1",
  /** Of no protocol: files on one machine's disk. */
  sealedFile: "swarmkeep/sealed-file/v1",
  journalRecord: "swarmkeep/journal-record/v1",
} as const;

/** One byte in front of every Merkle hash: a leaf can never be read as a node. */
export const MERKLE = { leaf: 0x00, node: 0x01 } as const;

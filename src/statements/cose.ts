/** Numbers of the COSE and CWT profile (docs/protocol.md, sections 2.2 and 6). */

/** COSE algorithms (RFC 9053); BLS has none registered, so it takes one from the private range (below -65536). */
export const COSE_ALG = {
  eddsa: -8,
  es256: -7,
  /** BLS12-381, keys in G1, signatures in G2, proof-of-possession suite. */
  bls: -65601,
} as const;
export type GroupAlgorithm = typeof COSE_ALG.bls | typeof COSE_ALG.eddsa;
export type DeviceAlgorithm = typeof COSE_ALG.es256 | typeof COSE_ALG.eddsa;

/** Header parameters (RFC 9052, section 3.1; `typ` is RFC 9596). */
export const COSE_HEADER = { alg: 1, typ: 16 } as const;

/** `typ` of each signed object, from the experimental range of CoAP content formats (RFC 7252, section 12.3). */
export const COSE_TYP = {
  certificate: 65000,
  drlHead: 65001,
  committeeList: 65002,
  issuanceRequest: 65003,
  presentation: 65004,
  revocationRequest: 65005,
  healthStatement: 65006,
  probeStep: 65007,
  candidacy: 65008,
  presence: 65009,
  shardMap: 65010,
} as const;

/** CWT claims (RFC 8392, RFC 8747, RFC 8693 `scope`) and one private claim: [generation, device index, class]. */
export const CLAIM = { exp: 4, nbf: 5, cti: 7, cnf: 8, scope: 9, member: -65537 } as const;

/** Key types of a manifest leaf. */
export const KEY_TYPE = { ed25519: 1, p256: 2 } as const;
export type KeyType = (typeof KEY_TYPE)[keyof typeof KEY_TYPE];

/** Classes of devices in manifest and certificate; others are the fleet's own. */
export const DEVICE_CLASS = { sensor: 0, actuator: 1, gateway: 2 } as const;

/** How a device may prove itself when it enrols: bits of a fleet's policy. */
export const JOIN_METHOD = { identityKey: 1, preSharedKey: 2, csr: 4, attestation: 8 } as const;

/** Reasons of a revocation: CRLReason of RFC 5280, section 5.3.1. */
export const REVOCATION_REASON = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  attestationFailed: 10,
} as const;
export type RevocationReason = (typeof REVOCATION_REASON)[keyof typeof REVOCATION_REASON];

/**
 * Seconds for which what the keys of a generation signed still counts when those of the next have taken their place: as long as the
 * longest compact certificate lasts.
 */
export const HANDOVER_SECONDS = 86_400;

/** Seconds by which two honest clocks may differ. */
export const CLOCK_SKEW_SECONDS = 60;

/** Numbers and names of the X.509 profile (docs/protocol.md, section 6.2). */

/**
 * Object identifiers of Swarmkeep's own extensions: UUIDs in Microsoft's arc for them, seven numbers each, so nobody has to assign
 * one. The arc 2.25 (ITU-T X.667), which takes a UUID as one number, is not read by GnuTLS: it keeps numbers in 64 bits.
 */
export const X509_OID = {
  /** In the cross-certificate and in the mesh's own: the BLS group key and where the mesh lives. */
  groupKeys: "1.2.840.113556.1.8000.2554.64817.37933.4410.58733.834.3333292.542243",
  /** In a device's certificate: generation, index, class and scope. */
  device: "1.2.840.113556.1.8000.2554.50735.38475.40223.17717.46433.13378754.12565955",
  /** In a validator's certificate: generation, account and scope. */
  member: "1.2.840.113556.1.8000.2554.39744.51765.31155.17142.35099.6505306.916981",
  /** In a certificate request: where the device is listed, and the scope that it asks for. */
  enrolment: "1.2.840.113556.1.8000.2554.40408.44586.16413.18470.47216.14022407.14959157",
  /** In a certificate request with a new key: the old key's signature over it. */
  renewal: "1.2.840.113556.1.8000.2554.45449.5302.20324.18989.48204.7843443.1561640",
} as const;

/**
 * The domain under which meshes name their devices: `internal` is kept for private use (ICANN, July 2024), so no such name
 * ever belongs to anybody on the public Internet.
 */
export const NAME_SUFFIX = "swarm.internal";

/** Names that one certificate may have besides those that every one has. */
export const MAXIMUM_REQUESTED_NAMES = 8;

/**
 * Serials that a certificate revocation list may have to hold for one revoked device: fleets whose lifetime, quota and period
 * lead to more get no X.509 certificates, so that the list's size is bounded (section 8.1).
 */
export const MAXIMUM_SERIALS_PER_DEVICE = 256;

/** A validator's own certificate: how long it lasts, and how many it may have in a certificate period. */
export const MEMBER_CERTIFICATE = { maximumLifetime: 86_400, quota: 64 } as const;

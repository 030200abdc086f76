/**
 * What both ends agree on about TLS: version 1.3 alone, and the cipher suites with SHA-256, since that is the hash that
 * an external pre-shared key is bound to (RFC 8446, section 4.2.11). The key exchange is always ephemeral
 * (`psk_dhe_ke`): OpenSSL refuses `psk_ke` unless told otherwise. There is no early data.
 */
export const TLS_PROFILE = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
} as const;

/**
 * What is offered to clients that others wrote, on a port of its own (EST: strongSwan's client speaks TLS 1.2 at most). Of TLS 1.2
 * only suites with an ephemeral key exchange, a signature by ECDSA and authenticated encryption are left (RFC 9325, section 4.2).
 */
export const OPEN_TLS_PROFILE = {
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
  ciphers: [
    TLS_PROFILE.ciphers,
    "TLS_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
  ].join(":"),
} as const;

export type TlsProfile = typeof TLS_PROFILE | typeof OPEN_TLS_PROFILE;

/** Shorter keys could be found by trying. */
export const MINIMUM_PSK_LENGTH = 16;
